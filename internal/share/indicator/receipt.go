package indicator

import (
	"fmt"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/wire"
)

// ReceiptID returns an id that the receipt for one state of one version of an
// object has however often it is written.
func ReceiptID(r wire.Receipt) string {
	return fmt.Sprintf("%s/%d/%s", r.Object, clock.Micros(r.Modified), r.State)
}
