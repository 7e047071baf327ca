// Package sigma reads Sigma detection rules (specification 2.1, the detection
// part) and evaluates them against events. It is a reference evaluator: it is
// written to be obviously right, every rule is evaluated by itself, and a
// faster engine can be checked against it.
//
// A rule is either understood completely or refused with file, line and reason;
// nothing is half loaded. What the specification leaves open is decided in the
// file docs/design/0003-sigma-semantics.md of the repository.
//
// Rules ([Rule]) and sets ([Set]) do not change after they were made and may be
// used by several goroutines at once. An [Event] must not change while it is
// being matched.
//
// Most Sigma rules are published under the Detection Rule License 1.1, which
// asks that every output that shows a match names the author of the rule: see
// [Rule.Credit].
package sigma
