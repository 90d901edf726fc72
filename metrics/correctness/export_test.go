package correctness

// WithoutMemory is a judge that verifies every signature anew.
func (j Judge) WithoutMemory() Judge {
	j.forget = true
	return j
}
