package cli

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// A full disk is told once, with what to do, and not at every attempt.
func TestFullDiskIsToldOnce(t *testing.T) {
	var out bytes.Buffer
	log := newLog(&out, slog.LevelWarn)
	full := fault.Wrap(fault.Storage, i18n.T("the disk is full", "空き容量がありません"),
		errors.New("ENOSPC")).WithHint(i18n.T("free space", "空きを増やしてください"))
	for range 5 {
		log.Warn("events were not taken", "err", full)
		log.With("part", "bus").Error("request failed", "err", full)
		log.Warn("something else", "err", errors.New("odd"))
	}
	for line, times := range map[string]int{
		`level=ERROR msg="cannot write to storage" doing="events were not taken" err="the disk is full: ENOSPC" hint="free space"`:   1,
		`level=ERROR msg="cannot write to storage" part=bus doing="request failed" err="the disk is full: ENOSPC" hint="free space"`: 1,
		`msg="something else"`: 5,
	} {
		if got := strings.Count(out.String(), line); got != times {
			t.Errorf("%d times, want %d: %s\n%s", got, times, line, out.String())
		}
	}
}
