package principal

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/event"
)

const day = 24 * time.Hour

func logon(at time.Duration, user, ip string) *event.Event {
	return &event.Event{Product: "windows", Service: "security", Time: noon.Add(at), Fields: map[string]any{
		"EventID": int64(
			4624,
		), "LogonType": int64(10), "TargetDomainName": "EXAMPLE", "TargetUserName": user, "IpAddress": ip,
		"Computer": "srv1.example.jp"}}
}

func TestBaselines(t *testing.T) {
	places, err := ReadPlaces(
		strings.NewReader(
			"network,latitude,longitude,country_iso_code\n203.0.113.0/24,35.68,139.76,JP\n" +
				"198.51.100.0/24,51.5,-0.12,GB\n203.0.113.128/25,34.69,135.5,JP\n2001:db8::/32,48.85,2.35,FR\n" +
				"192.0.2.0/24,,,\n",
		),
	)
	if err != nil {
		t.Fatal(err)
	}
	h := NewBaselines(New(Options{}), places, 0)
	for i, c := range []struct {
		at   time.Duration
		ip   string
		want string // idle days, new device, km, km/h
	}{
		{0, "203.0.113.5", "- - - -"},
		{2 * day, "203.0.113.5", "2 - 0 -"},
		{2*day + time.Hour, "203.0.113.200", "0.04 - 402 402"}, // Tokyo to Osaka
		{9 * day, "203.0.113.5", "6.96 false 402 2"},
		{9*day + time.Hour, "198.51.100.7", "0.04 true 9563 9563"}, // to London within the hour
		{70 * day, "198.51.100.7", "60.96 false 0 -"},
		{1 * day, "203.0.113.5", "- - - -"}, // late: nothing newer is changed
		{70*day + time.Hour, "192.0.2.9", "0.04 true - -"},
		{70*day + 2*time.Hour, "2001:db8::1", "0.04 true 343 172"},
		{300 * day, "203.0.113.5", "229.92 true 9716 2"}, // not used for half a year
	} {
		ev := logon(c.at, "sato", c.ip)
		if !h.Annotate(ev) {
			t.Fatalf("%d is no sign-in", i)
		}
		get := func(f string) string {
			switch v := ev.Fields[f].(type) {
			case nil:
				return "-"
			case float64:
				return fmt.Sprint(math.Round(v*100) / 100)
			default:
				return fmt.Sprint(v)
			}
		}
		if got := strings.Join([]string{get(FieldIdleDays), get(FieldNewDevice), get(FieldTravelKm),
			get(FieldTravelKmh)}, " "); got != c.want {
			t.Errorf("%d, %s after %s: %s, want %s", i, c.ip, c.at, got, c.want)
		}
		if ev.Fields[FieldAccount] != `down:example\sato` {
			t.Errorf("%v", ev.Fields[FieldAccount])
		}
	}
	if failed := logon(20*day, "sato", "198.51.100.7"); true {
		failed.Fields["EventID"] = int64(4625)
		if !h.Annotate(failed) || failed.Fields[FieldOutcome] != "failure" || failed.Fields[FieldIdleDays] != nil ||
			failed.Fields[FieldTarget] != "host:srv1" && failed.Fields[FieldTarget] != "fqdn:srv1.example.jp" {
			t.Errorf("a failure: %v", failed.Fields)
		}
	}
	var f bytes.Buffer
	if err := h.Save(&f); err != nil {
		t.Fatal(err)
	}
	again := NewBaselines(New(Options{}), places, 0)
	if err := again.Load(&f); err != nil {
		t.Fatal(err)
	}
	x, y := logon(310*day, "sato", "198.51.100.7"), logon(310*day, "sato", "198.51.100.7")
	h.Annotate(x)
	again.Annotate(y)
	if fmt.Sprint(x.Fields) != fmt.Sprint(y.Fields) || x.Fields[FieldIdleDays] == nil {
		t.Errorf("%v before, %v after", x.Fields, y.Fields)
	}
}

