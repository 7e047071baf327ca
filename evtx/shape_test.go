package evtx

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// flatten gives the fields of an event in JSON, in the way that the JSON readers
// of detection engines do. It knows nothing of this package's own ways to fields.
func flatten(t *testing.T, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var top map[string]any
	if err := d.Decode(&top); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	out := map[string]any{}
	event, _ := top["Event"].(map[string]any)
	system, _ := event["System"].(map[string]any)
	for k, v := range system {
		o, ok := v.(map[string]any)
		if !ok {
			if v != nil {
				out[k] = plainJSON(v)
			}
			continue
		}
		if text, ok := o["#text"]; ok {
			out[k] = plainJSON(text)
		}
		attrs, _ := o["#attributes"].(map[string]any)
		for a, v := range attrs {
			switch {
			case k == "TimeCreated" && a == "SystemTime":
				out[k] = v
			case k == "Security" && a == "UserId":
				out["Security_UserID"] = v
			default:
				out[k+"_"+a] = plainJSON(v)
			}
		}
	}
	if n, ok := out["Provider_EventSourceName"]; ok && out["Provider_Name"] == nil {
		out["Provider_Name"] = n
	}
	protected := map[string]bool{}
	for _, k := range []string{"Channel", "Computer", "EventID", "Provider_Name"} {
		protected[k] = out[k] != nil
	}
	put := func(k string, v any) {
		if !protected[k] {
			out[k] = plainJSON(v)
		}
	}
	var deep func(path string, v any)
	deep = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, v := range v {
				deep(path+"."+k, v)
			}
		case nil:
		default:
			put(path, v)
		}
	}
	data := func(v any) {
		o, _ := v.(map[string]any)
		for k, v := range o {
			if o, ok := v.(map[string]any); ok {
				if text, ok := o["#text"]; ok {
					v = text
				} else if !strings.HasPrefix(k, "#") {
					deep(strings.ReplaceAll(k, " ", ""), v)
					continue
				}
			}
			if k == "xmlns" || strings.HasPrefix(k, "#") || strings.HasPrefix(k, "@") || k == "Data" && v == nil {
				continue
			}
			if v == nil {
				v = ""
			}
			put(strings.ReplaceAll(k, " ", ""), v)
			if strings.Contains(k, " ") {
				put(strings.ReplaceAll(k, " ", "_"), v)
			}
		}
	}
	data(event["EventData"])
	if user, ok := event["UserData"].(map[string]any); ok {
		for k, v := range user {
			if _, ok := v.(map[string]any); ok && !strings.HasPrefix(k, "#") {
				data(v)
			} else if v != nil && !strings.HasPrefix(k, "#") {
				data(map[string]any{k: v})
			}
		}
	}
	if info, ok := event["RenderingInfo"].(map[string]any); ok && info["Message"] != nil && info["Message"] != "" &&
		out["Message"] == nil {
		out["Message"] = info["Message"]
	}
	return out
}

// plainJSON gives numbers as Value.Any does.
func plainJSON(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = plainJSON(v[i])
		}
	}
	return v
}

// leaves gives the texts and attributes of well-formed XML, in order.
func leaves(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		tok, err := d.Token()
		if err == io.EOF {
			return out.String()
		}
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		switch tok := tok.(type) {
		case xml.CharData:
			fmt.Fprintf(&out, "%q ", tok)
		case xml.StartElement:
			fmt.Fprintf(&out, "<%s ", tok.Name.Local)
			for _, a := range tok.Attr {
				fmt.Fprintf(&out, "%s=%q ", a.Name.Local, a.Value)
			}
		}
	}
}

func system(kids ...any) *el { return &el{name: "System", kids: kids} }

