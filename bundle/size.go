package bundle

import (
	"math"
	"strconv"
	"strings"
)

// ParseSize reads a number of bytes as people write it: digits, perhaps with a fraction,
// and a unit b, k, m, g, t or p (powers of 1024; "kb" and "KiB" mean the same as "k").
func ParseSize(text string) (int64, error) {
	number, unit := splitUnit(strings.ToLower(strings.TrimSpace(text)))
	factor, known := unitFactor(unit)
	if !known || number == "" {
		return 0, badSize(text)
	}
	if whole, err := strconv.ParseInt(number, 10, 64); err == nil {
		if whole > math.MaxInt64/factor {
			return 0, &WishError{Message: "size " + strconv.Quote(text) + ": too large"}
		}
		return whole * factor, nil
	}
	fraction, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, badSize(text)
	}
	bytes := fraction * float64(factor)
	if bytes >= math.MaxInt64 {
		return 0, &WishError{Message: "size " + strconv.Quote(text) + ": too large"}
	}
	return int64(bytes), nil
}

func badSize(text string) error {
	return refuse("size", text, "write bytes, or a number with a unit: 65536, 512k, 64m, 1.5g", "not a size")
}

// splitUnit divides text after its last digit or point. Signs and exponents stay with the
// unit, which makes them unknown.
func splitUnit(text string) (number, unit string) {
	end := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		return text, ""
	}
	return text[:end], strings.TrimLeft(text[end:], " ")
}

func unitFactor(unit string) (factor int64, known bool) {
	switch unit {
	case "", "b":
		return 1, true
	case "k", "kb", "kib":
		return 1 << 10, true
	case "m", "mb", "mib":
		return 1 << 20, true
	case "g", "gb", "gib":
		return 1 << 30, true
	case "t", "tb", "tib":
		return 1 << 40, true
	case "p", "pb", "pib":
		return 1 << 50, true
	}
	return 0, false
}
