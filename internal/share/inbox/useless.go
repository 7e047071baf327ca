package inbox

import (
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/stix"
)

// saysNothing returns why an indicator is not to be armed: all that it asks for are values
// that say nothing, such as the address of this machine itself, a private network, the hash
// of an empty file or what belongs to the community. In an exercise they may be the attack.
func (b *Inbox) saysNothing(realm string, o *stix.Object) error {
	if realm != event.Live || o.Text("pattern_type") != "stix" {
		return nil
	}
	p, err := stix.ParsePattern(o.Text("pattern"))
	if err != nil {
		return nil // the engine says what is wrong with it
	}
	asks, ok := p.Equalities()
	if !ok || len(asks) == 0 {
		return nil
	}
	first, why := "", ""
	for _, e := range asks {
		v, ok := object.Asked(e)
		if !ok {
			return nil
		}
		reason := exclusion.Reason(v, b.Own())
		if reason == "" {
			return nil
		}
		if first == "" {
			first, why = v.Value, reason
		}
	}
	return fault.New(fault.Unsupported, i18n.T("{0} says nothing: {1}", "{0} は手がかりにならない：{1}").
		With(first, finding.ExclusionText(why)))
}