// The odd shapes that events come in.
func TestShapes(t *testing.T) {
	eventOf := func(kids ...any) *tmpl { return &tmpl{[]any{&el{name: "Event", kids: kids}}} }
	attr := func(name string, part any) []at { return []at{{name, []any{part}}} }
	frag := func(t *tmpl, v ...val) val {
		return val{typ: typeBinXML, frag: func(c *chunkBuilder) { c.instance(t, v...) }}
	}
	list := func(v ...any) []any { return v }
	for name, c := range map[string]struct {
		do     func(c *chunkBuilder)
		fields map[string]any
		json   string // within Event
	}{
		"one Data without a name": {
			func(c *chunkBuilder) { c.instance(eventOf(text("EventData", text("Data", sub{0, 1}))), str("a")) },
			map[string]any{"Data": "a"}, `"EventData":{"Data":{"#text":"a"}}`},
		"several": {
			func(c *chunkBuilder) {
				c.instance(eventOf(&el{name: "EventData",
					kids: []any{text("Data", sub{0, 1}), text("Data", "lit"), &el{name: "Data"},
						text("Data", sub{1, 8}), text("Binary", sub{2, 14})}}), str("a"), u32(7),
					val{typ: typeBinary, b: []byte{1}})
			},
			map[string]any{"Data": list("a", "lit", int64(7)), "Binary": "01"},
			`"EventData":{"Data":{"#text":["a","lit",7]},"Binary":"01"}`},
		"an array": {
			func(c *chunkBuilder) {
				c.instance(eventOf(&el{name: "EventData",
					kids: []any{text("Data", sub{0, 0x81}), text("Binary", opt{1, 14})}}),
					val{typ: 0x81, b: wide("a\x00\x00b\x00")}, null())
			},
			map[string]any{"Data": list("a", "", "b")}, `"EventData":{"Data":{"#text":["a","","b"]}}`},
		"no Data at all": {
			func(c *chunkBuilder) { c.instance(eventOf(text("EventData", text("Data", sub{0, 1}))), null()) },
			map[string]any{}, `"EventData":{"Data":null}`},
		"names with spaces": {
			func(c *chunkBuilder) {
				c.instance(eventOf(text("EventData", data("Product Name", sub{0, 1}))), str("Defender"))
			},
			map[string]any{"ProductName": "Defender", "Product_Name": "Defender"},
			`"EventData":{"Product Name":"Defender"}`},
		"the same name again": {
			func(c *chunkBuilder) {
				c.instance(eventOf(text("EventData", data("x", sub{0, 1})).with(data("x", sub{1, 1}), data("x_1", "c"),
					data("x", "d"))), str("a"), str("b"))
			},
			map[string]any{"x": "a", "x_1": "b", "x_1_1": "c", "x_2": "d"},
			`"EventData":{"x":"a","x_1":"b","x_1_1":"c","x_2":"d"}`},
		"optional and normal, without values": {
			func(c *chunkBuilder) {
				c.instance(eventOf(text("EventData", data("gone", opt{0, 1})).with(data("empty", sub{0, 1}),
					data("none", opt{1, 1}))), null(), str(""))
			},
			map[string]any{"empty": "", "none": ""}, `"EventData":{"empty":"","none":""}`},
		"an optional element takes its attributes along": {
			func(c *chunkBuilder) {
				c.instance(eventOf(system(&el{name: "EventID", attrs: attr("Qualifiers", sub{0, 6}),
					kids: []any{opt{1, 6}}}, text("Level", sub{0, 6}))), u16(5), null())
			},
			map[string]any{"Level": int64(5)}, `"System":{"Level":5}`},
		"qualifiers": {
			func(c *chunkBuilder) {
				c.instance(eventOf(system(&el{name: "EventID", attrs: attr("Qualifiers", sub{0, 6}),
					kids: []any{sub{1, 6}}})), u16(16384), u16(7036))
			},
			map[string]any{"EventID": int64(7036), "EventID_Qualifiers": int64(16384)},
			`"System":{"EventID":{"#attributes":{"Qualifiers":16384},"#text":7036}}`},
		"data named like the System's": {
			func(c *chunkBuilder) {
				c.instance(eventOf(system(text("EventID", "1"), text("Channel", "Security"), text("Version", "2")),
					text("EventData", data("Channel", "x")).with(data("Event ID", "9"), data("Version", "v9"),
						data("Computer", "pc"))))
			},
			map[string]any{"EventID": int64(1), "Channel": "Security", "Version": "v9", "Event_ID": "9",
				"Computer": "pc"},
			`"System":{"EventID":1,"Channel":"Security","Version":2},"EventData":{"Channel":"x","Event ID":"9",` +
				`"Version":"v9","Computer":"pc"}`},
		"only an event source": {
			func(c *chunkBuilder) {
				c.instance(eventOf(system(&el{name: "Provider",
					attrs: []at{{"Name", []any{opt{0, 1}}}, {"EventSourceName", []any{opt{1, 1}}}}})), null(),
					str("Old"))
			},
			map[string]any{"Provider_Name": "Old", "Provider_EventSourceName": "Old"},
			`"System":{"Provider":{"#attributes":{"EventSourceName":"Old"}}}`},
		"UserData": {
			func(c *chunkBuilder) {
				c.instance(eventOf(text("UserData",
					&el{name: "LogFileCleared", attrs: attr("xmlns", "http://x"),
						kids: []any{text("SubjectUserName", sub{0, 1}), text("Channel", "System"),
							&el{name: "BackupPath"}}})), str("sato"))
			},
			map[string]any{"SubjectUserName": "sato", "Channel": "System", "BackupPath": ""},
			`"UserData":{"LogFileCleared":{"#attributes":{"xmlns":"http://x"},"SubjectUserName":"sato",` +
				`"Channel":"System","BackupPath":null}}`},
		"UserData in a value": {
			func(c *chunkBuilder) {
				c.instance(eventOf(text("UserData", sub{0, typeBinXML})),
					frag(&tmpl{[]any{text("X", text("a", sub{0, 1}))}}, str("1")))
			},
			map[string]any{"a": "1"}, `"UserData":{"X":{"a":"1"}}`},
		"UserData that is text": {
			func(c *chunkBuilder) {
				c.instance(eventOf(text("UserData", text("Xml Text", sub{0, 1}).named("XmlText"))), str("1"))
			},
			map[string]any{"XmlText": "1"}, `"UserData":{"XmlText":"1"}`},
		"deeper, with attributes": {
			func(c *chunkBuilder) {
				c.instance(eventOf(text("UserData",
					text("X", &el{name: "Certificate", attrs: attr("fileRef", sub{0, 1}),
						kids: []any{text("EKU", "a"), text("EKU", "b"), text("Data", "c"), text("Data", "d"),
							data("n", "e")}}).with(
						&el{name: "Flags", attrs: attr("value", "1"), kids: []any{"text"}},
						&el{name: "Only", attrs: attr("value", "2")}))), str("f.cer"))
			},
			map[string]any{"Certificate.#attributes.fileRef": "f.cer", "Certificate.EKU": "a", "Certificate.EKU_1": "b",
				"Certificate.Data.#text": list("c", "d"), "Certificate.n": "e", "Flags": "text",
				"Only.#attributes.value": "2"},
			`"UserData":{"X":{"Certificate":{"#attributes":{"fileRef":"f.cer"},"EKU":"a","EKU_1":"b",` +
				`"Data":{"#text":["c","d"]},"n":"e"},"Flags":{"#attributes":{"value":"1"},"#text":"text"},` +
				`"Only":{"#attributes":{"value":"2"}}}}`},
		"ComplexData": {
			func(c *chunkBuilder) {
				c.instance(eventOf(&el{name: "EventData",
					kids: []any{&el{name: "ComplexData", attrs: attr("Name", "IdleState"), kids: []any{sub{0, 4}}},
						&el{name: "ComplexData", kids: []any{"x"}}}}), u8(3))
			},
			map[string]any{"IdleState": int64(3), "ComplexData": "x"}, `"EventData":{"IdleState":3,"ComplexData":"x"}`},
		"a name from a value": {
			func(c *chunkBuilder) {
				c.instance(eventOf(text("EventData",
					&el{name: "Data", attrs: attr("Name", sub{0, 1}), kids: []any{sub{1, 1}}})), str("n"), str("v"))
			},
			map[string]any{"n": "v"}, `"EventData":{"n":"v"}`},
		"text in parts": {
			func(c *chunkBuilder) {
				c.instance(eventOf(text("EventData",
					&el{name: "Data", attrs: []at{{"Name", []any{"a", entity("amp"), "b"}}},
						kids: []any{"x ", sub{0, 8}, entity("lt"), char(0x8b70), cdata("]]&"), sub{1, 1}, sub{2, 0x86},
							lit{typeUint8, []byte{9}}}})), u32(7), null(), val{typ: 0x86, b: []byte{1, 0, 2, 0}})
			},
			map[string]any{"a&b": "x 7<議]]&1,29"}, `"EventData":{"a&b":"x 7<議]]&1,29"}`},
		"a literal number": {
			func(c *chunkBuilder) {
				c.instance(eventOf(text("EventData", data("n", lit{typeUint16, []byte{1, 1}}))))
			},
			map[string]any{"n": int64(257)}, `"EventData":{"n":257}`},
		"processing instruction": {
			func(c *chunkBuilder) {
				c.instance(eventOf(pi{"target", "some data"}, text("EventData", data("n", "v")).with(pi{"t", "d"})))
			},
			map[string]any{"n": "v"}, `"EventData":{"n":"v"}`},
		"forwarded": {
			func(c *chunkBuilder) {
				c.instance(eventOf(system(text("EventID", "1")),
					text("RenderingInfo", text("Message", sub{0, 1})).with(text("Level", "Information"))),
					str("Hello."))
			},
			map[string]any{"EventID": int64(1), "Message": "Hello."},
			`"System":{"EventID":1},"RenderingInfo":{"Message":"Hello.","Level":"Information"}`},
		"no template": {
			func(c *chunkBuilder) {
				c.byte(fragmentHeader...)
				c.node(&el{name: "Event",
					kids: []any{system(text("EventID", "131"), text("Level", "04"),
						&el{name: "Execution", attrs: attr("ProcessID", "44")}),
						text("EventData", data("Pid", "12")).with(&el{name: "Data", attrs: attr("Name", "Empty")})}},
					false)
			},
			map[string]any{"EventID": int64(131), "Level": "04", "Execution_ProcessID": int64(44), "Pid": "12",
				"Empty": ""},
			`"System":{"EventID":131,"Level":"04","Execution":{"#attributes":{"ProcessID":44}}},` +
				`"EventData":{"Pid":"12","Empty":""}`},
		"an element in a value": {
			func(c *chunkBuilder) {
				c.instance(eventOf(sub{0, typeBinXML}), val{typ: typeBinXML, frag: func(c *chunkBuilder) {
					c.node(text("EventData", data("a", "1")), false)
					c.byte(tokenEOF)
				}})
			},
			map[string]any{"a": "1"}, `"EventData":{"a":"1"}`},
		"data in two values": {
			func(c *chunkBuilder) {
				inner := &tmpl{[]any{data("a", sub{0, 1})}}
				c.instance(eventOf(text("EventData", sub{0, typeBinXML}).with(sub{1, typeBinXML})),
					frag(inner, str("1")), frag(inner, str("2")))
			},
			map[string]any{"a": "1", "a_1": "2"}, `"EventData":{"a":"1","a_1":"2"}`},
		"nothing in a value": {
			func(c *chunkBuilder) {
				c.instance(eventOf(system(text("EventID", "1")), sub{0, typeBinXML}),
					val{typ: typeBinXML, b: []byte{tokenEOF}})
			},
			map[string]any{"EventID": int64(1)}, `"System":{"EventID":1}`},
		"Sysmon for Linux": {
			func(c *chunkBuilder) {
				c.instance(eventOf(system(&el{name: "Security", attrs: attr("UserId", "0")},
					&el{name: "Odd", attrs: attr("x", "1"), kids: []any{"2"}})))
			},
			map[string]any{"Security_UserID": "0", "Odd": "2", "Odd_x": "1"},
			`"System":{"Security":{"#attributes":{"UserId":"0"}},"Odd":{"#attributes":{"x":"1"},"#text":"2"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			fields, j, x := only(t, c.do)
			if d := cmp.Diff(c.fields, fields); d != "" {
				t.Errorf("fields (-want +got):\n%s", d)
			}
			if want := `{"Event":{` + c.json + `}}`; j != want {
				t.Errorf("JSON\n%s, want\n%s", j, want)
			}
			if d := cmp.Diff(flatten(t, j), fields); d != "" {
				t.Errorf("fields of the JSON (-JSON +fields):\n%s", d)
			}
			leaves(t, x) // it is well-formed
		})
	}
}

func (e *el) named(name string) *el {
	e.name = name
	return e
}

// XML that has everything.
func TestXML(t *testing.T) {
	_, _, x := only(t, func(c *chunkBuilder) {
		c.instance(&tmpl{[]any{pi{"before", "x"},
			&el{name: "Event",
				attrs: []at{{"a", []any{"1", entity("quot"), sub{0, 1}}}, {"gone", []any{opt{1, 1}}},
					{"list", []any{sub{2, 0x84}}}},
				kids: []any{"mixed ", &el{name: "e"}, cdata("<cdata>"), text("item", sub{2, 0x84}),
					text("none", sub{3, 0x84}), text("gone", opt{1, 1}), sub{1, 1}}}}},
			str("<&>"), null(), val{typ: 0x84, b: []byte{1, 2}}, val{typ: 0x84})
	})
	want := `<?before x?><Event a="1&quot;&lt;&amp;&gt;" list="1,2">mixed <e/>&lt;cdata&gt;<item>1</item><item>` +
		`2</item><none/></Event>`
	if x != want {
		t.Errorf("%s, want\n%s", x, want)
	}
}

// A name that would break out of its place in XML is refused.
func TestNames(t *testing.T) {
	for _, name := range []string{"", "a b", "a>", "<a", `a"`, "a=b", "a/", "?a", "!--", "a\x00b", "#text",
		strings.Repeat("x", 2000)} {
		b := newChunk()
		b.record(1, func() { b.node(&el{name: name}, false) })
		if got := collect(open(t, logFile(b.bytes())).All()); len(got.lost) != 1 ||
			!strings.Contains(got.lost[0], "cannot be the name") {
			t.Errorf("%.20q: %+v", name, got)
		}
	}
	for _, name := range []string{"a", "a-b.c:d_1", "名"} {
		if _, _, x := only(t, func(c *chunkBuilder) { c.node(&el{name: name}, false) }); x != "<"+name+"/>" {
			t.Error(x)
		}
	}
}
