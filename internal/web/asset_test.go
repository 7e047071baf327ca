package web

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// color is a token's value in one theme.
type color struct{ r, g, b float64 }

func parseColor(s string) (color, bool) {
	s = strings.TrimSpace(s)
	if len(s) != 7 || s[0] != '#' {
		return color{}, false
	}
	n, err := strconv.ParseUint(s[1:], 16, 32)
	return color{float64(n >> 16), float64(n >> 8 & 255), float64(n & 255)}, err == nil
}

// luminance is the relative luminance of WCAG 2.2.
func (c color) luminance() float64 {
	part := func(v float64) float64 {
		if v /= 255; v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*part(c.r) + 0.7152*part(c.g) + 0.0722*part(c.b)
}

func contrast(a, b color) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// tokens reads the colours of both themes out of the style sheet.
func tokens(t *testing.T) map[string][2]color {
	t.Helper()
	text := string(mustAssets().files["app.css"].body)
	out := map[string][2]color{}
	for _, m := range regexp.MustCompile(
		`--([a-z0-9-]+):light-dark\((#[0-9a-f]{6}),(#[0-9a-f]{6})\)`).FindAllStringSubmatch(text, -1) {
		a, ok1 := parseColor(m[2])
		b, ok2 := parseColor(m[3])
		if !ok1 || !ok2 {
			t.Fatalf("token %s", m[0])
		}
		out[m[1]] = [2]color{a, b}
	}
	for _, m := range regexp.MustCompile(`--(tlp-[a-z]+):(#[0-9a-f]{6})`).FindAllStringSubmatch(text, -1) {
		c, _ := parseColor(m[2])
		out[m[1]] = [2]color{c, c}
	}
	return out
}

// WCAG 2.2 AA: 4.5 for text, 3 for what is no text but must be told apart.
func TestContrast(t *testing.T) {
	all := tokens(t)
	check := func(least float64, pairs ...string) {
		for _, p := range pairs {
			a, b, _ := strings.Cut(p, " on ")
			for theme, name := range []string{"light", "dark"} {
				x, ok1 := all[a]
				y, ok2 := all[b]
				if !ok1 || !ok2 {
					t.Fatalf("no token for %q", p)
				}
				if c := contrast(x[theme], y[theme]); c < least {
					t.Errorf("%s, %s: contrast %.2f, at least %.1f is needed", p, name, c, least)
				}
			}
		}
	}
	for _, ground := range []string{"card", "bg", "lift"} {
		for _, ink := range []string{"ink", "ink2", "accent", "hot", "good", "warn", "v0", "v1", "v2", "v3", "v4"} {
			check(4.5, ink+" on "+ground)
		}
	}
	check(4.5, "accent-ink on accent", "accent on accent-soft", "hot on hot-soft", "good on good-soft",
		"warn on warn-soft", "ink on accent-soft",
		"tlp-red on tlp-ground", "tlp-amber on tlp-ground", "tlp-green on tlp-ground", "tlp-clear on tlp-ground",
		"ink2 on l0", "l-ink on l1", "l-ink on l2", "l-ink2 on l3", "l-ink2 on l4")
	check(3, "edge on card", "edge on bg", "c0 on card", "c1 on card", "c2 on card", "c3 on card", "c4 on card",
		"c5 on card")
}

// Colours are tokens: nothing but the stripe of an exercise and paper names one.
func TestColoursAreTokens(t *testing.T) {
	for _, name := range styleOrder {
		if name == "tokens.css" || name == "print.css" {
			continue
		}
		body, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(body), "\n") {
			if m := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|rgba?\(`).FindString(line); m != "" &&
				!regexp.MustCompile(`stripe|drill|backdrop`).MatchString(line) {
				t.Errorf("assets/%s:%d names the colour %s", name, i+1, m)
			}
		}
	}
}

// Every token that is used exists.
func TestTokensExist(t *testing.T) {
	text := string(mustAssets().files["app.css"].body)
	for _, m := range regexp.MustCompile(`var\(--([a-z0-9-]+)\)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(text, "--"+m[1]+":") {
			t.Errorf("the token --%s is used and not defined", m[1])
		}
	}
}

// Nothing is fetched from elsewhere, and nothing needs what the policy forbids.
func TestAssetsAreOurs(t *testing.T) {
	remote := regexp.MustCompile(
		`(https?:)?//[a-z0-9-]+\.[a-z]|@import|url\(|\beval\(|new Function|innerHTML|insertAdjacentHTML|outerHTML|document\.write`)
	for name, f := range mustAssets().files {
		text := strings.ReplaceAll(string(f.body), "http://www.w3.org/", "")
		if m := remote.FindString(text); m != "" {
			t.Errorf("%s has %q", name, m)
		}
		if f.kind == "application/octet-stream" {
			t.Errorf("%s has no type", name)
		}
	}
}

// The policy allows this site's own files and nothing unsafe.
func TestPolicy(t *testing.T) {
	for _, bad := range []string{"unsafe", "*", "http:", "https:", "blob:"} {
		if strings.Contains(csp, bad) {
			t.Errorf("the content security policy has %s", bad)
		}
	}
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
		"connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the content security policy lacks %s", want)
		}
	}
}

// Every module that a script imports is there.
func TestImports(t *testing.T) {
	files := mustAssets().files
	for name, f := range files {
		for _, m := range regexp.MustCompile(`from '\./([^']+)'`).FindAllStringSubmatch(string(f.body), -1) {
			if _, ok := files[m[1]]; !ok {
				t.Error(fmt.Sprint(name, " imports ", m[1], ", which is not there"))
			}
		}
	}
}
