package fault

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/i18n"
)

func TestKindsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Kinds() {
		r := row(k)
		if r.label == "" || seen[r.label] || r.status < 400 || r.exit == 0 || r.title.EN == "" || r.title.JA == "" {
			t.Errorf("kind %d is not whole: %+v", k, r)
		}
		seen[r.label] = true
	}
	if row(Kind(200)).label != "internal" {
		t.Error("an unknown kind is not internal")
	}
}

func TestNothingInnerGetsOut(t *testing.T) {
	inner := errors.New("password=hunter2")
	for _, err := range []error{
		inner,
		fmt.Errorf("store: %w", inner),
		Wrap(Storage, i18n.T("cannot write", "書き込めません"), inner),
		fmt.Errorf("hub: %w", Wrap(NotFound, i18n.T("no such case", "事案がありません"), inner)),
	} {
		p := ProblemOf(err, i18n.EN, "r1")
		if strings.Contains(fmt.Sprint(p), "hunter2") || strings.Contains(TextOf(err).JA, "hunter2") {
			t.Errorf("%v: %+v", err, p)
		}
		if p.Status != KindOf(err).Status() || p.Type != "urn:meneki:problem:"+KindOf(err).Label() ||
			p.Instance != "urn:meneki:request:r1" {
			t.Errorf("%v: %+v", err, p)
		}
	}
	if !strings.Contains(Wrap(Storage, i18n.T("a", "あ"), inner).Error(), "hunter2") {
		t.Error("the log loses the inner error")
	}
}

func TestClassing(t *testing.T) {
	err := fmt.Errorf("b: %w", New(Busy, i18n.T("wait", "待機")))
	if !Is(err, Busy) || Is(err, Internal) || Is(nil, Internal) || KindOf(errors.New("x")) != Internal {
		t.Error("classing")
	}
	h := New(Gone, i18n.T("used", "使用済み"))
	with := h.WithHint(i18n.T("ask again", "再発行を依頼"))
	if !h.Hint.Zero() || HintOf(with).EN != "ask again" || HintOf(New(Unavailable, i18n.Text{})).Zero() {
		t.Error("hints")
	}
}

// A fault that goes to another process comes back as it was, without its inner
// error; what is not understood is Internal and still says something.
func TestAnswers(t *testing.T) {
	sent := Wrap(Gone, i18n.T("used", "使用済み"), errors.New("hunter2")).WithHint(i18n.T("ask again", "再発行を依頼"))
	a := AnswerOf(sent)
	got, ok := As(a.Err())
	if !ok || got.Kind != Gone || got.Text != sent.Text || got.Hint != sent.Hint || got.Err != nil {
		t.Errorf("%+v", got)
	}
	long := AnswerOf(New(Busy, i18n.T(strings.Repeat("a", 9000), strings.Repeat("界", 9000))))
	if len(long.EN) != maxAnswerText || len(long.JA) > maxAnswerText || !strings.HasSuffix(long.JA, "界") {
		t.Errorf("%d and %d bytes", len(long.EN), len(long.JA))
	}
	for _, a := range []Answer{{}, {Kind: "new"}, {Kind: "new", EN: "x"}} {
		if err := a.Err(); !Is(err, Internal) || TextOf(err).Zero() {
			t.Errorf("%+v: %v", a, err)
		}
	}
	for _, k := range Kinds() {
		if got, ok := ParseKind(k.Label()); !ok || got != k {
			t.Errorf("%v: %v", k, got)
		}
		p := ProblemOf(New(k, i18n.T("detail", "詳細")).WithHint(i18n.T("hint", "対処")), i18n.JA, "")
		e, ok := p.Err()
		if !ok || e.Kind != k || e.Text.EN != "詳細" || e.Hint.JA != "対処" {
			t.Errorf("%v: %+v", k, e)
		}
	}
	if _, ok := (&Problem{Type: "about:blank", Title: "x"}).Err(); ok {
		t.Error("a problem of somebody else's is taken for ours")
	}
}

// The reader makes the sentence of a code in words of its own, and shows the text of
// a code that it does not know.
func TestAnswersWithCodes(t *testing.T) {
	for code, s := range sentences {
		var args []any
		for range strings.Count(s.text.EN, "{") {
			args = append(args, "x.example")
		}
		if strings.Count(s.text.JA, "{") != len(args) || s.kind == Internal || s.text.EN == "" {
			t.Errorf("%s: %+v", code, s)
		}
		sent := Coded(code, errors.New("hunter2"), args...)
		a := AnswerOf(sent)
		a.EN, a.JA, a.HintEN, a.HintJA = "older words", "古い文", "older", "古い"
		got, _ := As(a.Err())
		if got.Kind != s.kind || got.Text != sent.Text || !s.hint.Zero() && got.Hint != s.hint || got.Code != code {
			t.Errorf("%s: %+v", code, got)
		}
		if strings.Contains(got.Text.EN+got.Text.JA, "{") {
			t.Errorf("%s: a hole is not filled: %v", code, got.Text)
		}
	}
	for _, a := range []Answer{
		{Kind: "busy", Code: "hub.of_a_newer_version", EN: "new", JA: "新"},
		{Kind: "busy", Code: HubUnknownTopic, EN: "new", JA: "新"},
		{Kind: "busy", Code: HubBusy, Args: []string{"a", "b", "c", "d", "e", "f"}, EN: "new", JA: "新"},
	} {
		if got, _ := As(a.Err()); got.Kind != Busy || got.Text.JA != "新" || got.Code != "" {
			t.Errorf("%+v: %+v", a, got)
		}
	}
	if a := AnswerOf(New(Gone, i18n.Text{})); a.EN != "" || TextOf(a.Err()) != Gone.Title() {
		t.Errorf("a kind alone: %+v", a)
	}
	if e := Coded("none", nil); e.Kind != Internal || e.Text.Zero() {
		t.Errorf("%+v", e)
	}
}
