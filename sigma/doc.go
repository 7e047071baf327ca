// Package sigma reads Sigma rules (specification 2.1) and evaluates detection
// rules against events: [Parse] or [Load] reads them, [Map] is an event, and
// [Rule.Match] and [Set.Match] match. It is a reference evaluator: it is written
// to be obviously right, every rule is evaluated by itself, and a faster engine
// can be checked against it. The packages below it are
// [github.com/meneki/meneki/sigma/engine] for many rules at once,
// [github.com/meneki/meneki/sigma/correlate] for correlation rules, and
// [github.com/meneki/meneki/sigma/pipeline] for rules that are to be rewritten
// before.
//
// Filters are added to the rules they are for, and correlation rules are resolved
// to the rules they refer to, when a [Set] is made. What both leave open is
// decided in docs/design/0006-correlation.md.
//
// A rule is either understood completely or refused with file, line and reason;
// nothing is half loaded. Each reason is a [Reason], with a code for programs and
// translations. What the specification leaves open is decided in the
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
