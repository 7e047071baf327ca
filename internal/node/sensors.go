package node

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/bus/pki"
	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/follow"
	"github.com/meneki/meneki/internal/event/listen"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/role"
)

// sensors are what a node's events come in by. Each hands them to the node and
// is told when they are kept.
type sensors struct {
	node     *Node
	follower *follow.Follower
	syslog   *listen.Syslog
	otlp     *listen.OTLP
	otlpLis  net.Listener
	otlpSrv  *http.Server

	mu       sync.Mutex
	last     map[string]time.Time // under mu; when a sensor last handed something over
	problems []SensorProblem      // under mu; the newest maxProblems
}

// SensorProblem is a record that could not be read, or a file that is not.
type SensorProblem struct {
	At     time.Time
	Where  string
	Record int64
	Reason i18n.Text
}

// SensorLine is a sensor in a list.
type SensorLine struct {
	Kind    string // file, syslog, otlp
	Name    string
	Events  int64
	Bad     int64
	Dropped int64
	Last    time.Time
	Problem i18n.Text
}

const maxProblems = 50

// sensing is what the node's events come in by. It starts when everything is armed.
func (n *Node) sensing() role.Module {
	return role.Module{
		Name: "sensors",
		Gauges: []role.Gauge{
			{Name: "meneki_sensor_unreadable", Help: "Records that sensors could not read, since the start.",
				Read: func(context.Context) float64 { bad, _ := n.sensors.losses(); return float64(bad) }},
			{Name: "meneki_sensor_dropped", Help: "Messages that came faster than they could be kept, since the start.",
				Read: func(context.Context) float64 { _, dropped := n.sensors.losses(); return float64(dropped) }},
		},
		Start: func(ctx context.Context) (err error) {
			if err := n.detect.Refill(ctx); err != nil {
				return err
			}
			n.sensors, err = openSensors(n)
			return err
		},
		Run: []func(context.Context) error{func(ctx context.Context) error {
			g, ctx := errgroup.WithContext(ctx)
			n.sensors.run(ctx, g)
			return g.Wait()
		}},
		Close: func() error { n.sensors.close(); return nil },
	}
}

// openSensors takes the ports that the node listens on.
func openSensors(n *Node) (*sensors, error) {
	s := &sensors{node: n, last: map[string]time.Time{}}
	for _, p := range n.cfg.Watch {
		if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(p, "*?[") {
			n.cfg.Log.Warn("a watched file is not there; it is read as soon as it is", slog.String("file", p))
		}
	}
	if len(n.cfg.Watch) > 0 {
		s.follower = follow.New(
			follow.Options{
				Paths: n.cfg.Watch, Clock: n.cfg.Clock, Log: n.cfg.Log, OnBad: s.bad, OnOdd: s.odd, OnSkip: s.skip,
			},
			detect.Checkpoints{DB: n.db}, s.sink("file"),
		)
	}
	if n.cfg.Syslog != "" || n.cfg.SyslogTLS != "" {
		o := listen.SyslogOptions{
			UDP: n.cfg.Syslog, TCP: n.cfg.Syslog, TLS: n.cfg.SyslogTLS, Clock: n.cfg.Clock, Log: n.cfg.Log,
		}
		if o.TLS != "" {
			conf, err := n.sensorTLS(o.TLS)
			if err != nil {
				return s, err
			}
			o.TLSConfig = conf
		}
		s.syslog = listen.NewSyslog(o, s.sink("syslog"))
		if err := s.syslog.Listen(); err != nil {
			return s, err
		}
	}
	if n.cfg.OTLP != "" {
		var err error
		if s.otlpLis, err = role.TakePort(n.cfg.OTLP, "--otlp"); err != nil {
			return s, err
		}
		s.otlp = listen.NewOTLP(listen.OTLPOptions{Clock: n.cfg.Clock, Log: n.cfg.Log}, s.sink("otlp"))
	}
	return s, nil
}

// sensorTLS makes the certificate that senders of syslog see; its authority is
// in the data folder, for them to trust.
func (n *Node) sensorTLS(addr string) (*tls.Config, error) {
	hosts := []string{"localhost", "127.0.0.1"}
	if host, _, err := net.SplitHostPort(addr); err == nil && host != "" && !strings.Contains("0.0.0.0 ::", host) {
		hosts = append(hosts, host)
	}
	conf, _, _, err := pki.EnsureCA(filepath.Join(n.cfg.Data, "tls"), hosts, n.cfg.Clock)
	if err == nil {
		conf.MinVersion = tls.VersionTLS12 // many senders of syslog know no newer one (RFC 5425, RFC 9662)
	}
	return conf, err
}

