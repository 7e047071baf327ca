package reason

// ofYAML are the sentences about YAML: of package sigma, and of the reader that
// both it and sigma/pipeline stand on.
func ofYAML() []entry {
	return []entry{
		{"not valid YAML: %s", "正しい YAML でない：{0~}"},
		{"unexpected second document; end lines with LF and separate documents with ---", "予期しない2つ目の文書。行末は LF、文書の区切りは --- にすること"},
		{"not a YAML document", "YAML の文書でない"},
		{"not valid YAML: a value that begins with * must stand in quotes: '*%s'", "正しい YAML でない：* で始まる値は引用符で囲むこと：'*{0}'"},
		{"%s; indent with blanks, not tabs", "{0~}。字下げはタブでなく空白にすること"},
		{"%s; put values that begin with %%, @ or ` in quotes", "{0~}。%、@、` で始まる値は引用符で囲むこと"},
		{"%s; write backslashes within single quotes", "{0~}。\\ は一重引用符の中に書くこと"},
		{"%s; put values that hold a colon and a blank in quotes", "{0~}。コロンと空白を含む値は引用符で囲むこと"},
		{"more than %d YAML aliases", "YAML の別名が {0} 個を超える"},
		{"a key must be plain text", "キーは単純な文字列で書くこと"},
		{"YAML merge keys (<<) are not supported; write the keys out", "YAML のマージキー（<<）には対応していない。キーを書き下すこと"},
		{"duplicate key %q", "キー {0} が重複"},
		{"YAML type %s is not supported", "YAML の型 {0} には対応していない"},
		{"text is not valid UTF-8", "文字列が正しい UTF-8 でない"},

		// the reader's own
		{"did not find expected key", "キーがあるべき位置にない（字下げを確認すること）"},
		{"did not find expected node content", "値があるべき位置にない"},
		{"did not find expected '-' indicator", "リストの - があるべき位置にない（字下げを確認すること）"},
		{"did not find expected ',' or ']'", ", か ] があるべき位置にない"},
		{"did not find expected ',' or '}'", ", か } があるべき位置にない"},
		{"did not find expected <document start>", "文書の始まり（---）があるべき位置にない"},
		{"did not find expected whitespace or line break", "空白か改行があるべき位置にない"},
		{"did not find expected comment or line break", "コメントか改行があるべき位置にない"},
		{"did not find expected alphabetic or numeric character", "英数字があるべき位置にない"},
		{"did not find expected hexdecimal number", "16進数があるべき位置にない"},
		{"could not find expected ':'", "コロンがあるべき位置にない"},
		{"mapping values are not allowed in this context", "ここにマッピングの値は書けない"},
		{"block sequence entries are not allowed in this context", "ここにリストの項目は書けない"},
		{"found character that cannot start any token", "値の先頭に使えない文字がある"},
		{"found a tab character that violates indentation", "字下げにタブがある"},
		{"found a tab character where an indentation space is expected", "字下げの空白の位置にタブがある"},
		{"found unknown escape character", "未知のエスケープ文字がある"},
		{"found invalid Unicode character escape code", "Unicode のエスケープが不正"},
		{"found unexpected end of stream", "途中で終わっている"},
		{"found unexpected document indicator", "文書の区切りが予期しない位置にある"},
		{"found undefined tag handle", "未定義のタグがある"},
		{"control characters are not allowed", "制御文字は使えない"},
		{"anchor '%s' value contains itself", "アンカー '{0}' が自身を含む"},
		{"exceeded max depth of %d", "入れ子が {0} 段を超える"},
	}
}

// ofMachine are what regular expressions and the machine say.
func ofMachine() []entry {
	return []entry{
		{"error parsing regexp: %s", "正規表現の誤り：{0~}"},
		{"%s: `%s`", "{0~}：`{1}`"},
		{"invalid character class", "文字クラスが不正"},
		{"invalid character class range", "文字クラスの範囲が不正"},
		{"invalid escape sequence", "エスケープが不正"},
		{"invalid named capture", "名前付きグループが不正"},
		{"invalid or unsupported Perl syntax", "Perl の構文が不正、または未対応"},
		{"invalid nested repetition operator", "繰り返しの重ね方が不正"},
		{"invalid repeat count", "繰り返しの回数が不正"},
		{"invalid UTF-8", "UTF-8 が不正"},
		{"missing closing ]", "閉じる ] がない"},
		{"missing closing )", "閉じる ) がない"},
		{"missing argument to repetition operator", "繰り返しの対象がない"},
		{"trailing backslash at end of expression", "末尾に単独の \\ がある"},
		{"unexpected )", "余分な ) がある"},
		{"expression nests too deeply", "式の入れ子が深すぎる"},
		{"expression too large", "式が大きすぎる"},
		{"open %s: %s", "{0} を開く：{1~}"},
		{"read %s: %s", "{0} の読み取り：{1~}"},
		{"stat %s: %s", "{0} の確認：{1~}"},
		{"no such file or directory", "ファイルやフォルダーがない"},
		{"file does not exist", "ファイルがない"},
		{"permission denied", "権限がない"},
		{"is a directory", "フォルダー"},
		{"not a directory", "フォルダーでない"},
		{"input/output error", "入出力エラー"},
		{"unexpected EOF", "予期しない終わり"},
		{"EOF", "終わり"},
	}
}
