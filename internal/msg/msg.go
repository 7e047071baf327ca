// Package msg holds the messages between capabilities, one file a topic. At the
// hub a capability emits a message into the store's outbox in the transaction
// that made it true, and others consume it by its topic. At a node detection
// hands its offers to the release policy in the same way.
package msg
