package idmap

import (
	"errors"
	"reflect"
	"testing"
)

func TestMapTranslates(t *testing.T) {
	t.Parallel()
	m := Map{{0, 1001, 1}, {1, 100000, 65536}}
	for _, pair := range []struct{ inside, outside uint32 }{{0, 1001}, {1, 100000}, {65536, 165535}} {
		if got, ok := m.ToOutside(pair.inside); !ok || got != pair.outside {
			t.Errorf("ToOutside(%d) = %d, %v; want %d", pair.inside, got, ok, pair.outside)
		}
		if got, ok := m.ToInside(pair.outside); !ok || got != pair.inside {
			t.Errorf("ToInside(%d) = %d, %v; want %d", pair.outside, got, ok, pair.inside)
		}
	}
	if got, ok := m.ToOutside(65537); ok {
		t.Errorf("ToOutside of an unmapped id = %d", got)
	}
	if got, ok := m.ToInside(0); ok {
		t.Errorf("ToInside of host root = %d", got)
	}
	if got, want := m.String(), "0 1001 1\n1 100000 65536\n"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}

func TestMapValidate(t *testing.T) {
	t.Parallel()
	many := func(n int, first uint32) Map {
		var m Map
		for i := range n {
			m = append(m, Extent{uint32(2 * i), first + uint32(2*i), 1})
		}
		return m
	}
	for _, test := range []struct {
		name string
		m    Map
		want Problem
	}{
		{"one id", Map{{0, 1001, 1}}, ""},
		{"all ids", Map{{0, 0, idLimit}}, ""},
		{"340 lines", many(340, 0), ""},
		{"empty", nil, Empty},
		{"count 0", Map{{0, 1, 0}}, NoCount},
		{"count 0 of nothing", Map{{}}, NoCount},
		{"inside overflows", Map{{idLimit - 1, 1, 2}}, BeyondIDs},
		{"outside overflows", Map{{0, idLimit, 1}}, BeyondIDs},
		{"inside twice", Map{{0, 1, 2}, {1, 9, 1}}, Overlap},
		{"outside twice", Map{{0, 1, 2}, {5, 2, 1}}, Overlap},
		{"341 lines", many(341, 0), TooLong},
		{"more than a page", many(340, 4000000000), TooLong},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got Problem
			var invalid *MapError
			if err := test.m.Validate(); errors.As(err, &invalid) {
				got = invalid.Problem
				if invalid.Error() == "" || invalid.Hint() == "" {
					t.Error("the error does not explain itself")
				}
			}
			if got != test.want {
				t.Errorf("Validate() found %q, want %q", got, test.want)
			}
		})
	}
}

func TestMapWithout(t *testing.T) {
	t.Parallel()
	m := Map{{0, 1001, 1}, {1, 100000, 10}}
	for _, test := range []struct {
		name string
		cut  Range
		want Map
	}{
		{"the first", Range{0, 1}, Map{{1, 100000, 10}}},
		{"the middle", Range{3, 2}, Map{{0, 1001, 1}, {1, 100000, 2}, {5, 100004, 6}}},
		{"across extents", Range{0, 3}, Map{{3, 100002, 8}}},
		{"everything", Range{0, 100}, nil},
		{"what is not there", Range{11, 5}, m},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := m.without(test.cut); !reflect.DeepEqual(got, test.want) {
				t.Errorf("without(%v) = %v, want %v", test.cut, got, test.want)
			}
		})
	}
}
