package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rlc-containers/rlc/image"
)

// ImagesCmd lists images.
type ImagesCmd struct {
	All       bool     `name:"all" short:"a" help:"Show the unnamed images as well that others are built on"`
	Digests   bool     `name:"digests" help:"Show digests"`
	Filter    []string `name:"filter" short:"f" sep:"none" placeholder:"KEY=VALUE" help:"Show those only that fit: reference, dangling, label, before, since, until, id, digest, readonly"`
	Format    string   `name:"format" placeholder:"FORMAT" help:"Print with a Go template, or as json"`
	NoHeading bool     `name:"noheading" short:"n" help:"Print no headings"`
	NoTrunc   bool     `name:"no-trunc" help:"Print whole ids"`
	Quiet     bool     `name:"quiet" short:"q" help:"Print ids only"`
	Sort      string   `name:"sort" placeholder:"COLUMN" choices:"created,id,repository,size,tag" help:"Sort by a column (default created)"`
	Reference []string `arg:"IMAGE" count:"0-1" complete:"image"`
}

func imagesCommand() command {
	return command{
		names:    []string{"images", "image ls", "image list"},
		usage:    "[options] [IMAGE]",
		summary:  "List images",
		about:    "Lists the images that can be run without pulling, those of Podman included.",
		examples: []string{"images", "images --filter dangling=true -q", "images --format 'table {{.Repository}} {{.Size}}' alpine"},
		flags:    new(ImagesCmd),
	}
}

// Run prints the list.
func (c *ImagesCmd) Run(ctx context.Context, a *app) error {
	filters, err := imageFilters(c.Filter)
	if err != nil {
		return err
	}
	if len(c.Reference) > 0 {
		filters["reference"] = c.Reference[0]
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	var found []image.Image
	if err := e.Image(ctx, image.Request{Verb: image.VerbList, Filters: filters}, &found); err != nil {
		return err
	}
	return c.print(a, found, c.Format)
}

// print shows images by a format.
func (c *ImagesCmd) print(a *app, found []image.Image, format string) error {
	if !c.All {
		found = withoutIntermediate(found)
	}
	rows := imageRows(found, a.dialect, c.NoTrunc)
	c.sort(rows)
	if c.Quiet {
		return a.printIDs(rows)
	}
	table := "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.Created}}\t{{.Size}}"
	if c.Digests {
		table = strings.Replace(table, "{{.ID}}", "{{.Digest}}\t{{.ID}}", 1)
	}
	l := listing{format: format, table: table, noHeading: c.NoHeading, headings: map[string]string{"ID": "IMAGE ID", "Id": "IMAGE ID", "CreatedSince": "CREATED"}}
	for _, row := range rows {
		l.rows = append(l.rows, row)
	}
	return a.printList(l)
}

// imageFilters reads --filter. Values of the same key are separated by new lines.
func imageFilters(list []string) (map[string]string, error) {
	filters := map[string]string{}
	for _, filter := range list {
		key, value, ok := strings.Cut(filter, "=")
		if !ok {
			return nil, &usageError{message: "--filter " + filter + ": not KEY=VALUE"}
		}
		if before, again := filters[key]; again {
			value = before + "\n" + value
		}
		filters[key] = value
	}
	return filters, nil
}

// withoutIntermediate leaves out unnamed images whose layers another image is built on.
func withoutIntermediate(all []image.Image) []image.Image {
	below := map[string]bool{} // directories of layers that are not the uppermost of their image
	for _, i := range all {
		for n, dir := range i.Layers {
			if n > 0 {
				below[dir] = true
			}
		}
	}
	return slices.DeleteFunc(all, func(i image.Image) bool {
		return len(i.Names) == 0 && len(i.Layers) > 0 && below[i.Layers[0]]
	})
}

func (c *ImagesCmd) sort(rows []*imageRow) {
	slices.SortStableFunc(rows, func(x, y *imageRow) int {
		switch c.Sort {
		case "id":
			return cmp.Compare(x.summary.ID, y.summary.ID)
		case "repository":
			return cmp.Or(cmp.Compare(x.repository, y.repository), cmp.Compare(x.tag, y.tag))
		case "size":
			return cmp.Compare(x.summary.Size, y.summary.Size)
		case "tag":
			return cmp.Or(cmp.Compare(x.tag, y.tag), cmp.Compare(x.repository, y.repository))
		}
		return y.summary.CreatedAt.Compare(x.summary.CreatedAt)
	})
}

// printIDs prints every image's id once.
func (a *app) printIDs(rows []*imageRow) error {
	printed := map[string]bool{}
	for _, row := range rows {
		if id := row.ID(); !printed[id] {
			printed[id] = true
			if _, err := fmt.Fprintln(a.stdout, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// imageSummary is an image as `images --format json` shows it.
type imageSummary struct {
	ID          string            `json:"Id"`
	RepoTags    []string          `json:"RepoTags"`
	RepoDigests []string          `json:"RepoDigests"`
	Names       []string          `json:"Names"`
	Digest      string            `json:"Digest"`
	Created     int64             `json:"Created"`
	CreatedAt   time.Time         `json:"CreatedAt"`
	Size        int64             `json:"Size"`
	VirtualSize int64             `json:"VirtualSize"`
	Labels      map[string]string `json:"Labels"`
	OS          string            `json:"Os"`
	Arch        string            `json:"Arch"`
	ReadOnly    bool              `json:"ReadOnly"`
}