// What is a sign-in, and whose.
func TestSignIns(t *testing.T) {
	for name, c := range map[string]struct {
		ev   event.Event
		want string
	}{
		"sshd": {event.Event{Host: "web1",
			Fields: map[string]any{"message": "sshd[812]: Accepted publickey for sato from 203.0.113.5 port 50022 " +
				"ssh2: ED25519"}}, "user:sato ip:203.0.113.5"},
		"sshd as root": {event.Event{Host: "web1",
			Fields: map[string]any{"message": "Accepted password for root from 203.0.113.5 port 50022 ssh2"}},
			`down:web1\root ip:203.0.113.5`},
		"sshd refuses": {event.Event{Fields: map[string]any{"message": "Failed password for sato from " +
			"203.0.113.5 port 50022 ssh2"}}, "user:sato ip:203.0.113.5 failed"},
		"Entra": {event.Event{Fields: map[string]any{"userPrincipalName": "Sato@example.jp",
			"ipAddress": "203.0.113.5", "status": map[string]any{"errorCode": 0.0}}},
			"addr:sato@example.jp ip:203.0.113.5"},
		"Entra refuses": {event.Event{Fields: map[string]any{"userPrincipalName": "Sato@example.jp",
			"ipAddress": "203.0.113.5", "status": map[string]any{"errorCode": 50126.0}}},
			"addr:sato@example.jp ip:203.0.113.5 failed"},
		"Microsoft 365": {event.Event{Fields: map[string]any{"Operation": "UserLoggedIn",
			"UserId": "sato@example.jp", "ClientIP": "203.0.113.5"}}, "addr:sato@example.jp ip:203.0.113.5"},
		"AWS": {event.Event{Fields: map[string]any{"eventName": "ConsoleLogin",
			"responseElements": map[string]any{"ConsoleLogin": "Success"},
			"userIdentity":     map[string]any{"arn": "arn:aws:iam::1:user/sato"}, "sourceIPAddress": "203.0.113.5"}},
			"id:arn:aws:iam::1:user/sato ip:203.0.113.5"},
		"Okta": {event.Event{Fields: map[string]any{"eventType": "user.session.start",
			"outcome": map[string]any{"result": "SUCCESS"}, "actor": map[string]any{"alternateId": "sato@example.jp"},
			"client": map[string]any{"ipAddress": "203.0.113.5"}}}, "addr:sato@example.jp ip:203.0.113.5"},
		"OCSF": {event.Event{Fields: map[string]any{"class_uid": int64(3002),
			"activity_id": int64(1), "status_id": int64(1), "user": map[string]any{"name": "sato"},
			"src_endpoint": map[string]any{"ip": "203.0.113.5"}}}, "user:sato ip:203.0.113.5"},
		"Microsoft 365 with a port": {event.Event{Fields: map[string]any{"Operation": "UserLoggedIn",
			"UserId": "sato@example.jp", "ClientIP": "[2001:db8::1]:443"}}, "addr:sato@example.jp ip:2001:db8::1"},
		"Entra tells a risk": {event.Event{Fields: map[string]any{"userPrincipalName": "Sato@example.jp",
			"ipAddress": "203.0.113.5", "riskEventType": "x"}}, ""},
		"ECS": {event.Event{Host: "web1",
			Fields: map[string]any{"event.category": []any{"authentication"}, "event.outcome": "failure",
				"user.name": "root", "source.ip": "203.0.113.5"}}, `down:web1\root ip:203.0.113.5 failed`},
		"ECS nested": {event.Event{Fields: map[string]any{"event": map[string]any{"category": "authentication",
			"outcome": "success"}, "user": map[string]any{"name": "sato", "domain": "EXAMPLE"},
			"source": map[string]any{"ip": "203.0.113.5"}}}, `down:example\sato ip:203.0.113.5`},
		"ECS, signs out": {event.Event{Fields: map[string]any{"event.category": "authentication",
			"event.type": []any{"end"}, "event.outcome": "success", "user.name": "sato"}}, ""},
		"Windows service": {event.Event{Product: "windows", Service: "security",
			Fields: map[string]any{"EventID": int64(4624), "LogonType": "5", "TargetUserName": "sato"}}, ""},
		"Windows machine": {event.Event{Product: "windows", Service: "security",
			Fields: map[string]any{"EventID": int64(4624), "LogonType": "3", "TargetUserName": "WS01$",
				"TargetDomainName": "EXAMPLE"}}, ""},
		"Windows at the desk": {event.Event{Product: "windows", Service: "security",
			Fields: map[string]any{"EventID": int64(4624), "LogonType": "2", "TargetUserName": "sato",
				"TargetDomainName": "EXAMPLE", "Computer": "ws01", "IpAddress": "127.0.0.1"}},
			`down:example\sato host:ws01`},
		"a process, no logon": {event.Event{Product: "windows", Service: "sysmon",
			Fields: map[string]any{"EventID": int64(1), "User": `EXAMPLE\sato`}}, ""},
		"nothing": {event.Event{}, ""},
	} {
		got := ""
		if s, ok := signInOf(&c.ev); ok {
			got = s.account.String() + " " + s.device.String()
			if s.failed {
				got += " failed"
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestBaselinesAreBounded(t *testing.T) {
	h := NewBaselines(New(Options{}), nil, 50)
	for i := range 500 {
		h.Annotate(logon(time.Duration(i)*time.Hour, fmt.Sprint("u", i), "203.0.113.5"))
		h.Annotate(logon(time.Duration(i)*time.Hour, "busy", fmt.Sprintf("10.0.%d.%d", i/200, 1+i%200)))
	}
	if n, gone := h.Count(); n > 50 || gone == 0 {
		t.Errorf("%d accounts, %d forgotten", n, gone)
	}
	if n := len(h.accounts[`down:example\busy`].Devices); n != maxDevices {
		t.Errorf("%d machines of one account", n)
	}
}

func TestPlacesRefuse(t *testing.T) {
	for in, want := range map[string]string{
		"": "header", "a,b\n": "needs columns", "network,lat,lon\nx,1,2\n": "line 2",
		"network,lat,lon\n1.2.3.4/33,1,2\n": "line 2",
	} {
		if _, err := ReadPlaces(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

// Two places are too far apart in whatever order their sensors bring them.
func TestTravelInAnyOrder(t *testing.T) {
	places, err := ReadPlaces(
		strings.NewReader("network,latitude,longitude\n203.0.113.0/24,35.68,139.76\n198.51.100.0/24,51.5,-0.12\n"),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, late := range []bool{false, true} {
		h := NewBaselines(New(Options{}), places, 0)
		list := []*event.Event{logon(0, "sato", "203.0.113.5"), logon(time.Hour, "sato", "198.51.100.7")}
		if late {
			slices.Reverse(list)
		}
		var got []any
		for _, ev := range list {
			h.Annotate(ev)
			got = append(got, ev.Fields[FieldTravelKmh])
		}
		if got[0] != nil || got[1] != 9563.0 {
			t.Errorf("late %v: %v", late, got)
		}
		again := logon(0, "sato", "203.0.113.5")
		if h.Annotate(again); !late && again.Fields[FieldTravelKmh] != nil {
			t.Errorf("given again: %v", again.Fields)
		}
	}
}

// A machine's account has a SID like a person's, and is not a person.
func TestMachinesSignInAsNobody(t *testing.T) {
	h := NewBaselines(New(Options{}), nil, 0)
	for _, user := range []string{"WS01$", "SYSTEM"} {
		ev := logon(0, user, "192.0.2.1")
		ev.Fields["TargetUserSid"] = "S-1-5-21-1-2-3-1104"
		if h.Annotate(ev) {
			t.Errorf("%s signed in as %v", user, ev.Fields[FieldAccount])
		}
	}
	ev := logon(0, "sato", "192.0.2.1")
	ev.Fields["TargetUserSid"] = "S-1-5-21-1-2-3-1104"
	if !h.Annotate(ev) || ev.Fields[FieldAccount] != "sid:s-1-5-21-1-2-3-1104" {
		t.Errorf("%v", ev.Fields)
	}
}

// An address that several machines have at once is none of theirs.
func TestSharedAddresses(t *testing.T) {
	b := New(Options{})
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	ip := Name{IP, "192.168.1.5"}
	for m, host := range []string{"a", "a", "b", "b"} {
		b.Claim(ip, Name{Host, host}, at(m))
	}
	if got := b.Resolve(ip, at(1)) + " " + b.Resolve(ip, at(3)); got != "host:a host:b" {
		t.Errorf("handed over: %s", got)
	}
	b.Claim(ip, Name{Host, "a"}, at(4))
	if got := b.Resolve(ip, at(5)); got != "ip:192.168.1.5" {
		t.Errorf("in turns: %s", got)
	}
	if got := b.Resolve(ip, at(63)); got != "host:a" { // the other was not seen for an hour
		t.Errorf("later: %s", got)
	}
	for _, ip := range []string{"169.254.3.4", "fe80::1"} {
		b.Claim(Name{IP, ip}, Name{Host, "a"}, noon)
		if got := b.Resolve(Name{IP, ip}, noon); got != "ip:"+ip {
			t.Errorf("%s", got)
		}
	}
}
