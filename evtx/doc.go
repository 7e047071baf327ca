// Package evtx reads Windows event log files (.evtx): whole files, streams,
// damaged and cut files, and files that Windows is still writing.
//
// A file is a header of 4096 bytes and chunks of 65536 bytes. Each chunk is
// complete in itself: it holds records, and the names and templates that they use.
// A record is binary XML, nearly always a template and the values to put into
// it. This package compiles each template once a chunk, and then reads of each
// record only its values.
//
//	r, err := evtx.NewReader(file, size)
//	for rec, err := range r.All() {
//		if err != nil {
//			slog.Warn("damage", "error", err) // and where it is; the rest goes on
//			continue
//		}
//		fields, err := rec.Fields() // as Sigma rules name them
//	}
//
// A Record has its content in three forms, and all of them come from the same
// tree: Fields, AppendJSON and AppendXML.
//
// # Trust
//
// Files are taken for hostile. Each length is checked against the chunk, nesting
// is bounded by MaxDepth, and what one record may grow to by MaxOutput. Whatever
// a file holds, reading it ends, takes memory in proportion to one chunk, and
// does not panic. Damage is reported as *Error with its place; a record is never
// given in part.
//
// # Source
//
// Written from the documentation of the format: Joachim Metz, Windows XML Event
// Log (EVTX) format, libyal/libevtx (file, chunk, record, tokens, value types),
// and Microsoft, [MS-EVEN6] EventLog Remoting Protocol 6.0, 2.2.12 to 2.2.18 and
// 3.1.4.7 (grammar of binary XML, substitutions, type system).
package evtx

// Bounds that every file is held to.
const (
	// ChunkSize is the size of a chunk in bytes, and the bound of a record.
	ChunkSize = 65536
	// MaxDepth bounds how deep elements may be nested in a template, and how deep
	// binary XML may be nested in the values of binary XML.
	MaxDepth = 64
	// MaxOutput bounds in bytes what one record fills as fields, JSON or XML. A
	// record of Windows has at most a tenth of it.
	MaxOutput = 4 << 20
)

const (
	headerSize      = 4096 // the file header's block
	chunkHeaderSize = 512
	recordOverhead  = 24 + 4 // signature, size, id, time; size again at the end
	maxFragments    = 16     // how deep binary XML is nested in values of binary XML
	maxSteps        = 1 << 20
)

var (
	fileSignature   = []byte("ElfFile\x00")
	chunkSignature  = []byte("ElfChnk\x00")
	recordSignature = []byte("**\x00\x00")
)