// sink hands events to the node and notes that the sensor lives.
func (s *sensors) sink(kind string) func(context.Context, []*event.Event) error {
	return func(ctx context.Context, list []*event.Event) error {
		err := s.node.Take(ctx, list)
		if err == nil {
			s.mu.Lock()
			s.last[kind] = s.node.cfg.Clock()
			s.mu.Unlock()
		}
		return err
	}
}

func (s *sensors) bad(b read.BadRecord) {
	s.note(SensorProblem{Where: b.Name, Record: b.Record, Reason: b.Reason})
	s.node.cfg.Log.Warn(
		"a record was refused", slog.String("file", b.Name), slog.Int64("record", b.Record),
		slog.Int64("offset", b.Offset), slog.String("reason", b.Reason.EN),
	)
}

func (s *sensors) odd(b read.BadRecord) {
	s.note(SensorProblem{Where: b.Name, Record: b.Record, Reason: b.Reason})
	s.node.cfg.Log.Warn(
		"a record is not UTF-8", slog.String("file", b.Name), slog.Int64("record", b.Record),
		slog.Int64("offset", b.Offset), slog.String("reason", b.Reason.EN),
	)
}

func (s *sensors) skip(f read.SkippedFile) {
	s.note(SensorProblem{Where: f.Name, Reason: f.Reason})
	s.node.cfg.Log.Info("a file is not read", slog.String("file", f.Name), slog.String("reason", f.Reason.EN))
}

func (s *sensors) note(p SensorProblem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.At = s.node.cfg.Clock()
	s.problems = append(s.problems, p)
	if len(s.problems) > maxProblems {
		s.problems = s.problems[len(s.problems)-maxProblems:]
	}
}

// run starts all sensors in g.
func (s *sensors) run(ctx context.Context, g *errgroup.Group) {
	if s.follower != nil {
		g.Go(func() error { return s.follower.Run(ctx) })
	}
	if s.syslog != nil {
		g.Go(func() error { return s.syslog.Run(ctx) })
	}
	if s.otlp != nil {
		mux := http.NewServeMux()
		mux.Handle("/v1/logs", s.otlp)
		role.Serve(ctx, g, s.otlpLis, mux, s.node.cfg.Log, &s.otlpSrv)
	}
}

// close gives the ports back of sensors that never ran.
func (s *sensors) close() {
	if s != nil && s.otlpLis != nil {
		_ = s.otlpLis.Close()
	}
}

// Lines lists the sensors.
func (s *sensors) Lines() []SensorLine {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []SensorLine
	if s.follower != nil {
		c := s.follower.Counters()
		l := SensorLine{
			Kind: "file", Name: strings.Join(s.node.cfg.Watch, ", "), Events: c.Events, Bad: c.Bad,
			Last: s.last["file"],
		}
		if len(c.Missing) > 0 {
			l.Problem = i18n.T("not there: {0}", "見つかりません：{0}").With(strings.Join(c.Missing, ", "))
		}
		out = append(out, l)
	}
	if s.syslog != nil {
		c := s.syslog.Counters()
		out = append(
			out,
			SensorLine{
				Kind: "syslog", Name: strings.Trim(s.node.cfg.Syslog+" "+s.node.cfg.SyslogTLS, " "), Events: c.Kept,
				Bad: c.Broken + c.TooLarge, Dropped: c.Dropped, Last: s.last["syslog"],
			},
		)
	}
	if s.otlp != nil {
		c := s.otlp.Counters()
		out = append(
			out,
			SensorLine{Kind: "otlp", Name: s.node.cfg.OTLP, Events: c.Kept, Bad: c.Rejected, Last: s.last["otlp"]},
		)
	}
	return out
}

// losses sums what all sensors could not read, and what they dropped.
func (s *sensors) losses() (bad, dropped int64) {
	for _, l := range s.Lines() {
		bad, dropped = bad+l.Bad, dropped+l.Dropped
	}
	return bad, dropped
}

// tellLosses says in the log what sensors lost or could not read since it was
// said last: once a call, however much it is. told is the sums by sensor.
func (s *sensors) tellLosses(log *slog.Logger, told map[string]int64) {
	for _, l := range s.Lines() {
		name := l.Kind + " " + l.Name
		if n := l.Dropped - told[name]; n > 0 {
			log.Warn(
				"a sensor lost messages: they came faster than they could be kept", slog.String("sensor", name),
				slog.Int64("messages", n),
			)
			told[name] = l.Dropped
		}
		if n := l.Bad - told[name+" bad"]; n > 0 && l.Kind != "file" { // of files each is named
			log.Warn(
				"a sensor got messages that it could not read, or that were too large", slog.String("sensor", name),
				slog.Int64("messages", n),
			)
			told[name+" bad"] = l.Bad
		}
	}
}

// Problems lists what could not be read, newest last.
func (s *sensors) Problems() []SensorProblem {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]SensorProblem(nil), s.problems...)
}
