package severity

import (
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/i18n"
)

// FirstBy signs the inputs of the automatic assessment; the number grows when
// the tables below change.
const FirstBy = "meneki/first/1"

// sectorRow says what meneki takes for granted of a sector: how far an attack on
// its services can go at the worst on the axes of the lead scale, and whether
// people can be hurt when they fail.
type sectorRow struct {
	slug       string
	continuity string
	safety     string
	trust      string
	physical   bool
}

// sectors is the whole table, by the slugs of identity.Sectors. It only ever
// cuts the upper end of what is unknown; a sector that is not in it is not cut,
// and of several sectors the highest counts.
func sectors() []sectorRow {
	return []sectorRow{
		{"ict", "4", "3", "4", false}, // emergency calls may fail
		{"finance", "4", "2", "4", false},
		{"aviation", "4", "4", "4", true},
		{"airport", "4", "4", "4", true},
		{"rail", "4", "4", "4", true},
		{"power", "4", "4", "4", true},
		{"gas", "4", "4", "4", true},
		{"government", "4", "3", "4", false},
		{"medical", "4", "4", "4", true},
		{"water", "4", "4", "4", true},
		{"logistics", "4", "3", "4", true},
		{"chemical", "4", "4", "4", true},
		{"credit", "4", "2", "4", false},
		{"oil", "4", "4", "4", true},
		{"local-government", "3", "3", "4", false},
		{"university", "3", "3", "3", false}, // with its laboratories
		{"small-firm", "3", "3", "3", false},
	}
}

func sectorOf(slug string) sectorRow {
	for _, r := range sectors() {
		if r.slug == slug {
			return r
		}
	}
	return sectorRow{slug, "4", "4", "4", true}
}

// inside are the tactics of somebody who is in already.
var inside = []string{
	"lateral-movement",
	"credential-access",
	"privilege-escalation",
	"collection",
	"exfiltration",
	"command-and-control",
}

// facts is what the first assessment rests on, and no more than that.
type facts struct {
	sectors, tactics []string
	level            string
	members          int
}

func (f facts) tactic(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(f.tactics, n) })
}

func (f facts) strong() bool { return f.level == "high" || f.level == "critical" }

func (f facts) physical() bool {
	return len(f.sectors) == 0 || slices.ContainsFunc(f.sectors, func(s string) bool { return sectorOf(s).physical })
}

// rule is one row: if it applies, the axis is estimated at value and is at
// least least; the upper end is the sector's.
type rule struct {
	code, axis, value, least string // the code is stored as the input's Why
	when                     func(facts) bool
	why                      i18n.Text
}

// rules is the whole of what meneki concludes by itself about a case; the first
// row of an axis that applies counts, and an axis without one is unknown. No row
// says what an attack has done to a service: only people can.
func rules() []rule {
	return []rule{
		{"impact", "continuity", "2", "1", func(f facts) bool { return f.tactic("impact") },
			i18n.T(
				"a rule of the tactic “impact” matched: something acts on systems or data",
				"「impact」戦術のルールに一致：システムまたはデータへの作用がある",
			)},
		{"inside", "continuity", "1", "0", func(f facts) bool { return f.strong() && f.tactic(inside...) },
			i18n.T(
				"a rule of level high or critical shows somebody inside; no effect on the service is known",
				"重要度 high 以上のルールが内部での活動を示す。サービスへの影響は未確認",
			)},
		{"impact.physical", "safety", "1", "0", func(f facts) bool { return f.tactic("impact") && f.physical() },
			i18n.T("the tactic “impact” in a sector whose failure can hurt people", "停止が人に危害を及ぼし得る分野での「impact」戦術")},
		{"exfiltration", "trust", "2", "1", func(f facts) bool { return f.tactic("exfiltration") },
			i18n.T(
				"a rule of the tactic “exfiltration” matched: data may have left",
				"「exfiltration」戦術のルールに一致：情報が持ち出された可能性がある",
			)},
		{"sectors", "trust", "2", "0", func(f facts) bool { return len(f.sectors) >= 2 },
			i18n.T("organisations of several sectors are struck", "複数の分野の組織が被害を受けている")},
		{"members", "trust", "1", "0", func(f facts) bool { return f.members >= 2 },
			i18n.T("several organisations are struck", "複数の組織が被害を受けている")},
		{"strong", "trust", "1", "0", func(f facts) bool { return f.strong() },
			i18n.T("a rule of level high or critical matched", "重要度 high 以上のルールに一致")},
	}
}

// whyNothing is the code of an axis that no rule applies to.
const whyNothing = "nothing"

// Reason is why an input is as it is: what a person wrote, or the sentence of the
// automatic rule; nothing if there is none.
func (in Input) Reason() i18n.Text {
	switch {
	case in.Why == "":
		return i18n.Text{}
	case in.By != FirstBy:
		return i18n.Same(in.Why)
	case in.Why == whyNothing:
		return i18n.T("nothing that meneki knows by itself says", "meneki が自動で得た情報からは判断できない")
	}
	for _, r := range rules() {
		if r.code == in.Why {
			return r.why
		}
	}
	return i18n.T("a reason that this version cannot read: {0}", "この版では読み取れない理由：{0}").With(in.Why)
}

// First derives the inputs of the first assessment on the lead scale from what
// the hub knows of a case by itself.
func First(c casework.Case) []Input {
	f := facts{level: strings.ToLower(c.Level), members: c.Members}
	for _, s := range c.Sectors {
		f.sectors = append(f.sectors, strings.ToLower(s))
	}
	for _, t := range c.Tactics {
		f.tactics = append(f.tactics, strings.ReplaceAll(strings.ToLower(t), "_", "-"))
	}
	var out []Input
	for _, axis := range []string{"continuity", "safety", "trust"} {
		in := Input{
			Axis:       axis,
			Confidence: Unknown,
			Least:      "0",
			Most:       worst(f.sectors, axis),
			By:         FirstBy,
			Why:        whyNothing,
		}
		for _, r := range rules() {
			if r.axis == axis && r.when(f) {
				in.Confidence, in.Value, in.Least, in.Why = Estimated, r.value, r.least, r.code
				break
			}
		}
		out = append(out, in)
	}
	return out
}

// worst is the highest cap of the sectors on an axis. Option ids of the lead
// scale are digits, so they order as text.
func worst(slugs []string, axis string) string {
	if len(slugs) == 0 {
		return "4"
	}
	top := "0"
	for _, slug := range slugs {
		r := sectorOf(slug)
		top = max(top, map[string]string{"continuity": r.continuity, "safety": r.safety, "trust": r.trust}[axis])
	}
	return top
}
