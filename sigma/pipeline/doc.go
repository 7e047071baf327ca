// Package pipeline reads processing pipelines in the YAML format of pySigma and
// applies them to Sigma rules before these are matched: it renames fields (for
// events in ECS or OCSF, say), changes values, adds conditions and moves rules to
// other log sources.
//
// A rule is rewritten as YAML, with the lines of its file kept, and then read by
// [github.com/meneki/meneki/sigma], so that what a rule means stays in one place
// and evidence names the fields that the event has.
//
// A pipeline is understood completely or refused with file, line and reason, and
// so is every rule that a pipeline cannot rewrite completely. What the format
// leaves open, and where this package differs from pySigma, is decided in the
// file docs/design/0007-sigma-pipelines.md of the repository.
//
// Source of the format: the pySigma documentation, "Processing Pipelines"
// (https://sigmahq-pysigma.readthedocs.io), and the behaviour of pySigma 1.5.
//
// Pipelines and chains do not change after they were made and may be used by
// several goroutines at once.
package pipeline
