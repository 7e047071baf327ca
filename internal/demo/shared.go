package demo

import (
	"context"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// shared puts a report into the demo's hub that its people shared before the attack. Nothing
// of it is in the recorded events.
func (d *Demo) shared(ctx context.Context) error {
	if len(d.cfg.Events) > 0 {
		return nil
	}
	by, _, err := d.Hub.DB().Setting(ctx, indicator.SettingIdentity)
	if err != nil {
		return err
	}
	objects, err := sharedObjects(by, sampleEnd.Add(d.shift).Add(-26*time.Hour), d.cfg.Lang)
	if err != nil {
		return err
	}
	kept := object.New(d.Hub.DB())
	return d.Hub.DB().Write(ctx, store.System("demo: what was shared before"), func(tx *store.Tx) error {
		there, err := kept.Find(tx, object.Search{Types: []string{"report"}, Limit: 1})
		if err != nil || len(there) > 0 {
			return err // of an earlier run
		}
		var items []object.Item
		for _, o := range objects {
			items = append(items, object.Item{Object: o, Handling: policy.Handling{TLP: policy.Green}, Source: "demo"})
		}
		out, err := kept.Put(tx, items)
		for _, o := range out {
			if o.Err != nil && err == nil {
				err = o.Err
			}
		}
		return err
	})
}

// sharedObjects is an invented report with what it is about.
func sharedObjects(by string, at time.Time, l i18n.Lang) (list []*stix.Object, err error) {
	say := func(en, ja string) string { return i18n.Text{EN: en, JA: ja}.In(l) }
	green, _ := stix.TLPMarkingID(policy.Green.String())
	stamp := stix.TimestampOf(at)
	c := stix.Common{CreatedByRef: by, Created: stamp, Modified: stamp, ObjectMarkingRefs: []string{green},
		Labels: []string{"hotaruika"}}
	add := func(v interface {
		Object() (*stix.Object, error)
	}) string {
		if err != nil {
			return ""
		}
		var o *stix.Object
		if o, err = v.Object(); err != nil {
			return ""
		}
		list = append(list, o)
		return o.ID()
	}
	technique := func(id, name string) string {
		x := c
		x.ExternalReferences = []stix.ExternalReference{{SourceName: "mitre-attack", ExternalID: id}}
		return add(stix.AttackPattern{Common: x, Name: name})
	}
	sure := 75
	indicates := func(value, kind string) string {
		x := c
		x.Confidence = &sure
		return add(stix.Indicator{Common: x, Name: value, Types: []string{"malicious-activity"},
			Pattern: stix.ValuePattern(kind, value), PatternType: "stix", PatternVersion: "2.1", ValidFrom: stamp,
			ValidUntil: stix.TimestampOf(at.AddDate(0, 0, 90))})
	}
	relate := func(from, how, to string) {
		add(stix.Relationship{Common: c, RelationshipType: how, SourceRef: from, TargetRef: to})
	}
	group := add(stix.IntrusionSet{Common: c, Name: "Hotaruika", Aliases: []string{"ホタルイカ"},
		Description: say("A group that sends mail about meter readings to power companies and towns.",
			"電力会社や自治体に、検針を装ったメールを送る集団。")})
	loader := add(stix.Malware{Common: c, Name: "KomoriLoader", IsFamily: true, Types: []string{"downloader"},
		Aliases: []string{"Komori"}, Description: say("Loads what comes next out of a picture.", "画像に隠した次の段階を読み込む。")})
	mail := technique("T1566.001", "Spearphishing Attachment")
	script := technique("T1059.001", "PowerShell")
	domain := indicates("static.hotaru-cdn.example", "domain-name")
	file := indicates("7c9e6b3f0a51d2c48e97b6a1f03d5c2e8b4a7f6019d3e5c8b2a1f4e7d6c5b3a0", "SHA-256")
	relate(domain, "indicates", loader)
	relate(file, "indicates", loader)
	relate(group, "uses", loader)
	relate(group, "uses", mail)
	relate(loader, "uses", script)
	report := add(stix.Report{Common: c, Types: []string{"threat-report"}, Published: stamp,
		Name: say("Mail about meter readings carries KomoriLoader", "検針票を装うメールで KomoriLoader が届く"),
		Description: say("Since yesterday, power companies have received mail with a sheet that starts PowerShell. "+
			"Search for static.hotaru-cdn.example in your proxy logs, and tell the hub what you find.",
			"前日から、電力会社に PowerShell を起動する表計算ファイル付きのメールが届いています。プロキシのログで "+
				"static.hotaru-cdn.example を検索し、結果をハブに知らせてください。"),
		ObjectRefs: []string{group, loader, mail, script, domain, file}})
	add(stix.Note{Common: c, ObjectRefs: []string{report},
		Content: say("The sheet is called “meter-2026.xlsm” in all cases so far.",
			"これまでの例では、ファイル名はすべて「meter-2026.xlsm」です。")})
	add(stix.Opinion{Common: c, ObjectRefs: []string{loader}, Opinion: "agree",
		Explanation: say("Our own analysis comes to the same.", "当方の解析でも同じ結果です。")})
	return list, err
}
