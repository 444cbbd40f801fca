package main

import (
	"testing"
	"time"
)

func TestHumanSize(t *testing.T) {
	t.Parallel()
	tests := []struct {
		bytes int64
		want  string
	}{
		{0, "0 B"},
		{999, "999 B"},
		{1000, "1 kB"},
		{1234, "1.23 kB"},
		{7_334_567, "7.33 MB"},
		{999_499, "999 kB"},
		{999_500, "1 MB"},
		{123_456_789, "123 MB"},
		{1 << 40, "1.1 TB"},
		{1<<63 - 1, "9.22 EB"},
	}
	for _, tt := range tests {
		if got := humanSize(tt.bytes); got != tt.want {
			t.Errorf("%d: got %q, want %q", tt.bytes, got, tt.want)
		}
	}
}

func TestHumanDuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	tests := []struct {
		d    time.Duration
		want string
	}{
		{0, "Less than a second"},
		{-time.Hour, "Less than a second"},
		{time.Second, "1 second"},
		{59 * time.Second, "59 seconds"},
		{time.Minute, "About a minute"},
		{45 * time.Minute, "45 minutes"},
		{time.Hour, "About an hour"},
		{47 * time.Hour, "47 hours"},
		{3 * day, "3 days"},
		{21 * day, "3 weeks"},
		{90 * day, "3 months"},
		{3 * 365 * day, "3 years"},
	}
	for _, tt := range tests {
		if got := humanDuration(tt.d); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.d, got, tt.want)
		}
	}
	if got := ago(time.Time{}, time.Now()); got != "N/A" {
		t.Errorf("zero time: got %q", got)
	}
}
