package originals

// SetMaxPacked bounds the packs of a packer.
func SetMaxPacked(p *Packer, bytes int64) { p.maxPacked = bytes }

// ParseIndex is for fuzzing.
var (
	ParseIndex = parseIndex
	WriteIndex = writeIndex
)
