package release

import (
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// PageConfig is what a node's pages and API of what leaves stand on.
type PageConfig struct {
	DB       *store.DB
	Outgoing *Outgoing
	// Changed is called after a person decided or changed the policy; may be nil.
	// Notify the topic "outgoing" there.
	Changed func()
	// Groups returns the names of the member's trust groups, by id; nil where there are none.
	Groups func() map[string]string
}

func (c PageConfig) changed() {
	if c.Changed != nil {
		c.Changed()
	}
}

// Pages adds /outgoing and /settings/sharing. The site needs Templates too. Notify
// "outgoing" when something was offered, decided or sent.
func Pages(site *web.Site, c PageConfig) {
	site.Page("/outgoing", policy.RoleReader, c.list)
	site.Page("/outgoing/{kind}/{id}", policy.RoleReader, c.one)
	site.Action("/outgoing/{kind}/{id}/send", policy.RoleAnalyst, c.send)
	site.Action("/outgoing/{kind}/{id}/hold", policy.RoleAnalyst, c.hold)
	site.Page("/settings/sharing", policy.RoleReader, c.sharing)
	site.Action("/settings/sharing", policy.RoleAdmin, c.setSharing)
}

// messageData is the dot of outgoing/one.
type messageData struct {
	Message Message
	Says    []i18n.Text // what the hub will know
	Hides   []i18n.Text // what it will not
	JSON    string
	Facts   []web.Fact
	Open    bool // can still be decided
	Field   web.Field
	Send    string
	Hold    string
	Held    bool
	Ready   bool
}

func (c PageConfig) find(r *web.Request) (Message, error) {
	var m Message
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		if m, err = get(tx, r.PathValue("kind"), r.PathValue("id")); err != nil {
			return err
		}
		one := []Message{m}
		err = nameReceipts(tx, one)
		m = one[0]
		return err
	})
	return m, err
}

func (c PageConfig) one(r *web.Request) (*web.View, error) {
	m, err := c.find(r)
	if err != nil {
		return nil, err
	}
	d := messageData{
		Message: m,
		JSON:    onTheWire(m),
		Open:    m.State == StateWaiting || m.State == StateHeld || m.State == StateReady,
		Held:    m.State == StateHeld,
		Ready:   m.State == StateReady,
		Send:    pathOf(m) + "/send",
		Hold:    pathOf(m) + "/hold",
	}
	d.Says, d.Hides = plainWords(m, web.Defang)
	d.Field = web.Field{Name: "tlp", Kind: "select", Label: i18n.T(
		"Marking it leaves with", "送るときの取扱区分",
	), Value: m.Handling.TLP.Slug(), Options: marking.TLPOptions(m.Floor, m.Handling.TLP),
		Help: i18n.T(
			"It is yours: you may make it stricter or wider. With TLP:RED no other member gets it.",
			"自組織のものなので、厳しくも広くもできます。TLP:RED ではほかの構成員に届きません。",
		)}
	if m.Floor > policy.Clear {
		d.Field.Help = i18n.T(
			"An entry of your watchlist found it, and whoever gave you that marked it {0}: you may make it stricter, "+
				"not wider.",
			"監視リストの項目による検知で、その提供元が {0} の区分を付けています。厳しくはできますが、広げることはできません。",
		).With(m.Floor.String())
	}
	d.Facts = []web.Fact{
		{Name: i18n.T("State", "状態"), Value: stateBadge(m.State)}, {Name: i18n.T("Kind", "種類"), Value: m.what()},
		{Name: i18n.T("Offered", "発生"), Value: m.At},
	}
	if !m.Decided.IsZero() {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("Decided", "判断"), Value: web.Lines{m.Decided, m.By}})
	}
	if !m.Sent.IsZero() {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("Sent", "送信"), Value: m.Sent})
	}
	if m.Reason != "" {
		d.Facts = append(
			d.Facts, web.Fact{Name: i18n.T("What the hub said", "ハブの回答"), Value: reason.Read(m.Reason).Say()},
		)
	}
	if f := findingIn(m); f != "" {
		d.Facts = append(
			d.Facts,
			web.Fact{Name: i18n.T("Finding", "元の検知"), Value: indicator.FindingLink(f, c.findingTitle(r, f))},
		)
	}
	state := stateBadge(m.State)
	title := i18n.Same(heading(m))
	return &web.View{
		Template: "outgoing/one",
		Title:    title,
		Nav:      "outgoing",
		Handling: &m.Handling,
		State:    &state,
		Live:     []string{"outgoing"},
		Back:     &web.Link{Text: i18n.T("Outgoing", "外部送信"), Path: "/outgoing"},
		Lede:     m.lede(),
		Data:     d,
	}, nil
}

// findingTitle is a finding's title, or empty where it cannot be told.
func (c PageConfig) findingTitle(r *web.Request, id string) (title string) {
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) error {
		title = finding.Title(tx, id)
		return nil
	})
	if err != nil { // the page stands without it
		return ""
	}
	return title
}

func (c PageConfig) send(r *web.Request) (string, error) {
	tlp, ok := policy.ParseTLP(r.PostFormValue("tlp"))
	if !ok {
		return "", fault.New(fault.Invalid, i18n.T("choose one of the five labels", "5 つの区分から選んでください"))
	}
	m, err := c.find(r)
	if err == nil {
		err = c.Outgoing.Decide(r.Context(), m.Kind, m.ID, true, &tlp, r.Viewer.Name)
	}
	if err != nil {
		return "", err
	}
	c.changed()
	r.Flash(
		i18n.T("“{0}” is on its way to the hub, marked {1}.", "「{0}」を {1} でハブに送ります。").With(heading(m), tlp),
	)
	return "/outgoing", nil
}

func (c PageConfig) hold(r *web.Request) (string, error) {
	m, err := c.find(r)
	if err == nil {
		err = c.Outgoing.Decide(r.Context(), m.Kind, m.ID, false, nil, r.Viewer.Name)
	}
	if err != nil {
		return "", err
	}
	c.changed()
	r.Flash(
		i18n.T(
			"“{0}” stays here. You can still send it later.", "「{0}」は保留にしました。あとから送ることもできます。",
		).With(heading(m)),
	)
	return "/outgoing", nil
}

// heading is what a message is about, as a page shows it.
func heading(m Message) string {
	if m.Title == "" {
		return m.ID
	}
	return web.Defang(m.Title)
}
