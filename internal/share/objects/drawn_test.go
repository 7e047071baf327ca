package objects

import (
	"encoding/json"
	"regexp"
	"strings"
)

// chance is the ids of requests.
var chance = regexp.MustCompile(`01[0-9a-f]{6}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)

// drawn is an answer without what is drawn by chance.
func drawn(body string) string {
	return chance.ReplaceAllString(strings.ReplaceAll(body, `</bdi><bdi class="tail">`, ""), "")
}

func jsonText(s string) (string, error) {
	b, err := json.Marshal(s)
	return string(b), err
}
