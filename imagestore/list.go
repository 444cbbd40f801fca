package imagestore

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.podman.io/storage"

	"github.com/rlc-containers/rlc/image"
)

// list returns the images that pass all filters, newest first. A damaged image is told of
// and left out: the others must stay visible.
func (s *Store) list() ([]image.Image, error) {
	stored, err := s.store.Images()
	if err != nil {
		return nil, fmt.Errorf("read the images: %w", err)
	}
	passes, err := s.filter()
	if err != nil {
		return nil, err
	}
	result := []image.Image{}
	seen := map[string]bool{}
	for n := range stored {
		i := &stored[n]
		if seen[i.ID] { // the same image in a read-only store
			continue
		}
		described, err := s.describe(i)
		if err != nil {
			s.options.Note(err.Error())
			continue
		}
		if passes(&described) {
			seen[i.ID] = true
			result = append(result, described)
		}
	}
	slices.SortStableFunc(result, func(a, b image.Image) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID))
	})
	return result, nil
}

// filter is the conjunction of all filters of the request. Several values of one filter are
// separated by newlines and any of them suffices, except for labels, which all must be there.
func (s *Store) filter() (func(*image.Image) bool, error) {
	var tests []func(*image.Image) bool
	for name, values := range s.request.Filters {
		var any []func(*image.Image) bool
		for value := range strings.SplitSeq(values, "\n") {
			test, err := s.oneFilter(name, value)
			if err != nil {
				return nil, err
			}
			if name == "label" {
				tests = append(tests, test)
				continue
			}
			any = append(any, test)
		}
		if len(any) > 0 {
			tests = append(tests, func(i *image.Image) bool {
				return slices.ContainsFunc(any, func(test func(*image.Image) bool) bool { return test(i) })
			})
		}
	}
	return func(i *image.Image) bool {
		return !slices.ContainsFunc(tests, func(test func(*image.Image) bool) bool { return !test(i) })
	}, nil
}

func (s *Store) oneFilter(name, value string) (func(*image.Image) bool, error) {
	switch name {
	case "reference":
		return func(i *image.Image) bool { return matchesReference(i, value) }, nil
	case "label":
		key, want, exact := strings.Cut(value, "=")
		return func(i *image.Image) bool {
			got, ok := i.Config.Labels[key]
			return ok && (!exact || got == want)
		}, nil
	case "before", "since", "after", "until":
		moment, err := s.moment(name, value)
		if err != nil {
			return nil, err
		}
		if name == "since" || name == "after" {
			return func(i *image.Image) bool { return i.Created.After(moment) }, nil
		}
		return func(i *image.Image) bool { return i.Created.Before(moment) }, nil
	case "dangling", "readonly":
		want, err := strconv.ParseBool(value)
		if err != nil {
			return nil, &image.Error{Message: fmt.Sprintf("filter %s=%s: neither true nor false", name, value)}
		}
		if name == "readonly" {
			return func(i *image.Image) bool { return i.ReadOnly == want }, nil
		}
		return func(i *image.Image) bool { return (len(i.Names) == 0) == want }, nil
	case "id":
		prefix := strings.TrimPrefix(value, "sha256:")
		return func(i *image.Image) bool { return strings.HasPrefix(i.ID, prefix) }, nil
	case "digest":
		return func(i *image.Image) bool {
			return strings.HasPrefix(i.Digest, value) || strings.HasPrefix(i.Digest, "sha256:"+value)
		}, nil
	}
	return nil, &image.Error{
		Message: fmt.Sprintf("filter %q is unknown", name),
		Remedy:  "there are reference, label, before, since, until, dangling, readonly, id and digest",
	}
}

// moment is when another image was made, or, for until, a time or how long ago.
func (s *Store) moment(filter, value string) (time.Time, error) {
	if filter == "until" {
		if ago, err := time.ParseDuration(value); err == nil {
			return time.Now().Add(-ago), nil
		}
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
			if moment, err := time.ParseInLocation(layout, value, time.Local); err == nil {
				return moment, nil
			}
		}
		return time.Time{}, &image.Error{Message: fmt.Sprintf("filter until=%s: neither a time nor a duration", value)}
	}
	sys, err := s.system()
	if err != nil {
		return time.Time{}, err
	}
	i, _, err := s.find(sys, value)
	if err != nil {
		return time.Time{}, fmt.Errorf("filter %s: %w", filter, err)
	}
	return s.createdOf(i), nil
}

func (s *Store) createdOf(i *storage.Image) time.Time {
	if c, err := s.configurationOf(i); err == nil && c.Created != nil {
		return *c.Created
	}
	return i.Created
}

// matchesReference compares a pattern with the names of an image, with and without their
// tag, and with any number of leading parts left away, as people write them.
func matchesReference(i *image.Image, pattern string) bool {
	for _, name := range append(slices.Clone(i.Names), i.Digests...) {
		for _, candidate := range []string{name, repository(name)} {
			for {
				if ok, err := path.Match(pattern, candidate); ok && err == nil {
					return true
				}
				_, rest, found := strings.Cut(candidate, "/")
				if !found {
					break
				}
				candidate = rest
			}
		}
	}
	return false
}
