// Package engine is the map of mtric; its code lives in the packages below.
//
// On a vantage point, `mtric measure` goes through these stages, each a package:
//
//	plan.Load          HCL text to a checked, pure value
//	interval.Of        which five minutes of which day, always UTC
//	rootzone.Newest    the root zone that questions are drawn from
//	probe.Draw         the interval's queries, chance drawn from one source
//	probe.Run          one row for each query, whatever happens
//	column.Write       the rows as Parquet, whole or not at all
//	transfer.Push      to this vantage point's dropbox on the collector
//	scamper.Trace      the route to every address, when the answers are safe
//	alert              run rules, and what somebody should know
//
// On the collector the same binary goes on, by cron:
//
//	rootzone.Fetch     every root zone, proved before it is kept
//	ingest.Run         from the dropboxes into the lake: take, check, merge, keep
//	spool.Read         one file of a vantage point, treated as hostile
//	judge.Update       what is known of each zone, and by that the verdict of each answer
//	lake.Merge         the rows into their day, written whole
//	originals          the files as they came, kept and later packed
//	alert              window rules over the lake, machine rules by watch
//	lake.Scan          columns of the lake, for what comes after
//	metrics            the values of RSSAC047; metrics/correctness judges answers
//	report             weekly and monthly, and the proof of each number
//	export             tables as Arrow, CSV and NDJSON
//	rebuild            the lake again from originals, and held against the first
//
// Beside this flow stand measurement (the nouns that all share), diag
// (how a mistake in a plan is printed), lab (thirteen root servers in one
// process, with faults), simulate (a lake whose truth is known) and cli (the commands).
//
// docs/architecture.md follows one answer through the packages under "One answer's way".
//
// To understand everything read, in this order: this file, plans/rssac047/*.hcl,
// engine/measurement/measurement.go, engine/probe/probe.go, engine/cli/ingest.go.
package engine
