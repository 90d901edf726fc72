package column

import "slices"

// Key is the columns that a table is sorted by.
func Key(t Table) []string { return tables[slices.Index(Tables, t)].key }
