package testimage

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Registry is where Push sends images.
type Registry struct {
	URL      string // http://127.0.0.1:5000
	Client   *http.Client
	User     string // empty: without authentication
	Password string
}

// Push stores the image in the registry as repository:tag.
func (i *Image) Push(ctx context.Context, r Registry, repository, tag string) error {
	manifest, blobs, err := i.manifest()
	if err != nil {
		return err
	}
	for name, blob := range blobs {
		at, err := r.send(ctx, http.MethodPost, r.URL+"/v2/"+repository+"/blobs/uploads/", "", nil)
		if err != nil {
			return err
		}
		query := at.Query()
		query.Set("digest", name)
		at.RawQuery = query.Encode()
		if _, err := r.send(ctx, http.MethodPut, at.String(), "application/octet-stream", blob); err != nil {
			return err
		}
	}
	_, err = r.send(ctx, http.MethodPut, r.URL+"/v2/"+repository+"/manifests/"+tag, typeManifest, manifest)
	return err
}

// send makes one request and returns where the answer points.
func (r Registry) send(ctx context.Context, method, to, kind string, body []byte) (*url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if r.User != "" {
		req.SetBasicAuth(r.User, r.Password)
	}
	res, err := r.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, to, res.Status, text)
	}
	return req.URL.Parse(res.Header.Get("Location"))
}
