package app

import (
	"context"
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma"
)

//go:embed samples
var samples embed.FS

// Samples holds meneki's own rules and recorded events, for the demo.
func Samples() fs.FS {
	sub, err := fs.Sub(samples, "samples")
	if err != nil {
		return samples // cannot be: the folder is embedded
	}
	return sub
}

// LoadRules reads Sigma rules from files and folders. Rules that cannot be
// understood in full are in Refused, with file, line and reason; the others
// are loaded.
func LoadRules(ctx context.Context, paths []string) (*sigma.Set, error) {
	all := &sigma.Set{}
	for _, p := range paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		st, err := os.Stat(p)
		if err != nil {
			return nil, fault.Wrap(fault.NotFound, i18n.T("there are no rules at {0}", "{0} に規則がありません").With(p), err).
				WithHint(i18n.T("give a Sigma file or a folder of them with --rules", "Sigma のファイルかフォルダーを --rules で指定してください"))
		}
		root, dir := ".", p
		if !st.IsDir() {
			root, dir = filepath.Base(p), filepath.Dir(p)
		}
		set, err := sigma.Load(os.DirFS(dir), root)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, i18n.T("the rules at {0} cannot be read", "{0} の規則を読み取れません").With(p), err)
		}
		for i := range set.Refused { // as the reader can open it, whichever folder was given
			set.Refused[i].Path = filepath.Join(dir, filepath.FromSlash(set.Refused[i].Path))
		}
		if lic := folderLicense(p); lic != "" {
			for _, r := range set.Rules {
				if r.License == "" {
					r.License = lic
				}
			}
		}
		all.Rules = append(all.Rules, set.Rules...)
		all.Refused = append(all.Refused, set.Refused...)
	}
	merged := sigma.NewSet(all.Rules)
	merged.Refused = append(merged.Refused, all.Refused...)
	return merged, nil
}

// SampleRules gives meneki's own rules.
func SampleRules() (*sigma.Set, error) { return sigma.Load(Samples(), "rules") }

// folderLicense gives the licence that a collection of rules states for all of
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
			case strings.Contains(text, "detection rule license"), strings.Contains(text, "drl 1.1"), strings.Contains(text, "drl-1.1"):
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
