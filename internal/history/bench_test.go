package history

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// maker makes events in the shape and with the variety of a Windows estate:
// Sysmon process starts with their hashes, connections, and logons, 2 KB each.
type maker struct {
	r      *rand.Rand
	n      int
	at     time.Time
	images []image
}

type image struct{ path, md5, sha256, imphash string }

func newMaker(seed uint64) *maker {
	m := &maker{r: rand.New(rand.NewPCG(seed, 1)), at: start}
	for i := range 800 {
		m.images = append(m.images, image{
			fmt.Sprintf(`C:\Program Files\Vendor %d\bin\tool-%d.exe`, i%40, i), m.hex(16), m.hex(32), m.hex(16),
		})
	}
	return m
}

func (m *maker) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.r.Uint32())
	}
	return hex.EncodeToString(b)
}

func (m *maker) guid() string {
	h := m.hex(16)
	return "{" + h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:] + "}"
}

// next makes an event. Few programs are frequent and many are rare.
func (m *maker) next() *event.Event {
	m.n++
	m.at = m.at.Add(time.Duration(m.r.IntN(150)) * time.Millisecond)
	img := m.images[min(int(m.r.ExpFloat64()*60), len(m.images)-1)]
	parent := m.images[min(int(m.r.ExpFloat64()*20), len(m.images)-1)]
	host := fmt.Sprintf("WS-%04d.corp.example", m.r.IntN(400))
	user := fmt.Sprintf(`CORP\user%03d`, m.r.IntN(500))
	fields := map[string]any{
		"Channel": "Microsoft-Windows-Sysmon/Operational", "Provider_Name": "Microsoft-Windows-Sysmon",
		"Computer":           host,
		"ExecutionProcessID": int64(2000 + m.r.IntN(100)), "ThreadID": int64(3000 + m.r.IntN(500)),
		"EventRecordID": int64(1_000_000 + m.n),
		"UtcTime":       m.at.Format("2006-01-02 15:04:05.000"), "ProcessGuid": m.guid(),
		"ProcessId": int64(m.r.IntN(60_000)), "Image": img.path, "User": user,
		"RuleName": "-", "Version": int64(5), "Level": "Information", "Task": "Process Create (rule: ProcessCreate)",
		"Opcode": "Info", "Keywords": "0x8000000000000000",
		"Message": "Process Create:\r\nRuleName: -\r\nUtcTime: " + m.at.Format("2006-01-02 15:04:05.000") +
			"\r\nImage: " + img.path + "\r\nUser: " + user,
	}
	ev := &event.Event{
		ID: fmt.Sprintf("01960000-%04x-7%03x-8%03x-%012x", m.n>>16, m.r.IntN(4096), m.r.IntN(4096), m.n), Time: m.at,
		Seen: m.at.Add(2 * time.Second),
		From: event.Source{Sensor: "file", Name: `C:\logs\sysmon.json`, Offset: int64(m.n) * 2100,
			Record: int64(m.n)},
		Product: "windows", Service: "sysmon", Host: host, User: user,
	}
	switch k := m.r.IntN(10); {
	case k < 5:
		fields["EventID"] = int64(1)
		fields["CommandLine"] = fmt.Sprintf(`"%s" --session %s --window %d /quiet`, img.path, m.hex(6), m.r.IntN(9999))
		fields["CurrentDirectory"], fields["FileVersion"], fields["Description"] = `C:\Windows\system32\`,
			"10.0.19041.1 (WinBuild.160101.0800)", "Tool of a vendor"
		fields["LogonGuid"], fields["LogonId"], fields["TerminalSessionId"], fields["IntegrityLevel"] = m.guid(),
			"0x3e7", int64(1), "Medium"
		fields["Hashes"] = "MD5=" + img.md5 + ",SHA256=" + img.sha256 + ",IMPHASH=" + img.imphash
		fields["ParentImage"], fields["ParentProcessGuid"], fields["ParentCommandLine"] = parent.path, m.guid(),
			parent.path+" -k netsvcs -p"
		ev.Categories = []string{"process_creation"}
	case k < 8:
		fields["EventID"] = int64(3)
		fields["DestinationIp"], fields["SourceIp"] = fmt.Sprintf("203.0.%d.%d", m.r.IntN(30), m.r.IntN(256)),
			fmt.Sprintf("10.1.%d.%d", m.r.IntN(4), m.r.IntN(100))
		fields["DestinationHostname"] = fmt.Sprintf("cdn%d.service-%d.example", m.r.IntN(9), int(m.r.ExpFloat64()*300))
		fields["DestinationPort"], fields["SourcePort"], fields["Protocol"], fields["Initiated"] = int64(443),
			int64(m.r.IntN(60_000)), "tcp", true
		fields["Filler"] = m.hex(100) + fmt.Sprintf("%0400d", m.n)
		ev.Categories = []string{"network_connection"}
	default:
		fields["EventID"], fields["Channel"] = int64(4624), "Security"
		fields["IpAddress"], fields["TargetUserName"], fields["LogonType"] = fmt.Sprintf("10.1.%d.%d", m.r.IntN(4),
			m.r.IntN(100)), user, int64(3)
		fields["Filler"] = m.hex(60) + fmt.Sprintf("%0500d", m.n)
		ev.Service = "security"
	}
	ev.Fields = fields
	ev.Raw, _ = json.Marshal(fields)
	return ev
}

func (m *maker) batch(n int) []*event.Event {
	out := make([]*event.Event, n)
	for i := range out {
		out[i] = m.next()
	}
	return out
}

// filled makes a sealed history of n events; one value is in one event only.
func filled(b *testing.B, n int) (h *History, rare event.Observable, common event.Observable) {
	b.Helper()
	h = open(b, Options{Dir: b.TempDir(), Observables: event.Observables})
	m := newMaker(7)
	rare = event.Observable{Type: event.IPv4, Value: "198.51.100.77"}
	for done := 0; done < n; done += 1000 {
		batch := m.batch(1000)
		if done == n/2 {
			batch[500].Fields["DestinationIp"] = rare.Value
		}
		put(b, h, batch...)
	}
	flush(b, h)
	return h, rare, event.Observable{Type: event.SHA256, Value: m.images[0].sha256}
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			h := open(b, Options{Dir: b.TempDir(), Observables: event.Observables})
			m := newMaker(1)
			n, raw := 0, 0
			var spent time.Duration
			for b.Loop() {
				b.StopTimer()
				batch := m.batch(size)
				for _, ev := range batch {
					raw += len(ev.Raw)
				}
				b.StartTimer()
				began := time.Now()
				put(b, h, batch...)
				spent += time.Since(began)
				n += size
			}
			b.ReportMetric(float64(n)/spent.Seconds(), "events/s")
			b.ReportMetric(float64(raw)/float64(n), "raw-B/event")
		})
	}
}

// BenchmarkSeal measures what sealing costs and how much an event takes on disk.
func BenchmarkSeal(b *testing.B) {
	const n = 50_000
	var spent time.Duration
	var bytes, index, raw int64
	for b.Loop() {
		b.StopTimer()
		h := open(b, Options{Dir: b.TempDir(), Observables: event.Observables, SegmentEvents: 2 * n,
			SegmentBytes: 1 << 40})
		m := newMaker(2)
		raw = 0
		for range n / 1000 {
			batch := m.batch(1000)
			for _, ev := range batch {
				raw += int64(len(ev.Raw))
			}
			put(b, h, batch...)
		}
		b.StartTimer()
		began := time.Now()
		flush(b, h)
		spent += time.Since(began)
		bytes, index = 0, 0
		for _, f := range h.files {
			bytes += f.meta.Bytes
			index += f.size - f.meta.Bytes
		}
		shut(b, h)
	}
	b.ReportMetric(float64(n)*float64(b.N)/spent.Seconds(), "events/s")
	b.ReportMetric(float64(raw)/n, "raw-B/event")
	b.ReportMetric(float64(bytes)/n, "parquet-B/event")
	b.ReportMetric(float64(index)/n, "index-B/event")
}

const benchEvents = 200_000

func BenchmarkSearch(b *testing.B) {
	h, rare, common := filled(b, benchEvents)
	for name, q := range map[string]Query{
		"one event":    {Observables: []event.Observable{rare}},
		"nothing":      {Observables: []event.Observable{{Type: event.Domain, Value: "not.there.example"}}},
		"common value": {Observables: []event.Observable{common}},
		"log source":   {Sources: []sigma.LogSource{{Product: "windows", Category: "process_creation"}}},
		"all":          {},
	} {
		b.Run(name, func(b *testing.B) {
			var st Stats
			for b.Loop() {
				var err error
				if st, err = h.Search(b.Context(), q, func(*event.Event) bool { return true }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(benchEvents)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(st.Hits), "hits")
			b.ReportMetric(float64(st.Files-st.Pruned), "files")
		})
	}
}

func BenchmarkPrevalence(b *testing.B) {
	h, rare, common := filled(b, benchEvents)
	for name, o := range map[string]event.Observable{"rare": rare, "common": common,
		"nothing": {Type: event.Domain, Value: "not.there.example"}} {
		b.Run(name, func(b *testing.B) {
			var p Prevalence
			for b.Loop() {
				var err error
				if p, err = h.Prevalence(b.Context(), o, time.Time{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(p.Events), "occurrences")
			b.ReportMetric(float64(len(h.files)), "files")
		})
	}
}
