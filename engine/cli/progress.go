package cli

import (
	"github.com/schollz/progressbar/v3"
)

// bar is a progress bar on a terminal and nothing elsewhere.
type bar struct{ b *progressbar.ProgressBar }

// progress begins a bar of n steps on stderr.
func (a *app) progress(n int, what string) bar {
	if a.flags.quiet || !isTerminal(a.err) {
		return bar{}
	}
	return bar{progressbar.NewOptions(n, progressbar.OptionSetWriter(a.err), progressbar.OptionSetDescription(what),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(40), progressbar.OptionShowCount())}
}

func (p bar) step() {
	if p.b != nil {
		_ = p.b.Add(1) // a bar that cannot be drawn harms nothing
	}
}

// at draws the bar at so many steps of a number that is known only now.
func (p bar) at(done, of int) {
	if p.b != nil {
		p.b.ChangeMax(of)
		_ = p.b.Set(done)
	}
}

func (p bar) done() {
	if p.b != nil {
		_ = p.b.Finish()
	}
}
