package reason

// shared are sentences that several libraries use, and the phrases that stand in
// the holes of others.
func shared() []entry {
	return []entry{
		{"%s: %s", "{0~}：{1~}"},
		{"%s:%d:%d: %s", "{0}:{1}:{2}：{3~}"},
		{"a mapping", "マッピング"},
		{"a list", "リスト"},
		{"null", "null"},
		{"true or false", "真偽値（true か false）"},
		{"a number", "数値"},
		{"text", "文字列"},
		{"keywords", "キーワード"},
		{"cannot be read: %v", "読み取り不可：{0~}"},
		{"file is larger than %d bytes", "ファイルが {0} バイトを超える"},
		{"file is not UTF-8; save it as UTF-8", "ファイルが UTF-8 でない。UTF-8 で保存すること"},
		{"nested deeper than %d levels", "入れ子が {0} 段を超える"},
		{"more than %d values", "値が {0} 個を超える"},
		{"placeholders give more than %d values", "プレースホルダーの値が {0} 個を超える"},
		{"%s needs %q", "{0~}に {1} が必要"},
		{"a closing bracket", "閉じ括弧"},
	}
}
