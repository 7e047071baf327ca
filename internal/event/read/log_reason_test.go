package read_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/internal/event/read"
)

// noContent is a reason of package evtx.
type noContent struct{}

func (noContent) Error() string { return "the record has no content" }
func (noContent) Code() string  { return "evtx.record.empty" }
func (noContent) Args() []any   { return nil }

// What is wrong with an event log is said in both languages, unless it names a
// part of what is in the log.
func TestLogReason(t *testing.T) {
	got := read.LogReason(&evtx.Error{Chunk: 1, Err: noContent{}})
	if !strings.Contains(got.EN, "(the record has no content)") || !strings.Contains(got.JA, "（記録に内容がない）") {
		t.Errorf("%+v", got)
	}
	got = read.LogReason(&evtx.Error{Chunk: 1, Err: errors.New(`the entity "secret" is not known`)})
	if strings.Contains(got.EN+got.JA, "secret") {
		t.Errorf("%+v", got)
	}
}
