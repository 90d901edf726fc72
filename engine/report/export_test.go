package report

// NewValue lets tests print values without a lake.
var NewValue = newValue
