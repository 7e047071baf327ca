package feed

import (
	"time"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/i18n"
)

// Item is what one record of a feed says: values of which each alone means the same thing (the
// hashes of one file, a URL by http and by https), and what stands beside them.
type Item struct {
	Line    int
	Text    string            // the value as it is written
	Entries []watchlist.Entry // canonical, one or more
	// Silent says why the value says nothing of an attack by itself, such as a private address.
	// Read does not give such entries, and lists them as not covered.
	Silent i18n.Text
	Stated bool // the record or the options state the handling; without it the entries are RED
	Detail
}

// Detail is what a record says beside its values. Every field may be empty.
type Detail struct {
	Port       int // that belongs to the address or the name; the entry matches on every port
	Name       string
	Note       string
	Labels     []string
	Reference  string
	Confidence int // 1 to 100
	First      time.Time
	Last       time.Time
}

// maxDetail bounds each text of a Detail, in bytes.
const maxDetail = 2000
