package demo

import (
	"archive/zip"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/sigma"
)

// dataDir finds the folder of real data, or skips the test.
func dataDir(t *testing.T) string {
	t.Helper()
	d := os.Getenv("MENEKI_DATA_DIR")
	if d == "" {
		d = filepath.Join("..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(d, "events-windows")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("real data: %v (set MENEKI_DATA_DIR)", err)
		}
		t.Skipf("no real data at %s; set MENEKI_DATA_DIR", d)
	}
	return d
}

// realRules loads the public rules once for all tests.
var realRules = sync.OnceValues(func() (*sigma.Set, error) {
	d := os.Getenv("MENEKI_DATA_DIR")
	if d == "" {
		d = filepath.Join("..", "..", "..", "shared", "data")
	}
	return ruleset.Load(context.Background(), []string{filepath.Join(d, "sigma")})
})

func mustRules(t *testing.T) *sigma.Set {
	t.Helper()
	set, err := realRules()
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Rules) < 3700 {
		t.Fatalf("%d rules loaded, %d refused", len(set.Rules), len(set.Refused))
	}
	return set
}

// someOf returns n of a list, others each day, or with MENEKI_TEST_ALL=1, as in
// .ci/run, all of it. A failure names the recording, so that it can be played alone.
func someOf[T any](list []T, n int) []T {
	if os.Getenv("MENEKI_TEST_ALL") != "" || len(list) <= n {
		return list
	}
	out := make([]T, 0, n)
	for i := range n {
		out = append(out, list[(time.Now().YearDay()*n+i)%len(list)])
	}
	return out
}

// files lists the files below a folder that end in ext, sorted.
func files(t *testing.T, dir, ext string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(p, ext) {
			out = append(out, p)
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("no %s below %s: %v", ext, dir, err)
	}
	slices.Sort(out)
	return out
}

