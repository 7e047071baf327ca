// Package ruleset reads the Sigma rules that people name on a command line or in
// a configuration: files and folders, rewritten by pipelines, with the licence
// that a folder states for all of its rules, and meneki's own rules beside them.
package ruleset

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/internal/detect/builtin"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/pipeline"
)

// Load reads Sigma rules, correlation rules and filters from files and
// folders; they may speak of one another across them. Pipelines, built in or
// files, are applied in the order of their priority. What cannot be understood
// in full is in Refused, with file, line and reason; the others are loaded.
func Load(ctx context.Context, paths []string, pipelines ...string) (*sigma.Set, error) {
	c, err := collectRules(ctx, paths, pipelines)
	if err != nil {
		return nil, err
	}
	return c.Set(), nil
}

// Source is where a node's rules come from.
type Source struct {
	Set       *sigma.Set // read already; nil: Paths and Builtin are read
	Paths     []string   // files and folders
	Builtin   bool       // meneki's own rules, too; pipelines are not applied to those
	Pipelines []string
}

// Load reads the rules. What cannot be understood is in Refused, see Load.
func (s Source) Load(ctx context.Context) (*sigma.Set, error) {
	if s.Set != nil {
		return s.Set, nil
	}
	c, err := collectRules(ctx, s.Paths, s.Pipelines)
	if err != nil {
		return nil, err
	}
	if s.Builtin {
		ours, err := sigma.LoadCollection(builtin.Files(), builtin.Root)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, i18n.Text{}, err)
		}
		c.Add(ours)
	}
	return c.Set(), nil
}

// Pipelines reads pipelines, built in or files.
func Pipelines(names []string) (*pipeline.Chain, error) {
	var list []*pipeline.Pipeline
	for _, name := range names {
		p, err := pipeline.Open(name)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, i18n.T("the pipeline {0} cannot be used: {1}",
				"パイプライン {0} は使えません：{1}").With(name, reason.Of(err)), err).
				WithHint(i18n.T("give a pySigma pipeline file, or one of: {0}",
					"pySigma のパイプラインファイルか、次のいずれかを指定してください：{0}").With(strings.Join(pipeline.Builtins(), ", ")))
		}
		list = append(list, p)
	}
	return pipeline.Combine(list...), nil
}

func collectRules(ctx context.Context, paths, pipelines []string) (*sigma.Collection, error) {
	chain, err := Pipelines(pipelines)
	if err != nil {
		return nil, err
	}
	all := &sigma.Collection{}
	var files []*sigma.File
	licences := map[string]string{} // by the path that was given
	for _, p := range paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		st, err := os.Stat(p)
		if err != nil {
			return nil, noRules(p, err).
				WithHint(i18n.T("give Sigma files, or folders that hold some", "Sigma のファイルか、それを含むフォルダーを指定してください"))
		}
		root, dir := ".", p
		if !st.IsDir() {
			root, dir = filepath.Base(p), filepath.Dir(p)
		}
		list, err := sigma.ReadFiles(os.DirFS(dir), root)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, i18n.T("the rules at {0} cannot be read", "{0} のルールを読み取れません").With(p),
				err)
		}
		lic := folderLicense(p)
		if len(list) == 0 && !st.IsDir() {
			return nil, noRules(p, nil).WithHint(i18n.T("names of Sigma files end in .yml or .yaml",
				"Sigma のファイル名は .yml か .yaml で終わります"))
		}
		list = slices.DeleteFunc(list, onlyTests)
		for _, f := range list {
			// as the reader can open it, whichever folder was given
			f.Path = filepath.Join(dir, filepath.FromSlash(f.Path))
			licences[f.Path] = lic
		}
		files = append(files, list...)
	}
	all.Add(chain.Rewrite(files...))
	for _, r := range all.Rules {
		r.License = cmp.Or(r.License, licences[r.Path])
	}
	for _, r := range all.Correlations {
		r.License = cmp.Or(r.License, licences[r.Path])
	}
	return all, nil
}

// onlyTests reports whether a file states tests of rules and holds none: such a
// file may are beside them.
func onlyTests(f *sigma.File) bool {
	tests := false
	for _, d := range f.Documents {
		if d.Root == nil || d.Root.Kind != yaml.MappingNode {
			return false
		}
		for i := 0; i < len(d.Root.Content); i += 2 {
			switch d.Root.Content[i].Value {
			case "tests", "regression_tests_info":
				tests = true
			case "detection", "correlation", "filter", "logsource", "title":
				return false
			}
		}
	}
	return tests
}

func noRules(path string, err error) *fault.Error {
	return fault.Wrap(fault.NotFound, i18n.T("there are no rules at {0}", "{0} にルールがありません").With(path), err)
}

// folderLicense returns the licence that a collection of rules states for all of
// them in a LICENSE file, in the folder itself or up to three folders above:
// most rules carry none of their own, and each match must name one.
func folderLicense(path string) string {
	dir := path
	for range 4 {
		for _, name := range []string{"LICENSE", "LICENSE.md", "LICENSE.txt"} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || len(b) > 1<<20 {
				continue
			}
			text := strings.ToLower(string(b))
			switch {
			case strings.Contains(text, "detection rule license"), strings.Contains(text, "drl 1.1"),
				strings.Contains(text, "drl-1.1"):
				return "DRL-1.1"
			case strings.Contains(text, "apache license") && strings.Contains(text, "version 2.0"):
				return "Apache-2.0"
			case strings.Contains(text, "mit license"):
				return "MIT"
			}
			return ""
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	return ""
}
