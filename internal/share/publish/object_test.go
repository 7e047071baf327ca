package publish

import (
	"testing"

	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/web"
)

// On the page of an object the hub's people see how far members are with it, a member its
// own part, and who may not see the object nothing.
func TestOfObject(t *testing.T) {
	eachHub(t, testOfObject)
}

func testOfObject(t *testing.T, h *hub) {
	value, _, secret := shared(t, h)
	c := pages{Publisher: h.Publisher}
	rows := func(who, id string) []web.Row {
		t.Helper()
		part, err := c.ofObject(t.Context(), web.Subject{ID: id, Viewer: sharetest.Viewers[who]})
		if err != nil {
			t.Fatal(err)
		}
		if part.Data == nil {
			return nil
		}
		return part.Data.(web.List).Rows
	}
	if n := len(rows("desk", value.ID)); n < 2 {
		t.Errorf("the desk sees %d members", n)
	}
	if own := rows("gas", value.ID); len(own) != 1 || own[0].Key != "gas" || own[0].Cells[3] != int64(3) {
		t.Errorf("gas sees %v", own)
	}
	if r := rows("gas", secret.ID); r != nil {
		t.Errorf("gas sees a secret: %v", r)
	}
	if r := rows("desk", "malware--00000000-0000-4000-8000-000000000001"); r != nil {
		t.Errorf("what is not there has %v", r)
	}
}
