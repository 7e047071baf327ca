package settings

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// trailText says what an entry of the audit trail did. An action that has no
// word here is told as it is.
func trailText(action string) i18n.Text {
	switch action {
	case "link.first-run":
		return i18n.T("First sign-in link made", "初回サインイン用リンクを発行")
	case "link.new":
		return i18n.T("Sign-in link made", "サインイン用リンクを発行")
	case "member.account":
		return i18n.T("Account on the bus given", "バスのアカウントを割り当て")
	case "member.invite":
		return i18n.T("Organisation invited", "組織を招待")
	case "member.reinvite":
		return i18n.T("Organisation invited again", "組織を再招待")
	case "member.join":
		return i18n.T("Node joined", "ノードが参加")
	case "member.place":
		return i18n.T("Place of a member changed", "構成員の所在を変更")
	case "member.rename":
		return i18n.T("Name of a member changed", "構成員の名称を変更")
	case "member.revoke":
		return i18n.T("Membership ended", "構成員を脱退")
	case "message.retry":
		return i18n.T("Message tried again", "メッセージを再処理")
	case "message.retry-all":
		return i18n.T("All messages set aside tried again", "処理できなかったメッセージをすべて再処理")
	case "message.drop":
		return i18n.T("Message dropped", "メッセージを破棄")
	case "session.open":
		return i18n.T("Signed in", "サインイン")
	case "session.close":
		return i18n.T("Signed out", "サインアウト")
	case "session.revoke":
		return i18n.T("Session ended by hand", "セッションを終了")
	case "session.limit":
		return i18n.T("Too many wrong passwords", "パスワードの誤りが上限に到達")
	case "token.add":
		return i18n.T("API token made", "API トークンを発行")
	case "token.revoke":
		return i18n.T("API token ended", "API トークンを失効")
	case "user.add":
		return i18n.T("Person added", "利用者を追加")
	case "user.role":
		return i18n.T("Role of a person changed", "利用者の役割を変更")
	case "user.disable":
		return i18n.T("Person disabled", "利用者を停止")
	case "user.enable":
		return i18n.T("Person let in again", "利用者を再開")
	case "user.password":
		return i18n.T("Password changed", "パスワードを変更")
	case "user.preferences":
		return i18n.T("Name, language or zone changed", "名前・言語・時刻帯を変更")
	}
	return i18n.Same(action)
}

// name adds the names of what entries are about, as it is called today; what is
// gone has no name, and its id is all there is.
func (d *console) name(ctx context.Context, list []identity.Entry, names map[string]string) {
	for _, e := range list {
		if _, done := names[e.Subject]; done || e.Subject == "" {
			continue
		}
		names[e.Subject] = ""
		switch kind, _, _ := strings.Cut(e.Action, "."); kind {
		case "member":
			if m, err := d.People.Member(ctx, e.Subject); err == nil {
				names[e.Subject] = m.Name
			}
		case "user", "link":
			if u, err := d.People.User(ctx, e.Subject); err == nil {
				names[e.Subject] = u.Name
			}
		}
	}
}

// detailLine writes the detail of a change on one line, in words where there are
// any. What is long and exact keeps its middle to itself.
func detailLine(raw json.RawMessage) any {
	var m map[string]any
	if json.Unmarshal(raw, &m) != nil {
		return string(raw)
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var out web.Run
	for _, k := range keys {
		v, isText := m[k].(string)
		if !isText {
			b, err := json.Marshal(m[k])
			if err != nil {
				continue
			}
			v = string(b)
		}
		if v == "" || v == "null" || v == "false" {
			continue
		}
		name, value := detailText(k, v)
		if len(v) > 30 && exact(v) {
			out = append(out, name, web.Mono(v))
			continue
		}
		out = append(out, i18n.T("{0}: {1}", "{0}：{1}").With(name, value))
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// exact reports that a value is a key or an id, not a name.
func exact(v string) bool {
	return !strings.ContainsFunc(v, func(c rune) bool { return c <= ' ' || c > '~' })
}

// detailText is a field of an entry's detail and its value, in words.
func detailText(key, value string) (name, said i18n.Text) {
	said = i18n.Same(value)
	switch key {
	case "name":
		name = i18n.T("name", "名称")
	case "sector":
		name = i18n.T("sector", "分野")
		if s, ok := identity.SectorOf(value); ok {
			said = s.Name
		}
	case "prefecture":
		name = i18n.T("prefecture", "都道府県")
		if p, ok := identity.PrefectureOf(value); ok {
			said = p.Name
		}
	case "role":
		name, said = i18n.T("role", "役割"), web.RoleText(policy.Role(value))
	case "login":
		name = i18n.T("login name", "ログイン名")
	case "public_key":
		name = i18n.T("key of the node", "ノードの鍵")
	case "replaced":
		name = i18n.T("in place of the key", "以前の鍵")
	case "address":
		name = i18n.T("address", "アドレス")
	case "by":
		name = i18n.T("by", "方法")
		switch value {
		case "link":
			said = i18n.T("link", "リンク")
		case "password":
			said = i18n.T("password", "パスワード")
		}
	case "failures":
		name = i18n.T("wrong tries", "誤りの回数")
	case "expires":
		name = i18n.T("until", "期限")
		if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
			said = i18n.Same(t.Format(time.DateOnly))
		}
	case "consumer":
		name = i18n.T("consumer", "処理担当")
	case "topic":
		name = i18n.T("topic", "トピック")
	case "messages":
		name = i18n.T("messages", "件数")
	case "reason":
		name = i18n.T("reason", "理由")
	case "user":
		name = i18n.T("person", "利用者")
	case "member":
		name = i18n.T("member", "構成員")
	default:
		name = i18n.Same(key)
	}
	return name, said
}
