// Package history is a node's memory: its own past events, kept so that a new
// indicator or rule can be searched for in them at once, and so that a value
// which is ordinary in that past is never mistaken for a sign of an attack.
//
// What is appended goes into a write-ahead log and is durable when Append
// returns. When the log is full it is sealed into Parquet files in Hive-style
// folders that any other tool can read as well:
//
//	DIR/format                                     a number: the layout's version
//	DIR/lock                                       one process at a time
//	DIR/found                                      log of the events that led to a finding
//	DIR/wal/SEGMENT.wal                            events not sealed yet
//	DIR/wal/SEGMENT.sealed                         a sealing that must be finished
//	DIR/tmp/                                       files not finished yet; emptied at start
//	DIR/events/class=UID/day=YYYYMMDD/FILE.parquet sealed events
//	DIR/index/FILE.idx                             derived from the Parquet file; rebuilt if lost
//
// A crash at any point loses and doubles nothing. docs/design/0004-history.md
// says why it is built so.
package history
