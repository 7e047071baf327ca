package taxiitest

import (
	"encoding/json"
	"fmt"
	"slices"
)

// statement is one thing that must hold. Sections are those of the specification.
type statement struct {
	name string
	test func(*server)
}

var statements = slices.Concat(resources, pages, filters, adding)

// fill adds objects with the numbers below n.
func (s *server) fill(n int) {
	s.Helper()
	var list []string
	for i := range n {
		list = append(list, indicator(i, 1))
	}
	s.add(list...)
}

// flip changes one bit of a cursor.
func flip(next string) string {
	b := []byte(next)
	if b[10]++; b[10] > 'y' {
		b[10] = 'A'
	}
	return string(b)
}

const marking = `{"type":"marking-definition","spec_version":"2.1",` +
	`"id":"marking-definition--00000000-0000-4000-8000-000000000001",` +
	`"created":"2026-01-01T00:00:00.000Z",` +
	`"definition_type":"statement","definition":{"statement":"example"}}`

// sco is an IPv4 address as an observable.
func sco(value, id string) string {
	if id == "" {
		id = "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"
	}
	b, err := json.Marshal(map[string]string{"type": "ipv4-addr", "spec_version": "2.1", "id": id, "value": value})
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(b)
}
