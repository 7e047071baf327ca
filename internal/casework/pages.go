package casework

import (
	"context"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Members is the members, as the pages need them.
type Members interface {
	identity.Names
	identity.Nodes
}

// PageConfig says what the cases' pages and operations stand on.
type PageConfig struct {
	DB    *store.DB
	Cases *Service
	// Members names the members: for the hub's people, and for a party itself.
	Members Members
	// Site has the panels of other capabilities. Pages sets it.
	Site *web.Site
}

// Panels of other capabilities belong to the page "case", whose slots are:
//
//	top     above everything else
//	main    below the findings
//	known   below the facts
//	aside   below what moves the case on; a part with the id "assess" is where
//	        the severity is assessed
const panelPage = "case"

// Pages adds /cases and a page for each case.
func (c *PageConfig) Pages(site *web.Site) {
	c.Site = site
	site.Templates(Templates())
	site.Page("/cases", policy.RoleReader, c.listPage)
	site.Page("/cases/{number}", policy.RoleReader, c.page)
	site.Action("/cases/{number}/note", policy.RoleReader, c.noteAction)
	site.Action("/cases/{number}/state", policy.RoleAnalyst, c.stateAction)
}

// file is a case as one viewer may know it.
type file struct {
	Case
	party   bool // the viewer is one of the organisations, not the hub
	parts   []Part
	entries []Entry
	panels  web.Panels
	names   map[string]string
}

// load reads a case for a viewer. A party gets its own parts and entries and
// what the hub says to it; nothing that names or counts the others. r is the reader's
// request, nil where a program asks.
func (c *PageConfig) load(ctx context.Context, v policy.Viewer, number string, r *web.Request) (f file, err error) {
	err = c.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		if f.Case, err = Get(tx, number); err != nil {
			return err
		}
		if f.parts, err = Parts(tx, f.ID); err != nil {
			return err
		}
		f.entries, err = Timeline(tx, f.ID)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return f, noCase()
	}
	if err != nil {
		return f, err
	}
	if !v.Hub {
		f.narrow(v)
	}
	if f.panels, err = c.Site.Load(ctx, panelPage, f.subject(v, r)); err != nil {
		return f, err
	}
	if j := f.panels.Severity(); j != nil { // number and words are of one assessment
		f.Severity, f.Lowest, f.Highest = j.Likely, j.Low, j.High
	}
	f.names = map[string]string{}
	for _, p := range f.parts {
		f.names[p.Member] = c.Members.Name(ctx, p.Member)
	}
	for _, e := range f.entries {
		if _, ok := f.names[e.Member]; e.Member != "" && !ok {
			f.names[e.Member] = c.Members.Name(ctx, e.Member)
		}
	}
	return f, nil
}

// subject is what the case's page is about, for the panels on it.
func (f file) subject(v policy.Viewer, r *web.Request) web.Subject {
	return web.Subject{ID: f.ID, Page: web.Path("/cases/{0}", f.Number), Viewer: v, Request: r}
}

// narrow leaves of a case what a party may know: its own parts and entries, and
// the hub's entries that are addressed to it, without the counts in them.
func (f *file) narrow(v policy.Viewer) {
	f.party = true
	own := ownParts(v, f.parts)
	f.parts = own
	entries := f.entries[:0:0]
	for _, e := range f.entries {
		if e.Member != "" && e.Member != v.Member {
			continue
		}
		switch e.Kind {
		case "opened", "finding":
			// Whether it opened the case or came to it would tell that there were
			// others before: both read the same.
			i := slices.IndexFunc(own, func(p Part) bool { return p.Finding == e.Subject })
			if i < 0 {
				continue
			}
			e.Kind, e.Class, e.Member, e.Handling = "finding", Victim, v.Member, own[i].Handling
			e.Says, e.Args = saysOwnFinding, []string{own[i].Title}
		case "indicator":
			e.Says, e.Args = saysMadeIndicator, nil
		case "severity":
			// What the hub told before this party came is about others.
			if len(own) > 0 && e.At.Before(own[0].At) {
				continue
			}
		}
		entries = append(entries, e)
	}
	f.entries = entries
	f.Case = f.Case.forParty(own)
}

