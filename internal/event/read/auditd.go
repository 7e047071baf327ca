package read

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// auditMemory is the system call that the lines after it belong to.
type auditMemory struct {
	id     string // time and serial, as written
	fields map[string]any
	spoken bool // its command line was given by an EXECVE record already
}

// auditShape reads one record of the Linux audit daemon:
//
//	node=web1 type=SYSCALL msg=audit(1604996384.965:93777): arch=c000003e syscall=59 …
//
// Values keep their text; those that auditd writes in hexadecimal because of
// odd bytes (names, arguments, proctitle) are decoded. An EXECVE record, or a
// PROCTITLE record where no EXECVE came, is also in category process_creation
// with Image, CommandLine, ProcessId, ParentProcessId and User, for which the
// SYSCALL record of the same serial number is remembered.
func (d *Decoder) auditShape(s string) (record, bool) {
	i := strings.Index(s, "audit(")
	if i < 0 || i > 300 {
		return record{}, false
	}
	j := strings.IndexByte(s[i:], ')')
	if j < 0 || j > 64 {
		return record{}, false
	}
	id := s[i+6 : i+j]
	stamp, serial, ok := strings.Cut(id, ":")
	sec, err := strconv.ParseFloat(stamp, 64)
	if !ok || err != nil || !allDigits(serial) {
		return record{}, false
	}
	f := map[string]any{}
	for k, v := range pairs(s[:i], false) {
		if k != "msg" {
			f[k] = v
		}
	}
	kind := str(f, "type")
	if kind == "" {
		return record{}, false
	}
	rest := strings.TrimPrefix(strings.TrimSpace(s[i+j+1:]), ":")
	// An enriched record repeats its values in words after a group separator.
	rest, enriched, _ := strings.Cut(rest, "\x1d")
	for k, v := range pairs(rest, kind == "EXECVE") {
		put(f, k, v)
	}
	for k, v := range pairs(enriched, false) {
		put(f, k, v)
	}
	if m := str(f, "msg"); m != "" { // user space records: msg='op=login acct="root" …'
		for k, v := range pairs(m, false) {
			put(f, k, v)
		}
	}
	f["serial"] = serial
	r := record{fields: f, product: "linux", service: "auditd", known: true, host: str(f, "node")}
	r.time, _ = epoch(sec, int64(sec), false)
	r.user = firstText(f, "AUID", "UID", "acct", "auid", "uid")
	d.process(&r, id, kind)
	return r, true
}

// process returns the records that show a command line the names of Sigma's
// process_creation.
func (d *Decoder) process(r *record, id, kind string) {
	f := r.fields
	if d.audit.id != id {
		d.audit = auditMemory{id: id}
	}
	switch kind {
	case "SYSCALL":
		d.audit.fields = f
		return
	case "EXECVE":
		var args []string
		for i := 0; i < 1000; i++ {
			a, ok := f["a"+itoa(i)].(string)
			if !ok {
				break
			}
			args = append(args, a)
		}
		if len(args) == 0 {
			return
		}
		put(f, "CommandLine", strings.Join(args, " "))
		put(f, "Image", args[0])
		d.audit.spoken = true
	case "PROCTITLE":
		call := d.audit.fields
		if d.audit.spoken || call == nil || !execCall(call) || str(f, "proctitle") == "" {
			return
		}
		put(f, "CommandLine", f["proctitle"])
	case "AUOMS_EXECVE":
		if str(f, "cmdline") == "" {
			return
		}
		put(f, "CommandLine", f["cmdline"])
		put(f, "Image", f["exe"])
		put(f, "ProcessId", f["pid"])
		put(f, "ParentProcessId", f["ppid"])
		put(f, "User", f["user"])
		put(f, "CurrentDirectory", f["cwd"])
	default:
		return
	}
	r.categories = []string{"process_creation"}
	if call := d.audit.fields; call != nil && kind != "AUOMS_EXECVE" {
		if exe := str(call, "exe"); exe != "" {
			f["Image"] = exe
		}
		put(f, "ProcessId", call["pid"])
		put(f, "ParentProcessId", call["ppid"])
		put(f, "User", firstText(call, "UID", "uid"))
		put(f, "LogonId", call["ses"])
		if r.user == "" {
			r.user = firstText(call, "AUID", "UID", "auid", "uid")
		}
	}
}

// execCall reports whether a SYSCALL record is execve or execveat.
func execCall(f map[string]any) bool {
	switch str(f, "arch") + "/" + str(f, "syscall") {
	case "c000003e/59", "c000003e/322", "40000003/11", "40000003/358", "c00000b7/221", "c00000b7/281":
		return true
	}
	c := firstText(f, "SYSCALL", "syscall")
	return c == "execve" || c == "execveat"
}

// hexField reports whether auditd writes k in hexadecimal, without quotes, when
// it holds bytes that would break the record. The arguments a0, a1 … are such
// in EXECVE records only; in others they are numbers.
func hexField(k string, args bool) bool {
	switch k {
	case "proctitle", "name", "exe", "comm", "cwd", "cmd", "acct", "path", "data", "key", "root_dir", "vm", "new-disk",
		"old-disk":
		return true
	}
	return args && len(k) > 1 && k[0] == 'a' && allDigits(k[1:])
}

// pairs reads key=value key="value" key='value …'.
func pairs(s string, args bool) map[string]string {
	out := map[string]string{}
	for len(out) < 2000 {
		s = strings.TrimLeft(s, " \t,")
		eq := strings.IndexByte(s, '=')
		if eq < 0 {
			return out
		}
		if sp := strings.IndexAny(s, " \t"); sp >= 0 && sp < eq {
			s = s[sp:] // a word that is not a pair
			continue
		}
		k := s[:eq]
		s = s[eq+1:]
		var v string
		if len(s) > 0 && (s[0] == '"' || s[0] == '\'') {
			if end := strings.IndexByte(s[1:], s[0]); end >= 0 {
				v, s = s[1:1+end], s[end+2:]
			} else {
				v, s = s[1:], ""
			}
		} else {
			end := strings.IndexAny(s, " \t")
			if end < 0 {
				end = len(s)
			}
			v, s = s[:end], s[end:]
			if k == "proctitle" && s != "" && !allHex(v) {
				v, s = v+s, "" // in the clear, with its spaces; it is the last
			}
			if hexField(k, args) && allHex(v) {
				if b, err := hex.DecodeString(v); err == nil {
					v = clean(strings.TrimRight(strings.ReplaceAll(string(b), "\x00", " "), " "))
				}
			}
		}
		if k != "" && len(k) <= 64 && v != "(null)" {
			if _, twice := out[k]; !twice {
				out[k] = v
			}
		}
	}
	return out
}

func allHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !(c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return s != "" && len(s)%2 == 0
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// yearOf sets the year of a time that was written without one to that which makes it
// the latest time not more than a week after seen.
func yearOf(t, seen time.Time) time.Time {
	t = t.AddDate(seen.Year()-t.Year(), 0, 0)
	if t.Sub(seen) > 7*24*time.Hour {
		t = t.AddDate(-1, 0, 0)
	}
	return t
}
