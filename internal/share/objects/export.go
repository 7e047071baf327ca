package objects

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

func exportLinks(f file) []web.Link {
	q := ""
	if f.Realm != live {
		q = "&realm=" + f.Realm
	}
	out := []web.Link{{Text: i18n.T("Download the object (STIX)", "このオブジェクトを保存（STIX）"), Icon: "download",
		Path: web.Path("/objects/{0}/stix", f.ID) + "?near=0" + q}}
	if len(f.near.Objects)+len(f.contents) > 0 {
		out = append(out, web.Link{Text: i18n.T("With what hangs together with it", "関連するものも含めて保存"), Icon: "download",
			Path: web.Path("/objects/{0}/stix", f.ID) + "?near=1" + q})
	}
	return out
}

// exports adds the downloads: bundles of STIX 2.1 objects that the reader may see.
func (p *pages) exports(site *web.Site) {
	site.Handle("GET /objects/{id}/stix", http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		r, err := site.Who(w, hr, policy.RoleReader)
		if err == nil {
			err = p.export(w, r)
		}
		if err != nil {
			site.Refuse(w, hr, err)
		}
	}))
}

func (p *pages) export(w http.ResponseWriter, r *web.Request) error {
	var list []object.Object
	if r.Value("near") == "1" {
		f, err := p.load(r.Context(), r.Viewer, realmOf(r), r.PathValue("id"), 1)
		if err != nil {
			return err
		}
		list = append([]object.Object{f.Object}, f.near.Objects...)
		list = append(list, f.contents...)
		more, err := p.relations(r, f.Realm, list)
		if err != nil {
			return err
		}
		list = append(list, more...)
	} else {
		err := p.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) error {
			o, err := object.Get(tx, realmOf(r), r.PathValue("id"))
			list = append(list, o)
			return err
		})
		if err != nil {
			return err
		}
	}
	return writeBundle(w, list, list[0].ID)
}

// relations are the relationships between objects of a list.
func (p *pages) relations(r *web.Request, realm string, list []object.Object) (out []object.Object, err error) {
	have := map[string]bool{}
	for _, o := range list {
		have[o.ID] = true
	}
	err = p.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) error {
		for _, o := range list[:min(len(list), maxAround)] {
			in, err := object.Referring(tx, realm, o.ID, maxAround)
			if err != nil {
				return err
			}
			for _, x := range in {
				so, err := stix.Parse(x.Body)
				if err == nil && x.Type() == "relationship" && have[so.Text("source_ref")] &&
					have[so.Text("target_ref")] {
					out = append(out, x)
				}
			}
		}
		return nil
	})
	return out, err
}

// writeBundle answers with objects, each once, and with the markings that they name.
func writeBundle(w http.ResponseWriter, list []object.Object, name string) error {
	var all []*stix.Object
	seen := map[string]bool{}
	add := func(o *stix.Object) {
		if o != nil && !seen[o.ID()] {
			seen[o.ID()] = true
			all = append(all, o)
		}
	}
	for _, x := range list {
		if o, err := stix.Parse(x.Body); err == nil {
			add(o)
		}
	}
	for _, o := range all {
		for _, id := range o.ObjectMarkingRefs() {
			if label, ok := stix.TLPName(id); ok {
				if m := stix.TLPMarking(label); m != nil && m.ID() == id {
					add(m)
				}
			}
		}
	}
	var b bytes.Buffer
	if err := stix.WriteBundle(&b, "bundle--"+uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String(),
		all...); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/stix+json;version=2.1")
	h.Set("Content-Disposition", `attachment; filename="`+name+`.json"`)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(b.Bytes()) // the reader has gone
	return nil
}
