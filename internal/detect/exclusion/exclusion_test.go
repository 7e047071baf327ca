package exclusion

import (
	"testing"

	"github.com/meneki/meneki/internal/event"
)

func TestSystemBinaries(t *testing.T) {
	for _, c := range []struct {
		path, company string
		want          bool
	}{
		{`C:\Windows\System32\whoami.exe`, "Microsoft Corporation", true},
		{`C:\Windows\System32\curl.exe`, "curl, https://curl.se/", true},
		{`C:\Windows\System32\icuuc.dll`, "The ICU Project", true},
		{`C:\Program Files\Google\Chrome\Application\chrome.exe`, "Google LLC", true},
		{`C:\Windows\System32\GruntHTTP2.exe`, "-", false},
		{`C:\Windows\PSEXESVC.exe`, "Sysinternals", false},
		{`C:\Program Files\AnyDesk\AnyDesk.exe`, "AnyDesk Software GmbH", false},
		{`C:\Users\bob\Downloads\curl.exe`, "curl, https://curl.se/", false},
		{`C:\Windows\Temp\curl.exe`, "curl, https://curl.se/", false},
		{`C:\Windows\System32\chrome.exe`, "Google LLC", false},
	} {
		ev := &event.Event{Fields: map[string]any{"Image": c.path, "Company": c.company}}
		if got := SystemProgram(ev); got != c.want {
			t.Errorf("%s of %s: %t", c.path, c.company, got)
		}
	}
}
