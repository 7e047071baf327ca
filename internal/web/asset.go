package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed templates
var shell embed.FS

//go:embed assets
var assetFiles embed.FS

// styleOrder is how the style sheet is put together out of its parts.
var styleOrder = []string{"tokens.css", "base.css", "shell.css", "parts.css", "form.css", "pictures.css", "narrow.css",
	"print.css"}

// assets are the console's files, under an address that changes with them.
type assets struct {
	version string
	files   map[string]asset
}

type asset struct {
	kind   string // Content-Type
	etag   string
	body   []byte
	packed []byte // gzip
}

func mustAssets() *assets {
	a, err := loadAssets()
	if err != nil {
		panic("web: assets: " + err.Error()) // they are embedded: a test finds it
	}
	return a
}

func loadAssets() (*assets, error) {
	a := &assets{files: map[string]asset{}}
	entries, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		return nil, err
	}
	var style bytes.Buffer
	for _, name := range styleOrder {
		part, err := fs.ReadFile(assetFiles, "assets/"+name)
		if err != nil {
			return nil, err
		}
		style.Write(part)
	}
	bodies := map[string][]byte{"app.css": style.Bytes()}
	for _, e := range entries {
		if slices.Contains(styleOrder, e.Name()) {
			continue
		}
		if bodies[e.Name()], err = fs.ReadFile(assetFiles, "assets/"+e.Name()); err != nil {
			return nil, err
		}
	}
	names := make([]string, 0, len(bodies))
	for name := range bodies {
		names = append(names, name)
	}
	slices.Sort(names)
	all := sha256.New()
	for _, name := range names {
		body := bodies[name]
		all.Write([]byte(name))
		all.Write(body)
		sum := sha256.Sum256(body)
		var packed bytes.Buffer
		z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level is a constant
		_, _ = z.Write(body)
		if err := z.Close(); err != nil {
			return nil, err
		}
		a.files[name] = asset{kind: kindOf(name), etag: `"` + hex.EncodeToString(sum[:12]) + `"`, body: body,
			packed: packed.Bytes()}
	}
	a.version = hex.EncodeToString(all.Sum(nil)[:6])
	return a, nil
}

func kindOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

// path is where a file is served.
func (a *assets) path(name string) string { return "/assets/" + a.version + "/" + name }

// serve answers with a file. Under its right version it may be kept for good.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	f, ok := a.files[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Vary", "Accept-Encoding")
	if r.PathValue("version") == a.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	body := f.body
	etag := f.etag
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && len(f.packed) < len(f.body) {
		body = f.packed
		etag = strings.TrimSuffix(etag, `"`) + `-gz"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", etag)
	if match := r.Header.Get("If-None-Match"); match != "" && strings.Contains(match, etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader has gone
	}
}

func (a *assets) favicon(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=86400")
	http.Redirect(w, r, a.path("icon.svg"), http.StatusFound)
}
