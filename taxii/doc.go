// Package taxii serves and reads TAXII 2.1 (OASIS Standard, 10 June 2021), the
// protocol by which threat information in STIX is exchanged over HTTPS. It needs
// nothing of meneki but package stix.
//
// # Server
//
// A [Server] is an http.Handler over a [Backend], which stores objects and decides
// what a caller may know of. [Memory] is a backend for tests and small servers; a
// backend of one's own is tested with package taxiitest.
//
// What pollers rely on is kept: a poller that goes on from the last date it was given
// never misses an object, however many write at the same time; every page of a list
// can be asked for again and is the same; a page follows the page before it in another
// process and after a restart too.
//
// # Client
//
// A [Client] discovers API roots, reads collections page by page, adds objects, and
// waits for the server to have taken them. It goes on where it was interrupted and
// copes with what servers in the field do differently.
package taxii
