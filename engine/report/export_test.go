package report

// NewValue lets tests print values without a lake.
var NewValue = newValue

// Thousands lets tests read what pages say.
var Thousands = thousands

// MostWires lets tests have few evidence files.
var MostWires = &mostWires
