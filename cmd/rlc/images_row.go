package main

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/rlc-containers/rlc/image"
)

// imageRow is one line of the list of images: an image under one of its names. Its methods
// are what a --format may ask for.
type imageRow struct {
	summary    imageSummary
	repository string
	tag        string
	whole      bool // ids are not shortened
	now        time.Time
}

// none stands for a name or digest that an image does not have.
const none = "<none>"

// imageRows makes a row of every name of every image, and one of an image without a name.
func imageRows(images []image.Image, d dialect, whole bool) []*imageRow {
	now := time.Now()
	var rows []*imageRow
	for _, i := range images {
		row := imageRow{whole: whole, now: now, repository: none, tag: none, summary: imageSummary{
			ID: i.ID, RepoTags: listed(i.Names), RepoDigests: listed(i.Digests), Names: listed(i.Names), Digest: i.Digest,
			Created: i.Created.Unix(), CreatedAt: i.Created, Size: i.Size, VirtualSize: i.Size,
			Labels: i.Config.Labels, OS: i.OS, Arch: i.Arch, ReadOnly: i.ReadOnly,
		}}
		if len(i.Names) == 0 {
			if len(i.Digests) > 0 {
				name, _, _ := strings.Cut(i.Digests[0], "@")
				row.repository = d.familiar(name)
			}
			rows = append(rows, &row)
			continue
		}
		for _, name := range i.Names {
			named := row
			named.repository, named.tag = splitTag(d.familiar(name))
			rows = append(rows, &named)
		}
	}
	return rows
}

// splitTag divides a name at the colon of its tag.
func splitTag(name string) (repository, tag string) {
	colon := strings.LastIndexByte(name, ':')
	if colon < 0 || strings.Contains(name[colon:], "/") {
		return name, none
	}
	return name[:colon], name[colon+1:]
}

// familiar is a full name as the dialect's users write it: Docker's leave Docker Hub out.
func (d dialect) familiar(name string) string {
	if d != asDocker {
		return name
	}
	short, hub := strings.CutPrefix(name, "docker.io/")
	if !hub {
		return name
	}
	return strings.TrimPrefix(short, "library/")
}

// MarshalJSON writes the image, whatever the name of the row.
func (r *imageRow) MarshalJSON() ([]byte, error) { return json.Marshal(r.summary) }

// ID is the image's id, shortened unless --no-trunc.
func (r *imageRow) ID() string {
	if r.whole {
		return "sha256:" + r.summary.ID
	}
	return shortID(r.summary.ID)
}

// Id is ID.
func (r *imageRow) Id() string { return r.ID() }

// Repository is the name without the tag.
func (r *imageRow) Repository() string { return r.repository }

// Tag is the name's tag.
func (r *imageRow) Tag() string { return r.tag }

// Digest is that of the image's manifest.
func (r *imageRow) Digest() string {
	if r.summary.Digest == "" {
		return none
	}
	return r.summary.Digest
}

// Created says how long ago the image was made.
func (r *imageRow) Created() string { return ago(r.summary.CreatedAt, r.now) }

// CreatedSince is Created.
func (r *imageRow) CreatedSince() string { return r.Created() }

// CreatedAt is when the image was made.
func (r *imageRow) CreatedAt() string {
	return r.summary.CreatedAt.Local().Format("2006-01-02 15:04:05 -0700 MST")
}

// CreatedTime is CreatedAt.
func (r *imageRow) CreatedTime() string { return r.CreatedAt() }

// Size is what the image's layers take, for people.
func (r *imageRow) Size() string { return humanSize(r.summary.Size) }

// VirtualSize is Size.
func (r *imageRow) VirtualSize() string { return r.Size() }

// Labels are the image's labels.
func (r *imageRow) Labels() map[string]string { return r.summary.Labels }

// Label is one of the image's labels.
func (r *imageRow) Label(name string) string { return r.summary.Labels[name] }

// RepoTags are all names of the image.
func (r *imageRow) RepoTags() []string { return r.summary.RepoTags }

// RepoDigests are all names of the image by digest.
func (r *imageRow) RepoDigests() []string { return r.summary.RepoDigests }

// ReadOnly tells whether the image lies in another tool's store.
func (r *imageRow) ReadOnly() bool { return r.summary.ReadOnly }

// Arch is the architecture that the image is for.
func (r *imageRow) Arch() string { return r.summary.Arch }

// Os is the operating system that the image is for.
func (r *imageRow) Os() string { return r.summary.OS }
