package web_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/meneki/meneki/internal/web/shots"
)

// TestShots writes pictures of the demo pages to the folder MENEKI_SHOTS, to be
// looked at: MENEKI_SHOTS=/tmp/shots go test -run Shots ./internal/web
func TestShots(t *testing.T) {
	dir := os.Getenv("MENEKI_SHOTS")
	if dir == "" {
		t.Skip("MENEKI_SHOTS names no folder for pictures")
	}
	shots.Browser(t)
	srv := httptest.NewServer(demo(t, demoDesk).Handler())
	defer srv.Close()
	ctx, stop, err := shots.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for name, path := range map[string]string{
		"situation": "/", "cases": "/cases?after=50", "case": "/cases/1", "empty": "/findings", "form": "/members/new",
		"error": "/wrong", "pictures": "/pictures", "public": "/public", "drill": "/drill",
	} {
		for _, width := range []int{1440, 390} {
			for _, dark := range []bool{false, true} {
				for _, lang := range []string{"ja", "en"} {
					full := name == "situation" || name == "case"
					if !full && (dark == (lang == "ja")) { // half of them show as much
						continue
					}
					file := name + "-" + strconv.Itoa(width) + "-" + lang
					if dark {
						file += "-dark"
					}
					if only := os.Getenv("MENEKI_SHOTS_ONLY"); only != "" {
						if ok, _ := filepath.Match(only, file); !ok {
							continue
						}
					}
					if err := shots.Take(ctx, srv.URL+path, filepath.Join(dir, file+".png"), width, 0, dark,
						&http.Cookie{Name: "meneki_lang", Value: lang}); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
}
