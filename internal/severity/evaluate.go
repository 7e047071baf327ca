package severity

import (
	"fmt"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Confidence is how well an input is known.
type Confidence string

// The confidences.
const (
	Known     Confidence = "known"     // it is so
	Estimated Confidence = "estimated" // most likely so, and within bounds
	Unknown   Confidence = "unknown"   // it may be anything within its bounds
)

// Input is what somebody says about one axis.
type Input struct {
	Axis       string     `json:"axis"`
	Confidence Confidence `json:"confidence"`
	Value      string     `json:"value,omitempty"` // option id; empty if unknown
	// Least and Most bound what it can be, as option ids. Empty: for a known
	// input its value, for any other the ends of the axis.
	Least string `json:"least,omitempty"`
	Most  string `json:"most,omitempty"`
	By    string `json:"by,omitempty"` // user id, or the automatic rule
	// Why is what a person wrote, or the code of the automatic rule; see Reason.
	Why string `json:"why,omitempty"`
}

// Result is what a scale makes of inputs.
type Result struct {
	Lowest, Likely, Highest int
	// LowestScore, LikelyScore and HighestScore are the figures behind them: the
	// value of the highest axis, or 0 to 100 for a mean.
	LowestScore, LikelyScore, HighestScore float64
	// Ask is the axis that is not known for certain and would move the level
	// most if it were, the others being as they most likely are; empty if all
	// are known.
	Ask string
}

// span is an input as numbers.
type span struct {
	least, likely, most float64
	open                bool // not known for certain
}

// Evaluate returns what the scale makes of inputs. An axis without an input is unknown. Unknown inputs count
// with their least, and most, value at the ends of the interval; in the likely
// result with what the scale says of the unknown, else with their least.
func (s *Scale) Evaluate(inputs []Input) (Result, error) {
	spans, err := s.spans(inputs)
	if err != nil {
		return Result{}, err
	}
	at := func(pick func(span) float64) float64 {
		values := make([]float64, len(spans))
		for i, sp := range spans {
			values[i] = pick(sp)
		}
		return s.score(values)
	}
	r := Result{
		LowestScore:  at(func(sp span) float64 { return sp.least }),
		LikelyScore:  at(func(sp span) float64 { return sp.likely }),
		HighestScore: at(func(sp span) float64 { return sp.most }),
	}
	r.Lowest, r.Likely, r.Highest = s.levelOf(r.LowestScore), s.levelOf(r.LikelyScore), s.levelOf(r.HighestScore)
	r.Ask = s.ask(spans)
	return r, nil
}

func (s *Scale) ask(spans []span) string {
	best, bestLevels, bestScore := "", -1, -1.0
	values := make([]float64, len(spans))
	for i, sp := range spans {
		if !sp.open {
			continue
		}
		for j, other := range spans {
			values[j] = other.likely
		}
		values[i] = sp.least
		low := s.score(values)
		values[i] = sp.most
		high := s.score(values)
		levels := s.levelOf(high) - s.levelOf(low)
		if levels > bestLevels || levels == bestLevels && high-low > bestScore {
			best, bestLevels, bestScore = s.Axes[i].ID, levels, high-low
		}
	}
	return best
}

// score makes one figure of the axes' values, in the order of the axes.
func (s *Scale) score(values []float64) float64 {
	if s.Shape == Max {
		top := values[0]
		for _, v := range values {
			top = max(top, v)
		}
		return top
	}
	var sum, low, high float64
	for i, a := range s.Axes {
		sum += a.Weight * values[i]
		low += a.Weight * a.least().Value
		high += a.Weight * a.most().Value
	}
	return min(max(100*(sum-low)/(high-low), 0), 100)
}

func (s *Scale) levelOf(score float64) int {
	level := s.Levels[0].Level
	for _, l := range s.Levels {
		if score >= l.At {
			level = l.Level
		}
	}
	return level
}

// spans turns inputs into numbers, one for each axis, and refuses what does not
// fit the scale.
func (s *Scale) spans(inputs []Input) ([]span, error) {
	byAxis := map[string]Input{}
	for _, in := range inputs {
		if _, ok := s.Axis(in.Axis); !ok {
			return nil, invalid(i18n.T("the scale {0} has no axis {1}", "尺度 {0} に軸 {1} はありません").With(s.ID, in.Axis))
		}
		if _, twice := byAxis[in.Axis]; twice {
			return nil, invalid(i18n.T("the axis {0} is assessed twice", "軸 {0} が二重に評価されています").With(in.Axis))
		}
		byAxis[in.Axis] = in
	}
	out := make([]span, len(s.Axes))
	for i, a := range s.Axes {
		in, ok := byAxis[a.ID]
		if !ok {
			in = Input{Axis: a.ID, Confidence: Unknown}
		}
		sp, err := a.span(in)
		if err != nil {
			return nil, err
		}
		out[i] = sp
	}
	return out, nil
}

func (a Axis) span(in Input) (span, error) {
	value := func(id string, otherwise float64) (float64, error) {
		if id == "" {
			return otherwise, nil
		}
		o, ok := a.Option(id)
		if !ok {
			return 0, invalid(i18n.T("the axis {0} has no option {1}", "軸 {0} に選択肢 {1} はありません").With(a.Names, id))
		}
		return o.Value, nil
	}
	least, most := a.least().Value, a.most().Value
	likely := least
	var err error
	switch in.Confidence {
	case Known, Estimated:
		if in.Value == "" {
			return span{}, invalid(
				i18n.T("the axis {0} has no value; say unknown if it is not known", "軸 {0} に値がありません。不明なら「不明」としてください").
					With(a.Names),
			)
		}
		if likely, err = value(in.Value, 0); err != nil {
			return span{}, err
		}
		if in.Confidence == Known {
			least, most = likely, likely
		}
	case Unknown:
		if in.Value != "" {
			return span{}, invalid(
				i18n.T("the axis {0} has a value and is said to be unknown", "軸 {0} は不明とされていますが、値があります").With(a.Names),
			)
		}
	default:
		return span{}, invalid(
			i18n.T("{0} is no confidence; it is known, estimated or unknown",
				"{0} は確度ではありません。known、estimated、unknown のいずれかです").
				With(string(in.Confidence)),
		)
	}
	lo, err := value(in.Least, least)
	if err != nil {
		return span{}, err
	}
	hi, err := value(in.Most, most)
	if err != nil {
		return span{}, err
	}
	if in.Confidence == Unknown {
		if likely, err = value(a.Unknown, lo); err != nil {
			return span{}, err
		}
		likely = min(max(likely, lo), hi)
	}
	if lo > likely || likely > hi || in.Confidence == Known && lo != hi {
		return span{}, invalid(
			i18n.T("the bounds of the axis {0} do not fit its value", "軸 {0} の範囲と値が合いません").With(a.Names),
		)
	}
	return span{lo, likely, hi, lo != hi}, nil
}

func invalid(t i18n.Text) error {
	return fault.Wrap(fault.Invalid, t, fmt.Errorf("severity: input refused"))
}
