// Package correlate evaluates Sigma correlation rules (specification 2.1 and the
// conditions in words of proposal 198) over the matches of detection rules.
//
// It takes matches in any order and returns alerts:
//
//	engine, err := correlate.New(set, correlate.Config{Lateness: 10 * time.Second})
//	for each event that a rule of set matches:
//	    alerts := engine.Add(correlate.Match{Rule: rule, Time: t, Event: id, Fields: event})
//	alerts = engine.Advance(now) // now and then, so that a quiet stream goes on
//	alerts = engine.Flush()      // when nothing will come any more
//
// # Time
//
// Only the time of events counts, never when they arrive. The engine holds each
// match back until the newest time it has seen (or was given by Advance) is more
// than Lateness ahead, and then works through the matches in the order of their
// times. So the alerts are the same for every order of arrival within Lateness.
// What comes later than that is not used any more and is counted in Stats.Late.
// A match whose time lies further than MaxAhead in the future of Config.Now is
// not used either, since one wrong clock would otherwise make all others late.
//
// # Windows
//
// A group is what has the same values in the fields of group-by. At each moment
// at which a group has an event, the condition is judged over the events of the
// group in the closed interval from one timespan before up to that moment. Such
// windows slide exactly; they are not aligned to anything. All events of one
// moment count together, so their order does not matter.
//
// An alert is given when the condition holds at a moment and did not hold at the
// moment before. Then there is none until the condition has failed at a moment of
// the group, or the group had no event for longer than the timespan.
//
// # Bounds
//
// All that the engine keeps (matches held back, groups with their events) is
// estimated in bytes and held below Config.MaxMemory, plus at most one group and
// the matches of one moment. A text longer than 1,024 bytes is kept as its
// beginning and its hash. A group keeps at most Config.MaxPerGroup events, values
// or moments; counting goes on exactly beyond that, since a group is always
// allowed to keep more than the condition asks for, but sums, averages and
// percentiles then only see the newest. Temporal correlations need only the last
// event of each rule. What is given up is counted in Stats and, where it concerns
// an alert, said there.
//
// What the specification leaves open, and how it is decided here, is in
// docs/design/0006-correlation.md of the repository.
package correlate
