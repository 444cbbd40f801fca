package bundle

import "fmt"

// WishError reports a wish that contradicts another one, that is not well-formed, or that
// nothing can fulfil.
type WishError struct {
	Message string
	Remedy  string
}

// Error says which wish and what is wrong with it.
func (e *WishError) Error() string { return e.Message }

// Hint says what the person can ask instead; it may be empty.
func (e *WishError) Hint() string { return e.Remedy }

// ExitCode is that of a command line that cannot be carried out.
func (e *WishError) ExitCode() int { return 125 }

// refuse makes a WishError about a flag as it was typed.
func refuse(flag, value, remedy, cause string, args ...any) error {
	return &WishError{
		Message: fmt.Sprintf("%s %q: %s", flag, value, fmt.Sprintf(cause, args...)),
		Remedy:  remedy,
	}
}

// conflict makes a WishError about two flags that cannot be had together.
func conflict(one, other, reason, remedy string) error {
	return &WishError{
		Message: fmt.Sprintf("%s and %s contradict each other: %s", one, other, reason),
		Remedy:  remedy,
	}
}
