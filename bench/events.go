package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
)

// maker writes records as collectors of Windows events do: Sysmon process
// starts with their hashes, connections, and logons, in the mix and with the
// variety of an estate of 400 machines, about 2 KB each. Few programs are
// frequent and many are rare. Its records are the same in every run.
type maker struct {
	r      *rand.Rand
	n      int
	at     time.Time
	step   int // between two records at most, ms
	images []image
}

type image struct{ path, md5, sha256, imphash string }

func newMaker(seed uint64) *maker {
	m := &maker{r: rand.New(rand.NewPCG(seed, 1)), at: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), step: 150}
	for i := range 800 {
		m.images = append(m.images,
			image{fmt.Sprintf(`C:\Program Files\Vendor %d\bin\tool-%d.exe`, i%40, i), m.hex(16), m.hex(32), m.hex(16)})
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

// line writes one record as one line of JSON.
func (m *maker) line() ([]byte, error) {
	m.n++
	m.at = m.at.Add(time.Duration(m.r.IntN(m.step)) * time.Millisecond)
	img := m.images[min(int(m.r.ExpFloat64()*60), len(m.images)-1)]
	parent := m.images[min(int(m.r.ExpFloat64()*20), len(m.images)-1)]
	user, utc := fmt.Sprintf(`CORP\user%03d`, m.r.IntN(500)), m.at.Format("2006-01-02 15:04:05.000")
	f := map[string]any{
		"@timestamp": m.at.Format("2006-01-02T15:04:05.000Z"), "Channel": "Microsoft-Windows-Sysmon/Operational",
		"SourceName":   "Microsoft-Windows-Sysmon",
		"Hostname":     fmt.Sprintf("WS-%04d.corp.example", m.r.IntN(400)),
		"ProviderGuid": "{5770385F-C22A-43E0-BF4C-06F5698FFBD9}", "Severity": "INFO",
		"ExecutionProcessID": fmt.Sprint(2000 + m.r.IntN(100)), "ThreadID": 3000 + m.r.IntN(500),
		"RecordNumber": 1_000_000 + m.n, "Domain": "NT AUTHORITY",
		"AccountName": "SYSTEM", "UserID": "S-1-5-18", "AccountType": "User", "Keywords": "-9223372036854775808",
		"Opcode": "Info", "Version": 5,
		"UtcTime": utc, "ProcessGuid": m.guid(), "ProcessId": fmt.Sprint(m.r.IntN(60_000)), "Image": img.path,
		"User": user, "RuleName": "-",
	}
	switch k := m.r.IntN(10); {
	case k < 5:
		f["EventID"], f["Category"] = 1, "Process Create (rule: ProcessCreate)"
		f["CommandLine"] = fmt.Sprintf(`"%s" --session %s --window %d /quiet`, img.path, m.hex(6), m.r.IntN(9999))
		f["CurrentDirectory"], f["FileVersion"], f["Description"], f["Company"] = `C:\Windows\system32\`,
			"10.0.19041.1 (WinBuild.160101.0800)", "Tool of a vendor", "Vendor"
		f["LogonGuid"], f["LogonId"], f["TerminalSessionId"], f["IntegrityLevel"] = m.guid(), "0x3e7", "1", "Medium"
		f["Hashes"] = "MD5=" + img.md5 + ",SHA256=" + img.sha256 + ",IMPHASH=" + img.imphash
		f["ParentImage"], f["ParentProcessGuid"], f["ParentCommandLine"] = parent.path, m.guid(), parent.path+
			" -k netsvcs -p"
	case k < 8:
		f["EventID"], f["Category"] = 3, "Network connection detected (rule: NetworkConnect)"
		f["DestinationIp"], f["SourceIp"] = fmt.Sprintf("203.0.%d.%d", m.r.IntN(30), m.r.IntN(256)),
			fmt.Sprintf("10.1.%d.%d", m.r.IntN(4), m.r.IntN(100))
		f["DestinationHostname"] = fmt.Sprintf("cdn%d.service-%d.example", m.r.IntN(9), int(m.r.ExpFloat64()*300))
		f["DestinationPort"], f["SourcePort"], f["Protocol"], f["Initiated"] = "443", fmt.Sprint(m.r.IntN(60_000)),
			"tcp", "true"
	default:
		f["EventID"], f["Channel"], f["SourceName"], f["Category"] = 4624, "Security",
			"Microsoft-Windows-Security-Auditing", "Logon"
		f["IpAddress"], f["TargetUserName"], f["LogonType"],
			f["LogonProcessName"] = fmt.Sprintf("10.1.%d.%d", m.r.IntN(4), m.r.IntN(100)), user, "3", "Kerberos"
		f["TargetLogonId"], f["LogonGuid"], f["WorkstationName"] = "0x"+m.hex(3), m.guid(), "-"
	}
	// The message repeats the fields, as Windows writes it.
	var b strings.Builder
	b.WriteString(fmt.Sprint(f["Category"], ":\r\n"))
	for _, k := range []string{"RuleName", "UtcTime", "ProcessGuid", "ProcessId", "Image", "FileVersion", "Description",
		"Company", "CommandLine", "CurrentDirectory", "User", "LogonGuid", "LogonId",
		"IntegrityLevel", "Hashes", "ParentProcessGuid", "ParentImage", "ParentCommandLine", "Protocol", "Initiated",
		"SourceIp", "SourcePort", "DestinationIp", "DestinationHostname", "DestinationPort",
		"IpAddress", "TargetUserName", "LogonType", "LogonProcessName", "TargetLogonId", "WorkstationName"} {
		if v, ok := f[k]; ok {
			fmt.Fprintf(&b, "%s: %v\r\n", k, v)
		}
	}
	if f["EventID"] == 4624 {
		b.WriteString(logonText)
	}
	f["Message"] = b.String()
	return json.Marshal(f)
}

const logonText = "\r\nThis event is generated when a logon session is created. It is generated on the computer that " +
	"was accessed.\r\n\r\nThe subject fields indicate the account on the local system which requested the logon. " +
	"This is most commonly a service such as the Server service, or a local process such as Winlogon.exe or " +
	"Services.exe.\r\n\r\nThe logon type field indicates the kind of logon that occurred. The most common types are " +
	"2 (interactive) and 3 (network).\r\n"

// lines writes n records.
func (m *maker) lines(n int) ([]byte, error) {
	var b bytes.Buffer
	for range n {
		l, err := m.line()
		if err != nil {
			return nil, err
		}
		b.Write(l)
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}

// events reads lines as a sensor does.
func events(ctx context.Context, name string, lines []byte) ([]*event.Event, error) {
	var out []*event.Event
	rep, err := read.Stream(ctx, name, bytes.NewReader(lines), read.Options{}, func(ev *event.Event) error {
		out = append(out, ev)
		return nil
	})
	if err == nil && rep.BadN > 0 {
		err = fmt.Errorf("%d records of %s are not readable", rep.BadN, name)
	}
	return out, err
}

// attack is one attack not seen before: its own rule, machine and file.
type attack struct {
	rule string
	line []byte
}

// newAttack makes the i-th attack.
func (m *maker) newAttack(i int) (attack, error) {
	mark := fmt.Sprintf("bench-attack-%04d", i)
	g := m.guid()
	a := attack{rule: fmt.Sprintf(`title: Bench Attack %d
id: %s
status: test
description: The marked program of one attack of the measurement starts.
author: meneki project
license: Apache-2.0
tags:
    - attack.execution
logsource:
    category: process_creation
    product: windows
detection:
    selection:
        CommandLine|contains: '%s'
    condition: selection
level: high
`, i, strings.ToLower(g[1:len(g)-1]), mark)}
	var err error
	a.line, err = json.Marshal(map[string]any{
		"@timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		"Channel":    "Microsoft-Windows-Sysmon/Operational", "SourceName": "Microsoft-Windows-Sysmon", "EventID": 1,
		"Hostname": fmt.Sprintf("ATTACKED-%04d", i), "Image": `C:\Users\Public\` + mark + `.exe`, "CommandLine": mark +
			".exe /run", "User": `CORP\user001`,
		"ParentImage": `C:\Windows\explorer.exe`, "Hashes": "SHA256=" + m.hex(32), "ProcessGuid": m.guid(),
		"UtcTime": time.Now().UTC().Format("2006-01-02 15:04:05.000"),
	})
	return a, err
}
