package role

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// Metrics are a hub's or node's figures for Prometheus. They are numbers only,
// without names of members, and still for signed-in readers alone.
type Metrics struct {
	reg     *prometheus.Registry
	answers *prometheus.CounterVec
	took    prometheus.Histogram
	// Readers says whose figures these are; nil is everybody who may sign in. At a
	// hub they tell when other members are busy, and are its own people's.
	Readers func(policy.Viewer) bool
}

func newMetrics() *Metrics {
	m := &Metrics{reg: prometheus.NewRegistry(),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "meneki_api_answers_total",
			Help: "Answered API requests by operation, status and kind of fault."},
			[]string{"operation", "status", "kind"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "meneki_api_seconds",
			Help: "Time to answer an API request.", Buckets: prometheus.ExponentialBuckets(0.0005, 4, 8)}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "meneki_build_info", Help: "1, with the version."},
		[]string{"version"})
	build.WithLabelValues(Version).Set(1)
	m.reg.MustRegister(m.answers, m.took, build)
	return m
}

// observe counts one answer of the API.
func (m *Metrics) observe(a api.Answer) {
	m.answers.WithLabelValues(a.Operation, http.StatusText(a.Status), a.Kind).Inc()
	m.took.Observe(a.Took.Seconds())
}

// Gauge adds a figure that is read when it is asked for.
func (m *Metrics) Gauge(name, help string, read func(ctx context.Context) float64) {
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		return read(ctx)
	}))
}

// Gauges adds a figure for each value of a label; they are read when they are asked for.
func (m *Metrics) Gauges(name, help, label string, read func(ctx context.Context) map[string]float64) {
	m.reg.MustRegister(&gauges{prometheus.NewDesc(name, help, []string{label}, nil), read})
}

type gauges struct {
	desc *prometheus.Desc
	read func(ctx context.Context) map[string]float64
}

// Describe is a method of prometheus.Collector.
func (g *gauges) Describe(out chan<- *prometheus.Desc) { out <- g.desc }

// Collect is a method of prometheus.Collector.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for of, v := range g.read(ctx) {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, v, of)
	}
}

// Serve answers GET /metrics for readers.
func (m *Metrics) Serve(
	auth func(*http.Request) (policy.Viewer, error),
) func(http.ResponseWriter, *http.Request) error {
	inner := promhttp.HandlerFor(m.reg, promhttp.HandlerOpts{})
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := auth(r)
		if err == nil {
			err = api.Need(v, policy.RoleReader)
		}
		if err == nil && m.Readers != nil && !m.Readers(v) {
			err = fault.New(fault.Denied, i18n.T("the figures are for the people of this hub",
				"指標値は、このハブの担当者だけが閲覧できます"))
		}
		if err != nil {
			return err
		}
		inner.ServeHTTP(w, r)
		return nil
	}
}
