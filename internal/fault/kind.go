package fault

import "github.com/meneki/meneki/internal/i18n"

type kindRow struct {
	label  string // metric label and last part of the RFC 9457 type URI
	status int    // HTTP status
	exit   int    // exit code of the command
	title  i18n.Text
	hint   i18n.Text
}

var kinds = [...]kindRow{
	Internal: {"internal", 500, 70, i18n.T("something went wrong inside meneki", "meneki の内部で問題が起きました"),
		i18n.T("quote the request id to your operator; the log has the details", "要求 ID を運用担当者に伝えてください。詳細はログにあります")},
	Invalid:         {"invalid", 422, 2, i18n.T("the input is not valid", "入力に誤りがあります"), i18n.Text{}},
	Unauthenticated: {"unauthenticated", 401, 77, i18n.T("sign in first", "サインインが必要です"), i18n.Text{}},
	Denied:          {"denied", 403, 77, i18n.T("not allowed", "許可されていません"), i18n.Text{}},
	NotFound:        {"not-found", 404, 66, i18n.T("not found", "見つかりません"), i18n.Text{}},
	Conflict: {"conflict", 409, 73,
		i18n.T("it was changed in the meantime or exists already", "その間に変更されたか、既に存在します"), i18n.Text{}},
	Gone:        {"gone", 410, 66, i18n.T("no longer available", "既に使用済み、または取り下げられています"), i18n.Text{}},
	TooLarge:    {"too-large", 413, 65, i18n.T("too large", "大きすぎます"), i18n.Text{}},
	Busy:        {"busy", 429, 75, i18n.T("busy", "混み合っています"), i18n.T("try again in a moment", "少し待ってからやり直してください")},
	Unsupported: {"unsupported", 422, 65, i18n.T("not supported", "対応していません"), i18n.Text{}},
	Unavailable: {"unavailable", 503, 69, i18n.T("a needed part cannot be reached", "必要な接続先に届きません"),
		i18n.T("check the address and the network; meneki keeps trying", "宛先とネットワークを確認してください。再試行は続きます")},
	Storage: {"storage", 507, 74, i18n.T("cannot write to storage", "保存領域に書き込めません"),
		i18n.T("free disk space or check the disk; what runs goes on by itself, start again what has ended; nothing "+
			"acknowledged is lost", "空き容量とディスクを確認してください。動作中のものは自動で再開します。終了したものは再起動してください。受領済みのデータは失われません")},
	Newer: {"newer", 500, 78, i18n.T("the data was written by a newer version of meneki",
		"データは新しい版の meneki で書かれています"), i18n.T(
		"install that version or newer, or restore a backup of this version", "その版以降を導入するか、この版のバックアップを復元してください")},
	Missed: {"missed", 424, 1, i18n.T("the awaited result did not come", "待っていた結果が得られませんでした"), i18n.Text{}},
}

func row(k Kind) kindRow {
	if int(k) >= len(kinds) {
		return kinds[Internal]
	}
	return kinds[k]
}

// Kinds lists the closed set, in order.
func Kinds() []Kind {
	out := make([]Kind, len(kinds))
	for i := range out {
		out[i] = Kind(i)
	}
	return out
}

// ParseKind returns the kind with a label; ok is false, and the kind Internal, for
// what is none.
func ParseKind(label string) (k Kind, ok bool) {
	for i := range kinds {
		if kinds[i].label == label {
			return Kind(i), true
		}
	}
	return Internal, false
}

// Label is the kind as a metric label and as the end of its problem type URI.
func (k Kind) Label() string { return row(k).label }

// String is Label.
func (k Kind) String() string { return row(k).label }

// Status is the HTTP status of the kind.
func (k Kind) Status() int { return row(k).status }

// Exit is the exit code of a command that ends with the kind (sysexits.h where it has one).
func (k Kind) Exit() int { return row(k).exit }

// Title is the kind's own short text.
func (k Kind) Title() i18n.Text { return row(k).title }
