package rootzone

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"

	"mtric.net/mtric/engine/files"
)

// Filled is what came of asking for zones by their serials.
type Filled struct {
	Records  []Record   // of the zones that sources yielded, in order, as they were written
	AtHand   []uint32   // zones that the archive has, and of which no more was to be learned
	Lacking  []uint32   // zones that no source yielded and the archive lacks
	Refusals []*Refusal // of the sources, in order
}

// Fill asks for the zones of these serials, in this order, the sources that are
// BySerial, in their order, each until one yields it: whole, of exactly that serial,
// valid by the anchors at the time it was signed, the same where the archive has it.
// A zone without a digest that covers it is asked for until two sources gave it. What
// comes so is on record, but is no fetch that counts. A source that cannot be reached
// is not asked again. The error is the context's, or what is wrong with the archive;
// the archive must not be written to meanwhile.
func (f *Fetcher) Fill(ctx context.Context, sources []Source, serials []uint32) (Filled, error) {
	var filled Filled
	if err := f.open(); err != nil {
		return filled, err
	}
	old, oldErr := OldRecords(f.Dir)
	latest, err := Records(f.Dir)
	if err := errors.Join(oldErr, err); err != nil {
		return filled, err
	}
	fill := &filling{Fetcher: f, records: slices.Concat(old, latest), filled: &filled}
	for _, s := range sources {
		if s.BySerial() {
			fill.sources = append(fill.sources, s)
		}
	}
	for _, serial := range serials {
		if ctx.Err() != nil {
			return filled, fmt.Errorf("zone %d: %w", serial, ctx.Err())
		}
		err := fill.zone(ctx, serial)
		f.step()
		if err != nil {
			return filled, err
		}
	}
	return filled, nil
}

// filling is one run of Fill.
type filling struct {
	*Fetcher
	sources []Source // those that can be reached
	records []Record // of the archive
	filled  *Filled
}

// zone asks for one zone.
func (f *filling) zone(ctx context.Context, serial uint32) error {
	path := filepath.Join(f.Dir, FileName(serial))
	kept, err := Proved(path, f.Anchors)
	had := err == nil // a file that proves nothing is not the zone, and Save will say so
	came := false
	for _, s := range slices.Clone(f.sources) {
		if kept != nil {
			sum, err := files.Sum(path)
			if err != nil {
				return err
			}
			if confirmed(kept, f.records, sum) {
				break
			}
			if gaveBefore(s.Of(serial), f.records, serial, sum) {
				continue
			}
		}
		zone, record, err := f.from(ctx, s.Of(serial), serial)
		if err != nil {
			if err := f.blame(ctx, s, serial, err); err != nil {
				return err
			}
			continue
		}
		kept, came = zone, true
		f.records = append(f.records, record)
		f.filled.Records = append(f.filled.Records, record)
	}
	switch {
	case came:
	case had:
		f.filled.AtHand = append(f.filled.AtHand, serial)
	default:
		f.filled.Lacking = append(f.filled.Lacking, serial)
	}
	return nil
}

// blame notes a refusal, and gives a source up that would only cost time again.
func (f *filling) blame(ctx context.Context, s Source, serial uint32, err error) error {
	if err := blame(ctx, s.Of(serial), err, &f.filled.Refusals); err != nil {
		return err
	}
	if serverDown(f.filled.Refusals[len(f.filled.Refusals)-1]) {
		f.sources = slices.DeleteFunc(f.sources, func(other Source) bool { return other == s })
	}
	return nil
}

// serverDown says whether a refusal is about the server and not about one zone.
func serverDown(r *Refusal) bool {
	var status httpStatus
	if errors.As(r, &status) {
		return status.code == http.StatusTooManyRequests || status.code >= http.StatusInternalServerError
	}
	return r.Kind == Unavailable
}

// from takes one zone from one source into the archive.
func (f *filling) from(ctx context.Context, s Source, serial uint32) (*Zone, Record, error) {
	at := f.now()
	ctx, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	text, _, _, err := f.get(ctx, s, validators{})
	var zone *Zone
	if err == nil {
		zone, err = f.prove(text, s, (*Zone).SignedAt)
	}
	if err = inTime(ctx, s, err); err != nil {
		return nil, Record{}, err
	}
	if zone.Serial != serial {
		return nil, Record{}, refuse(OtherSerial, "holds serial %d", zone.Serial)
	}
	record, err := f.keep(zone, Record{At: at, Source: s.String(), ByHand: true})
	return zone, record, err
}
