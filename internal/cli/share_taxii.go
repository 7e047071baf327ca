package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/fetch"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/convert"
	"github.com/meneki/meneki/stix"
	"github.com/meneki/meneki/taxii"
)

// taxiiFlags say which server is spoken to, and how.
type taxiiFlags struct {
	Collection string         `help:"Id or alias of the collection, if the address does not name it. Default: the only one." ja:"アドレスに含まれない場合のコレクションの ID か別名。既定は唯一のもの" placeholder:"ID" jaholder:"ID"`
	User       string         `help:"Name to sign in with; empty for a token." ja:"認証の名前。トークンなら不要" placeholder:"NAME" jaholder:"名前"`
	TokenFile  string         `help:"File with the token or password. Default: the environment variable MENEKI_TAXII_TOKEN." ja:"トークンかパスワードのファイル。既定は環境変数 MENEKI_TAXII_TOKEN" placeholder:"FILE" jaholder:"ファイル" type:"path"`
	Allow      []netip.Prefix `help:"Networks that may be spoken to although they are not public." ja:"公開されていないが接続を許可するネットワーク" placeholder:"NETWORK" jaholder:"ネットワーク"`
	Plain      bool           `help:"Allow http." ja:"http を許可"`
}

// tokenVariable holds the token, so that it is not on the command line, which others can see.
const tokenVariable = "MENEKI_TAXII_TOKEN"

// client returns a client for an address.
func (c taxiiFlags) client() (*taxii.Client, *fetch.Client, error) {
	secret := os.Getenv(tokenVariable)
	if c.TokenFile != "" {
		b, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return nil, nil, fault.Wrap(fault.Invalid, i18n.T("{0} cannot be read", "{0} を読み取れません").With(c.TokenFile),
				err)
		}
		secret = strings.TrimSpace(string(b))
	}
	f := fetch.New(fetch.Config{Allow: c.Allow, Plain: c.Plain, Timeout: time.Hour})
	t := &taxii.Client{HTTP: f.HTTP(), UserAgent: "meneki"}
	switch {
	case c.User != "":
		t.User, t.Password = c.User, secret
	case secret != "":
		t.Authorization = "Bearer " + secret
	}
	return t, f, nil
}

// place returns the API root and the collection that an address means: that of a collection, of an API
// root, or of a server.
func (c taxiiFlags) place(s *session, t *taxii.Client, address string) (root string, at taxii.Collection, err error) {
	if before, after, ok := strings.Cut(address, "/collections/"); ok {
		id, _, _ := strings.Cut(after, "/")
		return before + "/", taxii.Collection{ID: cmp.Or(c.Collection, id), CanRead: true, CanWrite: true}, nil
	}
	roots := []string{address}
	if d, err := t.Discover(s.ctx, address); err == nil {
		roots = d.APIRoots
		if d.Default != "" {
			roots = append([]string{d.Default}, roots...)
		}
	}
	var found []string
	seen := map[string]bool{}
	for _, root := range roots {
		if seen[root] {
			continue
		}
		seen[root] = true
		list, err := t.Collections(s.ctx, root)
		if err != nil {
			return "", at, err
		}
		for _, x := range list {
			if c.Collection != "" && (x.ID == c.Collection || x.Alias == c.Collection) || c.Collection == "" &&
				len(list) == 1 {
				return root, x, nil
			}
			found = append(found, x.ID+" ("+x.Title+")")
		}
	}
	if len(found) == 0 {
		return "", at, fault.New(fault.NotFound, i18n.T("there is no collection for you", "利用できるコレクションがありません"))
	}
	return "", at, fault.New(fault.Invalid, i18n.T("which collection is meant?", "コレクションを特定できません")).
		WithHint(i18n.T("say --collection with one of: {0}", "--collection で次のいずれかを指定してください：{0}").
			With(clean(strings.Join(found, ", "))))
}

// reachFault says what an error of a server means.
func reachFault(f *fetch.Client, address string, err error) error {
	var t *taxii.Error
	if errors.As(err, &t) {
		kind := fault.Unavailable
		if strings.HasPrefix(t.HTTPStatus, "4") {
			kind = fault.Denied
		}
		return fault.Wrap(kind, i18n.T("the server answers: {0}", "サーバーの応答：{0}").With(clean(t.Error())), err)
	}
	return f.Fault(address, err)
}

