package spool_test

import "mtric.net/mtric/engine/column/sample"

var group = sample.Group
