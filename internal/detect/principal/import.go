package principal

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Imported says what came of a list.
type Imported struct {
	Rows     int // that were read
	Accounts int // that have at least one name now
	Bad      []BadRow
	BadN     int // rows refused; Bad holds the first 100
}

// BadRow is a row that was left out.
type BadRow struct {
	Line   int // where it begins, from 1
	Reason string
}

// Bounds of a list.
const (
	maxList   = 256 << 20 // bytes
	maxBad    = 100
	maxRowLen = 1 << 20
)

// row is one account of a list: attribute in lower case to its values.
type row struct {
	line   int
	values map[string][]string
}

// columns are what lists call the names of an account: Active Directory's
// attributes, and what people write above their columns. domain is beside
// user names.
var columns = map[string]string{
	"objectsid": "name", "sid": "name", "onpremisessecurityidentifier": "name",
	"userprincipalname": "name", "upn": "name", "mail": "name", "email": "name", "e-mail": "name",
	"emailaddress": "name", "mailaddress": "name", "primaryemail": "name", "メール": "name", "メールアドレス": "name",
	"proxyaddresses": "name", "othermails": "name", "mailnickname": "user", "aliases": "name", "alias": "name",
	"samaccountname": "user", "onpremisessamaccountname": "user", "sam": "user", "user": "user", "username": "user",
	"login": "user", "account": "user", "uid": "user", "logon": "user", "ユーザー名": "user", "ユーザーid": "user",
	"ユーザid": "user", "ログインid": "user", "ログイン名": "user", "アカウント名": "user", "ユーザ名": "user", "アカウント": "user",
	"domain": "domain", "netbios": "domain", "netbiosname": "domain", "ドメイン": "domain",
	"id": "id", "objectguid": "id", "objectid": "id", "arn": "id",
}

// Import reads an account list: CSV with a header row, LDIF (RFC 2849), or JSON
// (an array or lines of objects, such as Get-ADUser or a directory's API give).
// UTF-8, UTF-16 with a byte order mark, and Shift_JIS are read. domain is the NetBIOS name for user names that
// have none, or "". What cannot be used is listed and the rest is taken; an
// error means that nothing was read at all.
func (b *Resolver) Import(r io.Reader, domain string) (Imported, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxList+1))
	if err != nil {
		return Imported{}, fmt.Errorf("read an account list: %w", err)
	}
	if len(data) > maxList {
		return Imported{}, fmt.Errorf("the account list is larger than %d bytes", maxList)
	}
	if (bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff"))) && len(data)%2 == 0 {
		data, _, _ = transform.Bytes(unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder(), data)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		if data, _, err = transform.Bytes(japanese.ShiftJIS.NewDecoder(), data); err != nil ||
			bytes.ContainsRune(data, utf8.RuneError) {
			return Imported{}, errors.New("the account list is neither UTF-8 nor Shift_JIS")
		}
	}
	var out Imported
	seen := map[string]int{} // label to line
	take := func(w row, why string) {
		out.Rows++
		if why == "" {
			why = b.importRow(w, domain, seen)
		}
		if why == "" {
			out.Accounts++
			return
		}
		if out.BadN++; len(out.Bad) < maxBad {
			out.Bad = append(out.Bad, BadRow{w.line, why})
		}
	}
	head := bytes.TrimSpace(data)
	switch {
	case len(head) == 0:
		return Imported{}, errors.New("the account list is empty")
	case head[0] == '[' || head[0] == '{':
		err = readJSON(data, take)
	case isLDIF(head):
		readLDIF(data, take)
	default:
		err = readCSV(data, take)
	}
	return out, err
}

func (b *Resolver) importRow(w row, domain string, seen map[string]int) (why string) {
	var names []Name
	var users, domains []string
	for col, values := range w.values {
		for _, v := range values {
			switch columns[col] {
			case "name":
				if rest, ok := strings.CutPrefix(strings.ToLower(v), "smtp:"); ok {
					v = rest
				} else if col == "proxyaddresses" && strings.Contains(v, ":") {
					continue // X500, SIP: not names that logs hold
				}
				names = append(names, Account(v))
			case "user":
				users = append(users, v)
			case "domain":
				domains = append(domains, v)
			case "id":
				if n := Account(v); n.Kind == ID {
					names = append(names, n)
				} else {
					names = append(names, idName(v))
				}
			}
		}
	}
	if len(domains) == 0 && domain != "" {
		domains = []string{domain}
	}
	for _, u := range users {
		for _, d := range domains {
			names = append(names, InDomain(d, u))
		}
		names = append(names, Account(u))
	}
	names = slices.DeleteFunc(names, func(n Name) bool { return n.Kind == None })
	if len(names) == 0 {
		return "the row names no account"
	}
	if slices.ContainsFunc(names, func(n Name) bool { return n.Kind == Service || n.Kind == Host || n.Kind == FQDN }) {
		return "the row names a machine or the system itself, and no person"
	}
	slices.SortFunc(names, func(x, y Name) int { return strings.Compare(x.String(), y.String()) })
	slices.SortStableFunc(names, func(x, y Name) int { return int(x.Kind) - int(y.Kind) })
	names = slices.Compact(names)
	for _, n := range names {
		if n.Kind == Short {
			continue
		}
		if line, twice := seen[n.String()]; twice {
			return fmt.Sprintf("%s is already the account of line %d", n.Text, line)
		}
	}
	for _, n := range names {
		seen[n.String()] = w.line
	}
	if _, ok := b.tie(true, names); !ok {
		return "the names of the row are known to be of different accounts"
	}
	return ""
}

