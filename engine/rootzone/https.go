package rootzone

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/files"
)

// validators are what a server said of the zone it sent last, to ask it for
// changes only (RFC 9110, 8.8), and which zone of the archive that was.
type validators struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	Serial       uint32 `json:"serial"`
	SHA256       string `json:"sha256"`
}

// validatorsByURL has the validators by URL. Losing it costs a transfer in full.
type validatorsByURL map[string]validators

// put remembers a server's validators. Some that cannot be sent back, or are
// absurdly long, are not worth it.
func (m validatorsByURL) put(place string, v validators) {
	if v.ETag == "" && v.LastModified == "" || !sendable(v.ETag) || !sendable(v.LastModified) {
		delete(m, place)
		return
	}
	m[place] = v
}

// sendable says whether text may stand in the head of a request.
func sendable(text string) bool {
	const longest = 512
	return len(text) <= longest && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

func (f *Fetcher) memoryFile() string { return filepath.Join(f.Dir, "validators.json") }

// remembered reads the memory. One that cannot be read counts as lost.
func (f *Fetcher) remembered() validatorsByURL {
	known := validatorsByURL{}
	data, err := os.ReadFile(f.memoryFile())
	if err != nil || json.Unmarshal(data, &known) != nil || known == nil {
		return validatorsByURL{}
	}
	return known
}

func (f *Fetcher) remember(known validatorsByURL) error {
	if len(known) == 0 {
		return nil
	}
	data, err := json.MarshalIndent(known, "", "  ")
	if err == nil {
		err = renameio.WriteFile(f.memoryFile(), append(data, '\n'), 0o644, renameio.WithTempDir(f.Dir))
	}
	if err != nil {
		return fmt.Errorf("validators of zone sources: %w", err)
	}
	return nil
}

// conditional returns the validators to ask with and the zone that an answer of
// "not modified" stands for. Where the archive lacks that zone, has another file
// under its serial or the zone is no longer valid, there are none: the zone is
// asked for in full.
func (r *run) conditional(v validators, at time.Time) (validators, *Zone) {
	path := filepath.Join(r.Dir, FileName(v.Serial))
	if sum, err := files.Sum(path); err != nil || sum != v.SHA256 {
		return validators{}, nil
	}
	if r.newest != nil && v.Serial == r.newest.Serial {
		if !r.holds(at) {
			return validators{}, nil
		}
		return v, r.newest
	}
	zone, err := Open(path)
	if err != nil || zone.Validate(r.Anchors, at) != nil {
		return validators{}, nil
	}
	return v, zone
}

// maxRedirects bounds how often a server may send us elsewhere.
const maxRedirects = 5

// get asks for a URL, for changes only where there are validators. A server that
// says "not modified" without having been asked for changes is refused.
func (f *Fetcher) get(ctx context.Context, s Source, before validators) (text []byte, seen validators, unchanged bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err == nil && req.URL.Scheme != "https" {
		err = errors.New("not an https URL")
	}
	if err != nil {
		return nil, seen, false, refuse(Unavailable, "%w", err)
	}
	// Asking for no encoding also keeps the transport from unzipping by itself,
	// which would escape the bounds.
	req.Header.Set("Accept-Encoding", "identity")
	if f.Agent != "" {
		req.Header.Set("User-Agent", f.Agent)
	}
	if before.ETag != "" {
		req.Header.Set("If-None-Match", before.ETag)
	}
	if before.LastModified != "" {
		req.Header.Set("If-Modified-Since", before.LastModified)
	}
	resp, err := f.client().Do(req)
	if err != nil {
		var twice *url.Error // names the URL, as the refusal does
		if errors.As(err, &twice) {
			err = twice.Err
		}
		return nil, seen, false, refuse(Unavailable, "%w", err)
	}
	defer resp.Body.Close()
	asked := before != validators{}
	if resp.StatusCode == http.StatusNotModified && asked {
		return nil, before, true, nil
	}
	if err := acceptable(resp, s.maxSize()); err != nil {
		return nil, seen, false, err
	}
	text, err = readBounded(resp.Body, req.URL.Path, s.maxSize())
	seen = validators{ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified")}
	return text, seen, false, err
}

// httpStatus is a status other than 200.
type httpStatus struct {
	code int
	text string
}

func (h httpStatus) Error() string { return "HTTP status " + h.text }

// acceptable refuses a response by its head.
func acceptable(resp *http.Response, most int64) error {
	encoding := resp.Header.Get("Content-Encoding")
	switch {
	case resp.StatusCode != http.StatusOK:
		return refuse(Unavailable, "%w", httpStatus{resp.StatusCode, resp.Status})
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return refuse(NotZone, "content encoding %q, which was not asked for", encoding)
	case resp.ContentLength > most:
		return refuse(TooLarge, "%d bytes announced, %d allowed", resp.ContentLength, most)
	}
	return nil
}

func (f *Fetcher) client() *http.Client {
	transport := f.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:      true,
			DisableKeepAlives:      true, // one request, then half an hour nothing
			MaxResponseHeaderBytes: 64 << 10,
		}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		switch {
		case req.URL.Scheme != "https":
			return fmt.Errorf("redirected to %s, which is not https", req.URL.Redacted())
		case len(via) > maxRedirects:
			return errors.New("redirected too often")
		}
		return nil
	}}
}