// once plays the demo until it has come to rest.
func once(t *testing.T, cfg Config) Report {
	t.Helper()
	patience := 2 * time.Minute
	if underRace {
		patience = 6 * time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if cfg.Lang == "" {
		cfg.Lang = i18n.EN
	}
	if cfg.TLP == 0 {
		cfg.TLP = policy.Amber
	}
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	d, err := Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var out Report
	if err := d.Run(ctx, func(r Report) bool { out = r; return false }); err != nil {
		t.Fatal(err)
	}
	if err := ctx.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// atOnce runs subtests several at a time, more than there are processors: a
// demo mostly waits to see that nothing moves any more.
type atOnce struct {
	t     *testing.T
	slots chan struct{}
	group sync.WaitGroup
}

func several(t *testing.T) *atOnce { return &atOnce{t: t, slots: make(chan struct{}, 8)} }

func (a *atOnce) run(name string, fn func(*testing.T)) {
	a.slots <- struct{}{}
	a.group.Go(func() {
		defer func() { <-a.slots }()
		a.t.Run(name, fn)
	})
}

// The cycle on recordings and with rules that no one here wrote.
func TestRealRecordings(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it plays many recordings")
	}
	dir := dataDir(t)
	rules := mustRules(t)
	zips := files(t, filepath.Join(dir, "events-windows"), ".zip")
	all := several(t)
	defer all.group.Wait()
	names := []string{"psh_lsass_memory_dump_comsvcs", "cmd_bitsadmin_download_psh_script",
		"cmd_mshta_vbscript_execute_psh", "schtask_create", "cmd_service_mod_fax", "cmd_userinitmprlogonscript_batch"}
	if underRace {
		names = names[:1] // .ci/run plays them all without the detector
	}
	for _, name := range someOf(names, 1) {
		i := slices.IndexFunc(zips, func(p string) bool { return strings.Contains(p, name) })
		if i < 0 {
			t.Fatalf("no recording %s", name)
		}
		all.run(name, func(t *testing.T) {
			r := once(t, Config{RuleSet: rules, Events: []string{zips[i]}})
			if !r.OK || r.Missing != "" || r.TimeToImmunity == nil || *r.TimeToImmunity <= 0 {
				t.Fatalf("the cycle is not whole: missing %q, %d findings, %d cases, %d indicators", r.Missing,
					len(r.Findings), len(r.Cases), len(r.Indicators))
			}
			whole(t, r)
		})
		all.run(name+" without the attack", func(t *testing.T) {
			rest, removed := harmless(t, rules, zips[i])
			r := once(t, Config{RuleSet: rules, Events: []string{rest}})
			if removed == 0 || r.Missing != situation.Detected || r.OK || len(r.Findings)+len(r.Cases)+
				len(r.Indicators)+len(r.Steps) > 0 {
				t.Fatalf("%d events taken away, and yet: missing %q, findings %v", removed, r.Missing, r.Findings)
			}
			if r.Events == 0 {
				t.Fatal("nothing was left to read")
			}
		})
	}
}

// whole checks what must hold of every whole cycle.
func whole(t *testing.T, r Report) {
	t.Helper()
	for _, f := range r.Findings {
		if f.RuleID == "" || f.Title == "" || f.Member == "" || f.Count < 1 {
			t.Errorf("a finding does not say enough: %+v", f)
		}
		if strings.HasPrefix(f.RuleID, "indicator--") {
			continue
		}
		if f.License == "" {
			t.Errorf("no licence in %+v", f)
		}
	}
	armed := map[string]int{}
	for _, a := range r.Armed {
		armed[a.Indicator]++
	}
	hunted := map[string]int{}
	for _, h := range r.Hunted {
		hunted[h.Indicator]++
	}
	for _, i := range r.Indicators {
		if len(i.Entitled) != 3 || armed[i.ID] != 3 || hunted[i.ID] != 3 {
			t.Errorf("%s %s: %d entitled, %d armed, %d hunted; want 3 each", i.Kind, i.Name, len(i.Entitled),
				armed[i.ID], hunted[i.ID])
		}
		if !i.ValidUntil.After(time.Now()) || i.TLP == "" || i.Confidence == 0 {
			t.Errorf("an indicator without validity, marking or confidence: %+v", i)
		}
	}
	for _, s := range r.Steps {
		if s.MS < 0 {
			t.Errorf("a step before the attack: %+v", s)
		}
	}
}

// harmless writes the events of a recording that no rule matches to a file.
func harmless(t *testing.T, rules *sigma.Set, path string) (rest string, removed int) {
	t.Helper()
	rest = filepath.Join(t.TempDir(), "harmless.zip")
	f, err := os.Create(rest)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	w, err := z.Create("harmless.json")
	if err != nil {
		t.Fatal(err)
	}
	_, err = read.Paths(t.Context(), []string{path}, read.Options{}, func(ev *event.Event) error {
		matched := false
		for range rules.Match(ev) {
			matched = true
			break
		}
		if matched {
			removed++
			return nil
		}
		if _, err := w.Write(append(slices.Clone(ev.Raw), '\n')); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return rest, removed
}

// Every rule's regression sample, with all rules: the rule that the sample is
// for finds it, and the cycle is whole.
func TestGoldenSamples(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it plays 91 recordings")
	}
	dir := dataDir(t)
	rules := mustRules(t)
	all := several(t)
	defer all.group.Wait()
	for _, p := range someOf(files(t, filepath.Join(dir, "sigma-golden"), ".json"), 4) {
		id := strings.TrimSuffix(filepath.Base(p), ".json")
		all.run(filepath.Base(filepath.Dir(p)), func(t *testing.T) {
			r := once(t, Config{RuleSet: rules, Events: []string{filepath.Dir(p)}})
			if r.Missing != "" {
				t.Errorf("missing %q: %d events, findings %+v", r.Missing, r.Events, r.Findings)
			}
			if !slices.ContainsFunc(r.Findings, func(f ReportFinding) bool { return f.RuleID == id }) {
				t.Errorf("the rule %s found nothing", id)
			}
			whole(t, r)
		})
	}
}
