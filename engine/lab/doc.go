// Package lab is an embedded root server system for the demo and for tests:
// thirteen RSIs in one process on the loopback interface, which serve a
// generated root zone and go wrong where a Fault says so. It can be the servers
// of another zone's operator as well (ZoneServers, Options.Origin).
//
// Generate makes a zone of the real one's shape: as many top-level domains,
// the same shares of DS records, name servers and glue, an NSEC chain, RSA-2048
// signatures and a zone digest. All of it follows from a seed, the private keys
// too: they protect nothing and must never sign anything that is in use.
// NextVersion, Sequence and History make the versions that follow.
//
// A Signing says which keys a version has and who signs what, so that a roll of
// keys or of the algorithm is a list of Revisions; ZONEMD, glue and DS records
// change, are wrong or go missing as a Revision says. Zones that are to be made
// fast have keys of ECDSAP256SHA256.
//
// Start opens the sockets: RSI a at 127.0.53.1 and ::1, port base + 1, to RSI m
// at 127.0.53.13 and ::1, port base + 13, each over UDP and TCP, if wanted over
// TLS too, and in class CH it says who it is. Letters answer
// as the three kinds of server software do, see Flavour, because a measurement
// must not depend on how an answer is arranged. A zone transfer over TCP gives
// the whole zone.
//
// A query goes parse -> Zone.compose -> draft.fit -> System.spoil -> socket:
// the right answer is made first, then faults change the message or its way.
// Refuse alone works on sockets, which are closed while it lasts.
package lab
