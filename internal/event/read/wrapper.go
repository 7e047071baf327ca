package read

import (
	"bytes"

	"github.com/meneki/meneki/internal/event/jsonscan"
)

// maxLead bounds what may come before the list of a wrapper, in bytes.
const maxLead = 4096

// wrapLead are the members that a wrapper may begin with.
var wrapLead = map[string]bool{
	"Records": true, "records": true, // CloudTrail, Azure diagnostic settings
	"events": true,                                                                        // many an interface
	"value":  true, "@odata.context": true, "@odata.count": true, "@odata.nextLink": true, // Microsoft Graph, Azure
	"hits": true, "took": true, "timed_out": true, "_shards": true, "_scroll_id": true, "pit_id": true, // Elasticsearch
}

// leadBytes are what they begin with.
var leadBytes = []byte("Rrev@ht_p")

// opensWrapper passes the start of an object that only wraps a list of records, up to
// the first of them: {"Records":[, {"value":[, {"took":5,"hits":{"hits":[. It waits
// for no more than it needs.
func (f *framer) opensWrapper() bool {
	for {
		n, depth, sure := wrapper(f.there())
		if sure {
			f.pos += n
			f.wrapped = depth
			return n > 0
		}
		if !f.fill() {
			return false
		}
	}
}

// wrapper looks for the list in what begins with {: n is where its first record may
// begin, 0 if this is no wrapper, and depth how many objects are open there. sure is
// false if more has to be seen.
func wrapper(b []byte) (n, depth int, sure bool) {
	i, depth, first, odata := 1, 1, true, false
	for {
		if i = blanks(b, i); i >= len(b) {
			return 0, 0, false
		}
		if b[i] != '"' {
			return 0, 0, true
		}
		if first && i+1 < len(b) && bytes.IndexByte(leadBytes, b[i+1]) < 0 {
			return 0, 0, true // which nearly all records say at once
		}
		end := bytes.IndexByte(b[i+1:min(len(b), i+40)], '"')
		if end < 0 {
			return 0, 0, len(b) >= i+40 || first && !mayLead(b[i+1:])
		}
		key := string(b[i+1 : i+1+end])
		if first && !wrapLead[key] {
			return 0, 0, true
		}
		odata = odata || key[:min(len(key), 7)] == "@odata."
		if i = blanks(b, i+end+2); i >= len(b) {
			return 0, 0, false
		}
		if b[i] != ':' {
			return 0, 0, true
		}
		if i = blanks(b, i+1); i >= len(b) {
			return 0, 0, false
		}
		switch {
		case b[i] == '[' && listOf(key, depth):
			k := blanks(b, i+1)
			if k >= len(b) {
				return 0, 0, len(b) > maxLead
			}
			// An empty list of events may as well be a member of a record.
			empty := b[k] == ']' && (depth == 2 || odata || key == "Records" || key == "records")
			if b[k] == '{' || empty {
				return k, depth, true
			}
			return 0, 0, true
		case b[i] == '{' && key == "hits" && depth == 1:
			depth, first = 2, false
			i++
			continue
		}
		if i, sure = passValue(b, i); i < 0 || i > maxLead {
			return 0, 0, true
		} else if !sure {
			return 0, 0, len(b) > maxLead
		}
		if i = blanks(b, i); i >= len(b) {
			return 0, 0, false
		}
		if b[i] != ',' {
			return 0, 0, true
		}
		i++
		first = false
	}
}

// mayLead reports whether a key that is not there as a whole may lead a wrapper.
func mayLead(part []byte) bool {
	for key := range wrapLead {
		if len(part) <= len(key) && key[:len(part)] == string(part) {
			return true
		}
	}
	return false
}

func listOf(key string, depth int) bool {
	if depth == 2 {
		return key == "hits"
	}
	return key == "Records" || key == "records" || key == "events" || key == "value"
}

func blanks(b []byte, i int) int {
	for i < len(b) && jsonscan.IsSpace(b[i]) {
		i++
	}
	return i
}

// passValue returns the place after a value at i, -1 if there is none; sure is false
// if its end is not there yet.
func passValue(b []byte, i int) (end int, sure bool) {
	s := jsonscan.Structure{MaxDepth: maxDepth}
	for ; i < len(b); i++ {
		switch s.Next(b[i]) {
		case jsonscan.Done:
			return i + 1, true
		case jsonscan.Before:
			return i, true
		case jsonscan.Broken:
			return -1, true
		}
		if i > maxLead {
			return i, true
		}
	}
	return i, false
}

// unwrap passes what follows the list in its wrapper, to the closing brace.
func (f *framer) unwrap() (frame, bool) {
	f.s.Resume(f.wrapped)
	f.wrapped = 0
	at := f.offset()
	for {
		for f.pos < f.end {
			switch f.s.Next(f.buf[f.pos]) {
			case jsonscan.Done:
				f.pos++
				return frame{}, false
			case jsonscan.Broken:
				err := broken(f.offset() - at)
				f.resync(0)
				return frame{offset: at, err: err}, true
			}
			f.pos++
		}
		if !f.fill() {
			f.reported = true
			return frame{offset: at, err: f.cut()}, true
		}
	}
}

// bulkWords are what an action line of Elasticsearch's bulk format may say.
var bulkWords = map[string]bool{
	"_index": true, "_id": true, "_type": true, "routing": true, "_routing": true, "version": true,
	"version_type": true, "if_seq_no": true,
	"if_primary_term": true, "pipeline": true, "require_alias": true, "require_data_stream": true,
	"dynamic_templates":       true,
	"list_executed_pipelines": true, "retry_on_conflict": true, "op_type": true,
}

// bulkAction reports whether a record is an action line of the bulk format of
// Elasticsearch and OpenSearch, which says what to do with the line below it.
func bulkAction(m map[string]any) bool {
	if len(m) != 1 {
		return false
	}
	for verb, v := range m {
		o, ok := v.(map[string]any)
		switch {
		case !ok:
			return false
		case verb == "index" || verb == "create":
			if len(o) == 0 {
				return true
			}
		case verb != "delete" && verb != "update":
			return false
		}
		for k := range o {
			if !bulkWords[k] {
				return false
			}
		}
		return o["_index"] != nil || o["_id"] != nil
	}
	return false
}