// forParty is the case as the organisation behind the parts sees it.
func (c Case) forParty(own []Part) Case {
	c.Members, c.Findings, c.Sectors, c.Tactics, c.Words = 0, len(own), nil, nil, ""
	c.Opened, c.Updated, c.Sensed, c.Level = time.Time{}, time.Time{}, time.Time{}, ""
	if len(own) > 0 {
		c.Title, c.Opened, c.Level = own[0].Title, own[0].At, own[0].Level
		c.Updated = own[len(own)-1].At
	} else {
		c.Title = c.Number
	}
	// Whom a case is addressed to is whose it is.
	c.Handling = policy.Handling{TLP: c.Handling.TLP}
	return c
}

// noteAction writes a note into a case.
func (c *PageConfig) noteAction(r *web.Request) (string, error) {
	number := r.PathValue("number")
	form := web.FormOf(r)
	err := c.note(r.Context(), r.Viewer, number, r.Value("text"), r.Value("for") == "parties")
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		form.Wrong("text", fault.TextOf(err))
		return "", r.Again("/cases/{number}", form)
	}
	if err != nil {
		return "", err
	}
	r.Flash(i18n.T("The note is in the case.", "記録を追加しました。"))
	return web.Path("/cases/{0}", number) + "#timeline", nil
}

// note writes a note for the hub's people, or for the parties as well. What a
// party writes is for itself and the hub. To the parties it is the hub that
// speaks, so a reader does not.
func (c *PageConfig) note(ctx context.Context, v policy.Viewer, number, text string, parties bool) error {
	f, err := Lookup(ctx, c.DB, v, number)
	if err != nil {
		return err
	}
	h := policy.Handling{TLP: policy.AmberStrict}
	if parties && v.Hub {
		if !MayAct(v) {
			return fault.New(fault.Denied, i18n.T("what the parties read takes an analyst", "当事者に見せる記録は分析担当者以上が書けます"))
		}
		h.TLP, h.Audience = f.Handling.TLP, f.Handling.Audience
	}
	return c.Cases.Note(ctx, v, f.ID, text, h)
}

func (c *PageConfig) stateAction(r *web.Request) (string, error) {
	number := r.PathValue("number")
	if err := c.move(r.Context(), r.Viewer, number, State(r.Value("state"))); err != nil {
		return "", err
	}
	r.Flash(i18n.T("{0} is {1} now.", "{0} を「{1}」にしました。").With(number, State(r.Value("state")).Name()))
	return web.Path("/cases/{0}", number), nil
}

// move changes the state of a case: the hub's analysts do.
func (c *PageConfig) move(ctx context.Context, v policy.Viewer, number string, to State) error {
	if err := AtHub(v); err != nil {
		return err
	}
	if err := api.Need(v, policy.RoleAnalyst); err != nil {
		return err
	}
	f, err := Lookup(ctx, c.DB, v, number)
	if err != nil {
		return err
	}
	return c.Cases.SetState(ctx, v, f.ID, to)
}

// AtHub refuses what the hub does with a case, and not the organisations in it.
func AtHub(v policy.Viewer) error {
	if v.Hub {
		return nil
	}
	return fault.New(fault.Denied, i18n.T("the hub does this; write it a note", "この操作はハブが行います。記録欄からハブへ伝えてください"))
}

// MayAct reports whether v moves cases on: the hub's analysts do.
func MayAct(v policy.Viewer) bool {
	return v.Hub && v.Role != policy.RoleReader && v.Role != policy.RoleNone
}

// How long the hub gives itself, from the opening of a case, until a person has
// narrowed its severity: where it may be major, and otherwise. Contained cases
// wait a week before somebody decides to close them.
const (
	assessSoon   = time.Hour
	assessLater  = 4 * time.Hour
	containIn    = 24 * time.Hour
	closeIn      = 7 * 24 * time.Hour
	majorFromNow = 3
)

// NextStep is what the hub has to do with a case next, and by when; nothing for
// a closed one.
func (c Case) NextStep() (what i18n.Text, by time.Time) {
	switch {
	case c.State == Closed:
		return i18n.Text{}, time.Time{}
	case c.State == Contained:
		return i18n.T("Decide whether it is over", "終結を判断"), c.Updated.Add(closeIn)
	case c.Severity < 0 || c.Lowest != c.Highest:
		if c.Highest >= majorFromNow || c.Severity < 0 {
			return i18n.T("Ask what is unknown and assess the severity", "不明点を確認し深刻度を評価"), c.Opened.Add(assessSoon)
		}
		return i18n.T("Ask what is unknown and assess the severity", "不明点を確認し深刻度を評価"), c.Opened.Add(assessLater)
	}
	return i18n.T("Confirm with the parties that it is contained", "当事者に封じ込めを確認"), c.Opened.Add(containIn)
}
