package event

import "strings"

// schemes are those that free text is searched for.
var schemes = map[string]bool{
	"http": true, "https": true, "ftp": true, "ftps": true, "ldap": true, "ldaps": true,
	"rmi": true, "ws": true, "wss": true, "tftp": true, "smb": true,
}

// scan finds URLs and addresses in free text. Names without a scheme are not
// taken: in command lines nearly all of them are file names.
func (c *collector) scan(s string) {
	if len(s) > maxTextScan {
		s = s[:maxTextScan]
	}
	c.scanURLs(s)
	c.scanIPv4(s)
	c.scanIPv6(s)
}

func (c *collector) scanURLs(s string) {
	for at := 0; ; {
		i := strings.Index(s[at:], "://")
		if i < 0 {
			return
		}
		i += at
		b := i
		for b > at && isAlpha(s[b-1]) {
			b--
		}
		end := i + 3
		for end < len(s) && urlByte(s[end]) {
			end++
		}
		if schemes[strings.ToLower(s[b:i])] {
			c.url(trimURL(s[b:end]))
		}
		at = i + 3
	}
}

func urlByte(c byte) bool {
	return c > ' ' && c != 0x7f && strings.IndexByte("\"'`<>|^{}\\", c) < 0
}

// trimURL takes off what the sentence around a URL left at its end.
func trimURL(s string) string {
	for len(s) > 0 {
		switch c := s[len(s)-1]; c {
		case '.', ',', ';', ':', '!', '?', ']', '*', '$':
			s = s[:len(s)-1]
			continue
		case ')':
			if strings.Count(s, "(") < strings.Count(s, ")") {
				s = s[:len(s)-1]
				continue
			}
		}
		return s
	}
	return s
}

// scanIPv4 finds dotted quads that stand alone: not a part of a longer name or
// number, and not a version that says that it is one.
func (c *collector) scanIPv4(s string) {
	for i := 0; i < len(s); {
		if s[i] < '0' || s[i] > '9' {
			i++
			continue
		}
		start, dots := i, 0
		for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
			if s[i] == '.' {
				dots++
			}
			i++
		}
		end := i
		for end > start && s[end-1] == '.' { // the end of a sentence
			end--
			dots--
		}
		if dots != 3 || end-start < 7 || end-start > 15 {
			continue
		}
		if start > 0 && (isWord(s[start-1]) || s[start-1] == '-') {
			continue
		}
		if i < len(s) && isWord(s[i]) {
			continue
		}
		if before := strings.TrimRight(s[max(0, start-12):start], ` ="':`); len(before) >= 7 &&
			strings.EqualFold(before[len(before)-7:], "version") {
			continue
		}
		c.addr(s[start:end])
	}
}

// scanIPv6 finds addresses of eight groups or with a gap, of at least two groups.
func (c *collector) scanIPv6(s string) {
	for i := 0; i < len(s); {
		j := strings.IndexByte(s[i:], ':')
		if j < 0 {
			return
		}
		j += i
		b := j
		for b > i && isHex(s[b-1]) {
			b--
		}
		e, colons := j, 0
		for e < len(s) && (isHex(s[e]) || s[e] == ':') {
			if s[e] == ':' {
				colons++
			}
			e++
		}
		i = e
		v := s[b:e]
		if colons < 2 || len(v) < 6 || len(v) > 39 || b > 0 && (isWord(s[b-1]) || s[b-1] == ']') ||
			e < len(s) && isWord(s[e]) {
			continue
		}
		if strings.HasPrefix(v, "::") && colons < 3 {
			continue // ::name of a class, not an address
		}
		c.addr(strings.TrimSuffix(v, ":"))
	}
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isWord(c byte) bool  { return isAlpha(c) || c >= '0' && c <= '9' || c == '_' || c >= 0x80 }
func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}