func readCSV(data []byte, take func(row, string)) error {
	if bytes.HasPrefix(data, []byte("#TYPE ")) { // PowerShell's statement of the exported type
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	first, _, _ := bytes.Cut(data, []byte("\n"))
	c := csv.NewReader(bytes.NewReader(data))
	c.FieldsPerRecord, c.LazyQuotes, c.ReuseRecord = -1, true, true
	for _, sep := range []rune{';', '\t'} {
		if bytes.Count(first, []byte(string(sep))) > bytes.Count(first, []byte(string(c.Comma))) {
			c.Comma = sep
		}
	}
	head, err := c.Read()
	if err != nil {
		return fmt.Errorf("read the header of the account list: %w", err)
	}
	cols := make([]string, len(head))
	known := false
	for i, h := range head {
		cols[i] = columnName(h)
		known = known || columns[cols[i]] != "" && columns[cols[i]] != "domain"
	}
	if !known {
		return fmt.Errorf(
			"no column of the account list names accounts: found %q; known are sid, upn, mail, user, domain, "+
				"aliases, id and the names of Active Directory",
			strings.Join(head, ", "),
		)
	}
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		line, _ := c.FieldPos(0)
		if err != nil {
			take(row{line: line}, "the row is not valid CSV: "+err.Error())
			continue
		}
		w := row{line: line, values: map[string][]string{}}
		for i, v := range rec {
			if i < len(cols) && columns[cols[i]] != "" {
				w.values[cols[i]] = append(
					w.values[cols[i]],
					strings.FieldsFunc(v, func(r rune) bool { return r == ';' || r == '|' || r == '\n' })...)
			}
		}
		take(w, "")
	}
}

// columnName folds what is written above a column: "E-Mail Address" is emailaddress.
func columnName(s string) string {
	s = strings.NewReplacer(" ", "", "_", "").Replace(canonical(s))
	if t := strings.ReplaceAll(s, "-", ""); columns[t] != "" {
		return t
	}
	return s
}

func readJSON(data []byte, take func(row, string)) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	lines, upTo := 1, 0
	line := func() int {
		at := min(int(d.InputOffset()), len(data))
		lines += bytes.Count(data[upTo:at], []byte("\n"))
		upTo = at
		return lines
	}
	one := func() error {
		at := line()
		var o map[string]any
		if err := d.Decode(&o); err != nil {
			return err
		}
		rows := []map[string]any{o}
		if list := within(o); list != nil {
			rows = list
		}
		for _, o := range rows {
			w := row{line: at, values: map[string][]string{}}
			for k, v := range o {
				w.values[columnName(k)] = append(w.values[columnName(k)], texts(v, 0)...)
			}
			take(w, "")
		}
		return nil
	}
	if bytes.TrimSpace(data)[0] == '[' {
		if _, err := d.Token(); err != nil {
			return fmt.Errorf("line %d: %w", line(), err)
		}
		for d.More() {
			if err := one(); err != nil {
				return fmt.Errorf("line %d: the account list is not valid JSON: %w", line(), err)
			}
		}
		return nil
	}
	for {
		err := one()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("line %d: the account list is not valid JSON: %w", line(), err)
		}
	}
}

// within returns the accounts of an answer that a directory's API wraps in an
// object ("value", "users", "Resources"); nil for an object that names an
// account itself.
func within(o map[string]any) (rows []map[string]any) {
	for k, v := range o {
		if columns[columnName(k)] != "" {
			return nil
		}
		list, _ := v.([]any)
		for _, m := range list {
			if m, ok := m.(map[string]any); ok {
				rows = append(rows, m)
			}
		}
	}
	return rows
}

// texts returns the texts of a JSON value: itself, its members, or, as
// Get-ADUser writes a SID, its Value.
func texts(v any, depth int) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case json.Number:
		return []string{v.String()}
	case []any:
		var out []string
		for _, m := range v {
			if depth < 2 {
				out = append(out, texts(m, depth+1)...)
			}
		}
		return out
	case map[string]any:
		if s, ok := v["Value"].(string); ok {
			return []string{s}
		}
	}
	return nil
}

func scan(data []byte) *bufio.Scanner {
	s := bufio.NewScanner(bytes.NewReader(data))
	s.Buffer(nil, maxRowLen)
	return s
}
