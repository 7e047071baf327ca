package feeds

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/fetch"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/convert"
	"github.com/meneki/meneki/stix"
)

// Bounds of a folder of advisories.
const (
	maxChanges    = 16 << 20
	maxAdvisory   = 32 << 20
	maxAdvisories = 500 // of one reading; the next goes on
)

// csafPlace is how far a folder was read: the newest change, and the documents of that moment.
type csafPlace struct {
	At   time.Time `json:"at"`
	Done []string  `json:"done,omitempty"`
}

// change is a line of changes.csv (CSAF 2.0, requirement 13).
type change struct {
	path string
	at   time.Time
}

// advisories reads the advisories of a folder that changed since the last time, the oldest first.
func (s *Service) advisories(ctx context.Context, f Feed) (o outcome, err error) {
	c, err := s.client(ctx, maxRun)
	if err != nil {
		return o, err
	}
	base, err := url.Parse(strings.TrimSuffix(strings.TrimSuffix(f.Address, "changes.csv"), "/") + "/")
	if err != nil {
		return o, fault.Wrap(fault.Invalid, i18n.T("it is no address", "アドレスとして正しくありません"), err)
	}
	body, err := s.small(ctx, c, f, base.JoinPath("changes.csv").String(), maxChanges)
	if err != nil {
		return o, err
	}
	list, notes := changes(body)
	o.told, o.notes, o.refused, o.records = "csaf", keep(notes), int64(len(notes)), int64(len(list))
	var at csafPlace
	if f.Place != "" {
		if err := json.Unmarshal([]byte(f.Place), &at); err != nil {
			return o, fmt.Errorf("read how far the folder was read: %w", err)
		}
	}
	p, n := s.progressOf(f.ID), 0
	for _, x := range list {
		if x.at.Before(at.At) || x.at.Equal(at.At) && slices.Contains(at.Done, x.path) {
			continue
		}
		if n == maxAdvisories {
			break
		}
		n++
		doc := base.JoinPath(x.path).String()
		raw, err := s.small(ctx, c, f, doc, maxAdvisory)
		if err != nil {
			var status fetch.StatusError
			if !errors.As(err, &status) || status.Status != 404 && status.Status != 410 {
				return o, err // the rest comes the next time
			}
			o.note(x.path, i18n.T("it is named and is not there ({0})", "一覧にありますが存在しません（{0}）").With(status.Status))
		} else if things, err := advisory(raw, doc); err != nil {
			o.note(x.path, i18n.T("it is no CSAF advisory: {0}", "CSAF のアドバイザリーではありません：{0}").With(
				event.Clip(err.Error(), 200)))
		} else if err := s.put(ctx, f, things, nil, &o); err != nil {
			return o, err
		}
		if !x.at.Equal(at.At) {
			at = csafPlace{At: x.at}
		}
		at.Done = append(at.Done, x.path)
		o.place = asJSON(at)
		p.set(writing, int64(n))
	}
	if o.place == "" {
		o.place = f.Place
	}
	return o, nil
}

// note notes what of a folder was not taken.
func (o *outcome) note(name string, why i18n.Text) {
	o.refused++
	if len(o.notes) < maxNotes {
		o.notes = append(o.notes, noteLine{Kind: convert.Refused, Object: event.Clip(name, 200), EN: why.EN,
			JA: why.JA})
	}
}

// small fetches a document into memory.
func (s *Service) small(ctx context.Context, c *fetch.Client, f Feed, address string, most int64) ([]byte, error) {
	a, err := c.Get(ctx, f.request(address))
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(io.LimitReader(a.Body, most+1))
	if err != nil {
		return nil, c.Fault(address, err)
	}
	if int64(len(b)) > most {
		return nil, fault.New(fault.Unsupported, i18n.T("{0} has more than {1} MB", "{0} が {1} MB を超えています").With(
			address, most>>20))
	}
	return b, nil
}

// changes reads changes.csv, and returns the oldest first.
func changes(body []byte) (list []change, notes []convert.Note) {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(body), "\ufeff")))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := r.FieldPos(0)
		refuse := func(why i18n.Text) {
			notes = append(notes, convert.Note{Kind: convert.Refused, Line: line, Reason: why})
		}
		if err != nil {
			refuse(i18n.T("the line is no CSV", "CSV の行ではありません"))
			break
		}
		if len(row) < 2 {
			refuse(i18n.T("the line is not a path and a time", "パスと時刻の行ではありません"))
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(row[1]))
		path := strings.TrimSpace(row[0])
		if err != nil || !inside(path) {
			refuse(i18n.T("{0} is not a path inside of the folder with a time", "{0} はフォルダー内のパスと時刻ではありません").With(
				event.Clip(path, 100)))
			continue
		}
		list = append(list, change{path, at})
	}
	slices.SortStableFunc(list, func(a, b change) int { return a.at.Compare(b.at) })
	return list, notes
}

