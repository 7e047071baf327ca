// Package bus is the line between the hub and its members. It runs embedded NATS
// servers and shows none of NATS to its callers.
//
// Up, a member's Link sends a request and the hub's handler answers it after it
// has committed: the answer is the acknowledgement. Down, the hub pushes, best
// effort; a member that finds a gap asks for the rest with a request. NATS carries and does
// not keep: what must arrive is in SQL, at the hub and at the node.
//
// Every member is its own NATS account. What a member may import is bound by
// the server to the member's own account key, so that a member can neither pose
// as another nor read another; docs/design/0002-bus.md has the reasons.
package bus

import (
	"fmt"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// MaxBody is the greatest body of one message in bytes, in any direction.
const MaxBody = 8 << 20

const (
	maxPayload = MaxBody + 64<<10 // what the servers allow: a body and its headers
	maxTopic   = 200              // bytes

	defaultTimeout = 30 * time.Second // of a request whose context has no deadline
	handlerTimeout = 60 * time.Second // of one call of a hub's handler; less than the server keeps a reply path (2 min)
	retryMin       = 50 * time.Millisecond
	retryMax       = 2 * time.Second

	topicHello = "_hello" // a link asks it to learn that the hub really answers

	headerFault = "Meneki-Fault"
)

// checkTopic refuses what cannot be the end of a subject: a topic is words of
// letters, digits, - and _, joined by dots.
func checkTopic(topic string) error {
	ok := topic != "" && len(topic) <= maxTopic
	for word := range strings.SplitSeq(topic, ".") {
		ok = ok && word != "" && strings.IndexFunc(word, notInWord) < 0
	}
	if ok {
		return nil
	}
	return fault.New(fault.Invalid,
		i18n.T("the topic {0} is not valid", "トピック {0} は正しくありません").With(fmt.Sprintf("%.40q", topic))).
		WithHint(i18n.T("use words of letters, digits, - and _ joined by dots", "英数字と - と _ からなる語を点でつないでください"))
}

func notInWord(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
}

func checkBody(body []byte) error {
	if len(body) > MaxBody {
		return fault.New(fault.TooLarge, i18n.T("the message is {0} bytes; at most {1} can be sent",
			"メッセージは {0} バイトです。送れるのは {1} バイトまでです").With(len(body), MaxBody))
	}
	return nil
}

// backoff returns the n-th wait (from 0): doubling from retryMin to retryMax.
func backoff(n int) time.Duration {
	if n > 10 {
		return retryMax
	}
	return min(retryMin<<n, retryMax)
}