type sharePull struct {
	Address string `arg:"" name:"address" jaholder:"アドレス" help:"Address of a TAXII 2.1 server, of one of its API roots, or of a collection." ja:"TAXII 2.1 のサーバー、API ルート、コレクションのいずれかのアドレス"`
	taxiiFlags
	writeFlags
	State string `help:"File that keeps how far the collection was read: the next time only what is new comes." ja:"どこまで読んだかを記録するファイル。次回は新しいものだけを取得" placeholder:"FILE" jaholder:"ファイル" type:"path"`
	JSON  bool   `help:"Print what came as JSON to standard error." ja:"結果を JSON で標準エラーに表示"`
}

// pulled is how far a collection was read, as the state file has it.
type pulled struct {
	Root       string         `json:"root"`
	Collection string         `json:"collection"`
	Progress   taxii.Progress `json:"progress"`
}

// Run reads what is new, writes it, and then notes how far it came: what was not written comes again.
func (c *sharePull) Run(s *session) error {
	if err := c.check(); err != nil {
		return err
	}
	t, f, err := c.client()
	if err != nil {
		return err
	}
	root, at, err := c.place(s, t, c.Address)
	if err != nil {
		return reachFault(f, c.Address, err)
	}
	state := pulled{Root: root, Collection: at.ID}
	if c.State != "" {
		if state, err = readState(c.State, state); err != nil {
			return err
		}
	}
	line := newTicker(s)
	defer line.stop()
	var objects []*stix.Object
	all := &convert.Result{}
	err = t.Read(s.ctx, root, at.ID, taxii.Filter{}, state.Progress, func(list []json.RawMessage,
		p taxii.Progress) error {
		r := convert.Objects(c.Address, list)
		got, err := r.Objects(clock.System())
		if err != nil {
			return err
		}
		objects = append(objects, got...)
		for _, n := range r.Notes {
			all.Note(n)
		}
		all.Records += r.Records
		state.Progress = p
		line.tell(i18n.T("{0} {0:object|objects}", "オブジェクト {0} 件").With(thousands(all.Records)))
		return nil
	})
	line.stop()
	if err != nil {
		return reachFault(f, c.Address, err)
	}
	left, err := c.write(s, objects, clock.System())
	if err != nil {
		return err
	}
	for _, n := range left {
		all.Note(n)
	}
	if c.State != "" {
		b, err := json.MarshalIndent(state, "", "  ")
		if err != nil {
			return err
		}
		if err := saveFile(c.State, append(b, '\n')); err != nil {
			return err
		}
	}
	report := shareConvert{}.report(s, c.Address, all)
	report.Format, report.Objects = "taxii", len(objects)
	if c.JSON {
		return adminFlags{}.print(&session{ctx: s.ctx, out: s.err, err: s.err, lang: s.lang, log: s.log}, report)
	}
	shareConvert{}.say(s, []convertedFile{report})
	return nil
}

// readState reads how far a collection was read. A file of another collection is refused: to go on in it
// would miss what is there.
func readState(name string, now pulled) (pulled, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return now, nil
	}
	if err != nil {
		return now, fault.Wrap(fault.Storage, i18n.T("{0} cannot be read", "{0} を読み取れません").With(name), err)
	}
	var old pulled
	if err := json.Unmarshal(b, &old); err != nil || old.Root != now.Root || old.Collection != now.Collection {
		return now, fault.New(fault.Invalid, i18n.T("{0} is not the state of this collection",
			"{0} はこのコレクションの記録ではありません").With(name)).
			WithHint(i18n.T("name another file, or remove it to read everything", "別のファイルを指定するか、削除して最初から読んでください"))
	}
	return old, nil
}

