package msg

import (
	"time"

	"github.com/meneki/meneki/internal/policy"
)

// TopicIndicator carries an IndicatorChanged.
const TopicIndicator = "indicator.changed"

// IndicatorChanged says that an indicator was made, changed or withdrawn.
type IndicatorChanged struct {
	Indicator string          `json:"indicator"`
	Case      string          `json:"case,omitempty"`
	Finding   string          `json:"finding,omitempty"`
	Entitled  int             `json:"entitled"` // members that it was addressed to
	Made      bool            `json:"made"`
	At        time.Time       `json:"at"`
	Pushed    time.Time       `json:"pushed"`
	Handling  policy.Handling `json:"handling"` // as it is now; what is said of the indicator is handled no wider
}
