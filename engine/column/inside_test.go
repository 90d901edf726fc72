package column

// Key is the columns that a table is sorted by.
func Key(t Table) []string { return keys[t] }