// inside reports whether a path stays in its folder.
func inside(p string) bool {
	if p == "" || len(p) > 500 || strings.HasPrefix(p, "/") || strings.Contains(p, `\`) || !strings.HasSuffix(p,
		".json") {
		return false
	}
	u, err := url.Parse(p)
	return err == nil && u.Scheme == "" && u.Host == "" && u.RawQuery == "" && !slices.Contains(strings.Split(u.Path,
		"/"), "..")
}

// csaf is what is read of an advisory (CSAF 2.0).
type csaf struct {
	Document struct {
		Category     string
		Version      string `json:"csaf_version"`
		Title        string
		Lang         string
		Distribution struct {
			TLP struct{ Label string }
		}
		Publisher struct{ Name, Namespace string }
		Tracking  struct {
			ID      string
			Initial time.Time `json:"initial_release_date"`
			Current time.Time `json:"current_release_date"`
		}
		Notes []struct{ Category, Text string }
	}
	Vulnerabilities []struct {
		CVE   string
		Title string
		Notes []struct{ Category, Text string }
	}
}

// csafSpace is what the ids of objects out of advisories are made in.
var csafSpace = uuid.MustParse("5f0a8a52-0c6d-4a8e-9f3c-2b9d8a7c1e40")

// maxVulnerabilities bounds those of one advisory.
const maxVulnerabilities = 5000

// advisory makes a report and its vulnerabilities of an advisory.
func advisory(raw []byte, address string) ([]convert.Thing, error) {
	var d csaf
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, err
	}
	t := d.Document.Tracking
	switch {
	case !strings.HasPrefix(d.Document.Version, "2."):
		return nil, fmt.Errorf("csaf_version is %q", d.Document.Version)
	case t.ID == "" || t.Initial.IsZero() || t.Current.IsZero() || d.Document.Title == "":
		return nil, errors.New("title or tracking is missing")
	case len(d.Vulnerabilities) > maxVulnerabilities:
		return nil, fmt.Errorf("more than %d vulnerabilities", maxVulnerabilities)
	}
	if t.Current.Before(t.Initial) {
		t.Current = t.Initial
	}
	publisher := d.Document.Publisher.Namespace + "\x00" + t.ID
	ms := func(at time.Time) stix.Timestamp { return stix.TimestampOf(at.UTC().Truncate(time.Millisecond)) }
	common := func(typ, key string) stix.Common {
		c := stix.Common{ID: typ + "--" + uuid.NewSHA1(csafSpace, []byte(publisher+"\x00"+key)).String(),
			Created:  ms(t.Initial),
			Modified: ms(t.Current)}
		if id, ok := stix.TLPMarkingID(tlp(d.Document.Distribution.TLP.Label)); ok {
			c.ObjectMarkingRefs = []string{id}
		}
		return c
	}
	var things []convert.Thing
	var refs []string
	add := func(o *stix.Object, err error) error {
		if err != nil {
			return err
		}
		things, refs = append(things, convert.Thing{ID: o.ID(), Object: o}), append(refs, o.ID())
		return nil
	}
	seen := map[string]bool{}
	for i, v := range d.Vulnerabilities {
		name := v.CVE
		if name == "" {
			name = fmt.Sprintf("%s #%d", t.ID, i+1)
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		x := stix.Vulnerability{Common: common("vulnerability", name), Name: name, Description: described(v.Title,
			v.Notes)}
		if strings.HasPrefix(v.CVE, "CVE-") {
			x.ExternalReferences = []stix.ExternalReference{{SourceName: "cve", ExternalID: v.CVE}}
		}
		if err := add(x.Object()); err != nil {
			return nil, err
		}
	}
	if len(refs) == 0 {
		return nil, errors.New("it names no vulnerability")
	}
	r := stix.Report{Common: common("report", ""), Name: d.Document.Title, Description: described("", d.Document.Notes),
		Types: []string{"vulnerability"}, Published: ms(t.Current), ObjectRefs: refs}
	r.Lang = d.Document.Lang
	r.ExternalReferences = []stix.ExternalReference{{SourceName: cut(d.Document.Publisher.Name, "CSAF"),
		ExternalID: t.ID, URL: address}}
	return things, add(r.Object())
}

func cut(s, missing string) string {
	if s == "" {
		return missing
	}
	return event.Clip(s, 200)
}

// tlp is a label of CSAF 2.0, which knows the four of TLP 1, or of 2.1. One that nobody knows is RED.
func tlp(label string) string {
	if label == "" {
		return "" // nothing is said
	}
	t, ok := policy.ParseTLP(label)
	if !ok {
		return policy.Red.String()
	}
	return t.String()
}

func described(title string, notes []struct{ Category, Text string }) string {
	text := title
	for _, n := range notes {
		if n.Category == "summary" || n.Category == "description" {
			text = strings.TrimSpace(text + "\n\n" + n.Text)
		}
	}
	return event.Clip(text, 8000)
}
