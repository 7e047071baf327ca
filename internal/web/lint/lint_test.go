package lint_test

import (
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/web/lint"
)

const good = `<!doctype html><html lang="ja"><title>t</title><main><h1>x</h1>%</main></html>`

func TestPage(t *testing.T) {
	for body, want := range map[string]string{
		"": "", `<h2>a</h2><p>b</p>`: "",
		`<h3>a</h3>`:                                      "a level is left out",
		`<p id="a"></p><p id="a"></p>`:                    "2 times",
		`<input name="q">`:                                "has no label",
		`<label>q <input name="q"></label>`:               "",
		`<label for="i">q</label><input id="i" name="q">`: "",
		`<label for="j">q</label>`:                        "is not there",
		`<button><svg aria-hidden="true"></svg></button>`: "has no name",
		`<button>x</button>`:                              "without a script",
		`<form><button type="button">x</button></form>`:   "without a script",
		`<form><button>x</button></form>`:                 "",
		`<button hidden>x</button>`:                       "",
		`<nav><a href="/x">y</a></nav>`:                   "no label",
		`<table><tr><th>1</table>`:                        "a row or a column",
		`<label>q <input list="none"></label>`:            "is not there",
		`<a href="/x">y<button>z</button></a>`:            "inside of a link",
		`<p>evil[[.]]example</p>`:                         "twice",
		`<button class="copy" aria-label="x"><svg aria-hidden="true"></svg></button>`: "",
		`<a href="/x"></a>`:                                        "has no name",
		`<svg></svg>`:                                              "neither hidden nor an image",
		`<svg role="img" aria-label="a"></svg>`:                    "",
		`<p style="color:red">`:                                    "the policy forbids",
		`<p onclick="x()">`:                                        "the policy forbids",
		`<script>x</script>`:                                       "is inline",
		`<a href="javascript:x">y</a>`:                             "runs a script",
		`<img src="//evil.example/x.png" alt="">`:                  "another site",
		`<form action="https://evil.example/"></form>`:             "another site",
		`<table><tr><td>1</table>`:                                 "has no th",
		`<div data-live></div>`:                                    "without an id",
		`<h1>again</h1>`:                                           "has 2 h1",
		`<h2>indicator--3baa808c-6f9b-4009-a658-5800c8888525</h2>`: "an id where a name belongs",
		`<table><tr><th scope="col">a</th><td class="r-main"><div>x</div><div>5f0c1d54-5f6b-4a6f-9d7e-3a1f5f6c0a03</div></td></tr></table>`:                "an id where a name belongs",
		`<table><tr><th scope="col">a</th><td class="r-main">x<span class="mono"><bdi>5f0c1d54-5f6b-4a6f-9d7e-3a1f5f6c0a03</bdi></span></td></tr></table>`: "",
		`<section aria-labelledby="nope"></section>`: "is not there",
	} {
		got := strings.Join(lint.Page([]byte(strings.Replace(good, "%", body, 1))), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
	if got := lint.Page([]byte("<p>")); len(got) < 3 {
		t.Errorf("an empty page passes: %q", got)
	}
}
