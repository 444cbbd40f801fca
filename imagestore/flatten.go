package imagestore

import (
	"context"
	"errors"
)

func (s *Store) flatten(context.Context) error { return errors.New("flatten") }
