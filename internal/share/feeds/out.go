package feeds

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/policy/marked"
	"github.com/meneki/meneki/internal/share/convert"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// outPath is where tools read lists: the indicators that whoever asks may see, in a form of package
// convert. A tool signs in with an API token, as a bearer or as the password of HTTP Basic.
const outPath = "/feeds/out/"

// outNames are the lists, by the last part of their address.
func outNames() (list []string) {
	for _, t := range convert.Targets() {
		list = append(list, "indicators."+t.Name)
	}
	return list
}

// page is how many objects are read at a time.
const page = 1000

// serveOut serves one list. What it holds, how long it is and how it is tagged follows from what the
// viewer may see alone.
func (s *Service) serveOut(site *web.Site) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, token, ok := r.BasicAuth(); ok {
			r = r.Clone(r.Context())
			r.Header.Set("Authorization", "Bearer "+token)
		}
		who, err := site.Who(w, r, policy.RoleReader)
		if err != nil {
			if fault.Is(err, fault.Unauthenticated) {
				w.Header().Set("WWW-Authenticate",
					`Basic realm="feeds: any name, an API token as password", charset="UTF-8"`)
			}
			site.Refuse(w, r, err)
			return
		}
		name, _ := strings.CutPrefix(strings.TrimPrefix(r.URL.Path, outPath), "indicators.")
		target, ok := convert.TargetNamed(name)
		if !ok || r.URL.Path != outPath+"indicators."+name {
			site.Refuse(w, r, fault.New(fault.NotFound, i18n.T("there is no such list; there are {0}",
				"その一覧はありません。あるのは {0} です").
				With(strings.Join(outNames(), ", "))))
			return
		}
		body, err := s.render(r.Context(), who.Viewer, target)
		if err != nil {
			site.Refuse(w, r, err)
			return
		}
		sum := sha256.Sum256(body)
		w.Header().Set("Content-Type", target.Media)
		w.Header().Set("Content-Disposition", `attachment; filename="meneki-indicators.`+target.Ending+`"`)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "private, no-cache")
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}

// render writes what a viewer may see. RED is for persons and never in a list for tools.
func (s *Service) render(ctx context.Context, v policy.Viewer, target convert.Target) ([]byte, error) {
	w := convert.NewWriter(target, convert.WriteOptions{Title: "meneki", Now: s.DB.Now()})
	action := policy.ActExport
	if target.Blocks {
		action = policy.ActBlock
	}
	ask := object.Ask{Types: []string{"indicator"}, Limit: page, Bodies: true}
	for {
		var p object.Page
		err := s.DB.Read(ctx, store.As(v), func(tx *store.Tx) (err error) {
			if p, err = s.Objects.Read(tx, ask); err != nil {
				return err
			}
			defs := object.Definitions(tx, "") // what is not here is not known, and permits nothing
			for _, o := range p.Objects {
				x, err := stix.Parse(o.Body)
				if err == nil && marked.Of(x, defs, o.Handling, s.DB.Now()).PAP.Allows(action) {
					w.Add(x, o.Handling.TLP)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if !p.More {
			break
		}
		ask.After = p.Upto
	}
	var b bytes.Buffer
	err := w.Flush(&b)
	return b.Bytes(), err
}
