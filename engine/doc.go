// Package engine is the map of mtric; its code lives in the packages below.
//
// On a vantage point, `mtric measure` goes through these stages, each a package:
//
//	plan.Load          HCL text to a checked, pure value
//	interval.Of        which five minutes of which day, always UTC
//	rootzone.Newest    the root zone that questions are drawn from
//	probe.Draw         the interval's queries, chance drawn from one source
//	probe.Run          one row for each query, whatever happens
//	lake.Write         the rows as Parquet, whole or not at all
//	transfer.Push      to this vantage point's dropbox on the collector
//	scamper.Trace      the route to every address, when the answers are safe
//	alert.Book         what somebody should know
//
// Beside the way of the data stand measurement (the nouns that all share), diag
// (how a mistake in a plan is printed), lab (thirteen root servers in one
// process, with faults) and cli (the commands).
//
// To understand everything read, in this order: this file, plans/rssac047/*.hcl,
// engine/measurement/measurement.go, engine/probe/probe.go, engine/cli/measure.go.
package engine
