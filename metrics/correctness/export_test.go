package correctness

// WithoutMemory is a judge that verifies every signature anew.
func (j Judge) WithoutMemory() Judge {
	j.forget = true
	return j
}

// Causes are the names that Cause gives.
func Causes() []string {
	var names []string
	for _, c := range causes {
		names = append(names, c.name)
	}
	return names
}
