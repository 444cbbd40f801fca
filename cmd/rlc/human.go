package main

import (
	"fmt"
	"strconv"
	"time"
)

// humanSize writes a number of bytes with three digits and a decimal unit: "7.33 MB".
func humanSize(bytes int64) string {
	units := [...]string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	size, unit := float64(bytes), 0
	for size >= 999.5 && unit < len(units)-1 {
		size /= 1000
		unit++
	}
	return strconv.FormatFloat(threeDigits(size), 'f', -1, 64) + " " + units[unit]
}

// threeDigits rounds to three significant digits.
func threeDigits(f float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 3, 64), 64)
	if err != nil {
		return f
	}
	return rounded
}

// humanDuration writes a span of time as people say it, as Docker's users know it.
func humanDuration(d time.Duration) string {
	const day = 24
	hours := int(d.Round(time.Hour).Hours())
	switch seconds, minutes := int(d.Seconds()), int(d.Minutes()); {
	case seconds < 1:
		return "Less than a second"
	case seconds == 1:
		return "1 second"
	case seconds < 60:
		return fmt.Sprintf("%d seconds", seconds)
	case minutes == 1:
		return "About a minute"
	case minutes < 60:
		return fmt.Sprintf("%d minutes", minutes)
	case hours == 1:
		return "About an hour"
	case hours < 2*day:
		return fmt.Sprintf("%d hours", hours)
	case hours < 14*day:
		return fmt.Sprintf("%d days", hours/day)
	case hours < 60*day:
		return fmt.Sprintf("%d weeks", hours/day/7)
	case hours < 2*365*day:
		return fmt.Sprintf("%d months", hours/day/30)
	default:
		return fmt.Sprintf("%d years", hours/day/365)
	}
}

// ago says how long ago something was; nothing is known of the zero time.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "N/A"
	}
	return humanDuration(now.Sub(t)) + " ago"
}

// shortID is the part of an id that people use.
func shortID(id string) string {
	const length = 12
	if len(id) > length {
		return id[:length]
	}
	return id
}
