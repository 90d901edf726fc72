package rehearse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"mtric.net/mtric/engine/lab"
)

// web is the sources of root zones as HTTP servers in memory: no socket is opened.
type web struct{ p *player }

var errUnreachable = errors.New("cannot be reached now")

// RoundTrip answers as a source does at the time of the rehearsal.
func (w web) RoundTrip(req *http.Request) (*http.Response, error) {
	label, _, _ := strings.Cut(req.URL.Host, ".")
	for _, s := range w.p.script.sources {
		if s.label == label {
			if !s.span.holds(w.p.now) {
				return nil, errUnreachable
			}
			return w.answer(req, s)
		}
	}
	return nil, errUnreachable
}

func (w web) answer(req *http.Request, s source) (*http.Response, error) {
	zone := w.zone(req, s)
	if zone == nil {
		return response(req, http.StatusNotFound, nil, ""), nil
	}
	text, err := w.p.root.text(zone)
	if err != nil {
		return nil, err
	}
	tag := fmt.Sprintf("%q", fmt.Sprintf("%d-%x", zone.Serial, hash(string(text))))
	if req.Header.Get("If-None-Match") == tag {
		return response(req, http.StatusNotModified, nil, tag), nil
	}
	return response(req, http.StatusOK, text, tag), nil
}

// zone is what the source shows; nil where it has nothing.
func (w web) zone(req *http.Request, s source) *lab.Zone {
	r, now := w.p.root, w.p.now
	if !s.bySerial {
		if s.zone != nil {
			return s.zone(r, now)
		}
		return r.published(now, true).zone
	}
	for _, v := range r.versions {
		if req.URL.Path == fmt.Sprintf("/%d.root.txt", v.zone.Serial) && !v.at.After(now) {
			return v.zone
		}
	}
	return nil
}

func response(req *http.Request, status int, body []byte, tag string) *http.Response {
	r := &http.Response{StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req}
	if tag != "" {
		r.Header.Set("ETag", tag)
	}
	return r
}
