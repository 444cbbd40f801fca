package imagestore

import (
	"context"
	"errors"
	"fmt"
	"os"

	"go.podman.io/storage/pkg/reexec"

	"github.com/rlc-containers/rlc/image"
)

// Reexecuted does the work of a process that the storage library started from this program's
// file, and says so. It comes first in main, which ends when it is true.
func Reexecuted() bool { return reexec.Init() }

// Serve carries out one request and returns the result that the verb promises. Input, if
// not nil, replaces the file that a load names. The end of ctx stops the work; what is half
// done is removed. Remove has a result also beside an error: what it did remove.
func Serve(ctx context.Context, r image.Request, input *os.File, o Options) (any, error) {
	s, err := Open(r, o)
	if err != nil {
		return nil, err
	}
	defer s.Close() // never fails
	switch r.Verb {
	case image.VerbResolve:
		return s.resolve(ctx)
	case image.VerbPull:
		return s.pullAll(ctx)
	case image.VerbLoad:
		return s.load(ctx, input)
	case image.VerbList:
		return s.list()
	case image.VerbRemove:
		return s.remove()
	case image.VerbTag:
		return nil, s.tag()
	case image.VerbUntag:
		return nil, s.untag()
	case image.VerbInspect:
		return s.inspect()
	case image.VerbFlatten:
		return nil, s.flatten(ctx)
	}
	return nil, fmt.Errorf("unknown verb %q", r.Verb)
}

// Failure turns an error into what crosses to rlc, with its remedy and exit code.
func Failure(err error) *image.Error {
	var e *image.Error
	result := &image.Error{Message: err.Error()}
	if errors.Is(err, context.Canceled) {
		result.Message = "interrupted"
	}
	if errors.As(err, &e) {
		result.Remedy, result.Code = e.Remedy, e.Code
	}
	var hinted interface{ Hint() string }
	if result.Remedy == "" && errors.As(err, &hinted) {
		result.Remedy = hinted.Hint()
	}
	return result
}
