// Command shots makes the screenshots of the README and the documents: it runs
// the demo until the cycle has come to rest and photographs its consoles with
// the Chromium of this machine, in both languages, light and dark, wide and
// narrow. The pictures show what the program did, nothing is drawn by hand.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/demo"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web/shots"
)

func main() {
	out := flag.String("out", filepath.Join("docs", "screenshots"), "folder for the pictures")
	listen := flag.String("listen", "127.0.0.1:18470", "first of four ports for the consoles")
	all := flag.Bool("all", false, "every page in every form, not only those that the documents show")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := run(ctx, *out, *listen, *all); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// page is one picture's subject; node is 0 for the hub, else the member's number.
type page struct {
	name, path string
	node       int
}

var pages = []page{
	{"situation", "/", 0}, {"cases", "/cases", 0}, {"case", "/cases/{case}", 0}, {"findings", "/findings", 0},
	{"indicators", "/indicators", 0}, {"members", "/members", 0}, {"settings", "/settings", 0},
	{"search", "/search?q=update-portal", 0},
	{"objects", "/objects", 0}, {"reports", "/reports", 0}, {"lookup", "/objects/lookup", 0},
	{"share", "/share/new", 0}, {"drafts", "/share/drafts", 0}, {"feeds", "/feeds", 0}, {"foryou", "/foryou", 0},
	{"contribution", "/contribution", 0}, {"credit", "/contribution/rules", 0}, {"decay", "/indicators/decay", 0},
	{"groups", "/groups", 0}, {"consultations", "/consultations", 0}, {"received", "/objects", 1},
	{"node", "/", 1}, {"outgoing", "/outgoing", 3}, {"sharing", "/settings/sharing", 2},
}

func run(ctx context.Context, out, listen string, all bool) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	d, err := demo.Open(ctx, demo.Config{Listen: listen, Lang: i18n.JA, TLP: policy.Amber})
	if err != nil {
		return err
	}
	defer d.Close()
	browser, stop, err := shots.Start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	var shotErr error
	err = d.Run(ctx, func(r demo.Report) bool {
		if !r.OK {
			shotErr = errors.New("the cycle is not whole: " + r.Missing)
			return false
		}
		shotErr = take(browser, d, r.Cases[0].Number, out, all)
		return false
	})
	return errors.Join(err, shotErr)
}

func take(ctx context.Context, d *demo.Demo, number, out string, all bool) error {
	places := d.Consoles()
	for _, p := range pages {
		path := strings.ReplaceAll(p.path, "{case}", number)
		for _, lang := range []string{"ja", "en"} {
			for _, dark := range []bool{false, true} {
				for _, width := range []int{1440, 390} {
					plain := lang == "ja" && !dark && width == 1440
					if !all && !plain && (p.name != "situation" || dark != (lang == "en")) {
						continue
					}
					theme, height := "light", 1000
					if dark {
						theme = "dark"
					}
					if width == 390 {
						height = 844
					}
					file := filepath.Join(out, fmt.Sprintf("%s-%s-%s-%d.png", p.name, lang, theme, width))
					cookies := []*http.Cookie{{Name: "meneki_lang", Value: lang, Path: "/"},
						{Name: "meneki_zone", Value: url.QueryEscape(shots.Zone), Path: "/"}}
					if err := shots.Take(ctx, places[p.node].URL+path, file, width, height, dark,
						cookies...); err != nil {
						return fmt.Errorf("%s: %w", file, err)
					}
					fmt.Println(file)
				}
			}
		}
	}
	return nil
}
