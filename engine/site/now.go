package site

import (
	"context"
	"time"

	"mtric.net/mtric/engine/interval"
)

// recent is how long now.js reaches back.
const recent = 2 * time.Hour

// now writes the last two hours.
func (r *job) now(ctx context.Context) error {
	n := Now{Last: r.last, RSIs: []NowRSI{}, VPs: []NowVP{}, Serials: []ZoneSerial{}, Open: []Event{}, Alerts: []AlertLine{}, Tiles: map[string]Tile{}}
	if r.last.IsZero() {
		return r.data("now", n)
	}
	end := r.last.Add(interval.Length)
	parts := map[string][]block{}
	for from := end.Add(-recent); from.Before(end); {
		day := interval.Day(from)
		to := earlier(end, day.AddDate(0, 0, 1))
		f, err := r.fold(ctx, r.Lake, day, int(from.Sub(day)/interval.Length), int(to.Sub(day)/interval.Length), r.own)
		if err == nil {
			err = f.read(ctx, r.Lake)
		}
		if err != nil {
			return err
		}
		if err := r.each(f.blocks, func(name string, b block) error {
			parts[name] = append(parts[name], b)
			return nil
		}); err != nil {
			return err
		}
		from = to
	}
	for without := 0; ; without++ {
		for name, blocks := range parts {
			n.Tiles[name] = tile(blocks, r.edition, without)
		}
		text, err := script("now", n)
		if err != nil {
			return err
		}
		if len(text) <= MaxFile || without == len(leftOff) {
			return r.data("now", n)
		}
	}
}