type sharePush struct {
	Files []string `arg:"" name:"file" jaholder:"ファイル" help:"Files to send, in any form that convert reads; - is standard input." ja:"送るファイル。convert が読めるすべての形式。- は標準入力"`
	readFlags
	taxiiFlags
	To         string `help:"Address of a TAXII 2.1 server, of one of its API roots, or of a collection." ja:"TAXII 2.1 のサーバー、API ルート、コレクションのいずれかのアドレス" placeholder:"URL" jaholder:"アドレス" required:""`
	IncludeRed bool   `help:"Send what is TLP:RED, or has a marking that is not known here, too." ja:"TLP:RED のものと、解釈できない区分のものも送信"`
	JSON       bool   `help:"Print what became of the objects as JSON." ja:"結果を JSON で表示"`
}

// pushed is what became of objects that were sent.
type pushed struct {
	Sent     int      `json:"sent"`
	Taken    int      `json:"taken"`
	Refused  int      `json:"refused"`
	Pending  int      `json:"pending"`
	LeftOut  int      `json:"left_out"`
	Failures []string `json:"failures"`
}

// maxEnvelope bounds an envelope where the server states no bound.
const maxEnvelope = 8 << 20

// Run sends objects, waits until the server has taken them, and names what it did not take.
func (c *sharePush) Run(s *session) error {
	o, err := c.readFlags.options(clock.System())
	if err != nil {
		return err
	}
	var raw []json.RawMessage
	out, reports := pushed{Failures: []string{}}, []convertedFile{}
	for _, name := range c.Files {
		open, err := input(name)
		if err != nil {
			return err
		}
		of := o
		of.Source = cmp.Or(o.Source, filepath.Base(name))
		r, err := convert.Read(s.ctx, name, open, of)
		if err != nil {
			return fileFault(err)
		}
		list, err := r.Objects(clock.System())
		if err != nil {
			return err
		}
		for _, x := range list {
			if convert.Marking(x) == policy.Red && !c.IncludeRed {
				out.LeftOut++
				r.Note(convert.Note{Kind: convert.NotCovered, Object: x.ID(), Reason: convert.RedLeftOut})
				continue
			}
			raw = append(raw, json.RawMessage(x.Bytes()))
		}
		reports = append(reports, shareConvert{}.report(s, name, r))
	}
	if len(raw) == 0 {
		shareConvert{}.say(s, reports)
		return fault.New(fault.Invalid, i18n.T("there is nothing to send", "送るものがありません"))
	}
	t, f, err := c.client()
	if err != nil {
		return err
	}
	root, at, err := c.place(s, t, c.To)
	if err != nil {
		return reachFault(f, c.To, err)
	}
	if !at.CanWrite {
		return fault.New(fault.Denied, i18n.T("the collection takes nothing from you", "このコレクションには書き込めません"))
	}
	most := int64(maxEnvelope)
	if r, err := t.Root(s.ctx, root); err == nil && r.MaxContentLength > 0 {
		most = min(most, r.MaxContentLength)
	}
	out.Sent = len(raw)
	list, err := t.Add(s.ctx, root, at.ID, raw, most)
	if err != nil {
		return reachFault(f, c.To, err)
	}
	for _, st := range list {
		if st, err = t.Wait(s.ctx, root, st, time.Second); err != nil {
			return reachFault(f, c.To, err)
		}
		out.Taken, out.Refused, out.Pending = out.Taken+int(st.SuccessCount), out.Refused+int(st.FailureCount),
			out.Pending+int(st.PendingCount)
		for _, x := range st.Failures {
			out.Failures = append(out.Failures, x.ID+": "+x.Message)
		}
	}
	if c.JSON {
		err = adminFlags{}.print(s, out)
	} else {
		shareConvert{}.say(s, reports)
		for _, x := range out.Failures {
			fmt.Fprintln(s.err, clean(x))
		}
		s.say(i18n.T("{0} {0:object|objects} sent: {1} taken, {2} refused, {3} pending",
			"オブジェクト {0} 件を送信：受理 {1}、拒否 {2}、処理中 {3}").
			With(out.Sent, out.Taken, out.Refused, out.Pending))
	}
	if err == nil && out.Refused > 0 {
		err = fault.New(fault.Unsupported, i18n.T("the server refused {0} {0:object|objects}",
			"サーバーが {0} 件を拒否しました").With(out.Refused))
	}
	return err
}
