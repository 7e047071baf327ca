package casework

import (
	"slices"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// shownAs is how many organisations a case's page offers to be seen as.
const shownAs = 40

// asData says as whom a case is previewed.
type asData struct {
	Name, Path string
	None       bool // there is nothing that they may see
}

// page is a case's page, or with ?as=MEMBER what that organisation has of it.
func (c *PageConfig) page(r *web.Request) (*web.View, error) {
	f, err := c.load(r.Context(), r.Viewer, r.PathValue("number"), r)
	if err != nil {
		return nil, err
	}
	if as := r.Value("as"); as != "" && !f.party {
		return c.preview(r, f, as)
	}
	return c.caseView(r, f), nil
}

// preview shows what another organisation in the case sees. It is loaded as that
// organisation would load it, and as one of its machines: what only named
// persons may see is not in it, as the one who looks may be none of them.
func (c *PageConfig) preview(r *web.Request, f file, member string) (*web.View, error) {
	if !slices.ContainsFunc(f.parts, func(p Part) bool { return p.Member == member }) {
		return nil, fault.New(fault.NotFound, i18n.T("this organisation is not in the case", "この組織は、この事案の当事者ではありません"))
	}
	v := c.Members.Node(r.Context(), member)
	v.Role = policy.RoleReader
	as := &asData{Name: c.Members.Name(r.Context(), member), Path: web.Path("/cases/{0}", f.Number)}
	p, err := c.load(r.Context(), v, f.Number, r)
	if fault.Is(err, fault.NotFound) {
		as.None = true
		return &web.View{Template: "cases/as", Title: i18n.Same(f.Number), Nav: "cases",
			Handling: &policy.Handling{TLP: f.Handling.TLP}, Realm: f.Realm, Data: as}, nil
	}
	if err != nil {
		return nil, err
	}
	out := c.caseView(r, p)
	d := out.Data.(caseData)
	d.As = as
	out.Data = d
	return out, nil
}

// others are the ways to the previews: one for each organisation in the case.
func (f file) others() (out []web.Link) {
	var seen []string
	for _, p := range f.parts {
		if slices.Contains(seen, p.Member) || len(out) == shownAs {
			continue
		}
		seen = append(seen, p.Member)
		out = append(out, web.Link{Text: f.names[p.Member], Path: web.Path("/cases/{0}?as={1}", f.Number, p.Member)})
	}
	return out
}
