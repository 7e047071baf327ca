package reason

// ofPipelines are the sentences of package sigma/pipeline about pipeline files
// and the conditions in them.
func ofPipelines() []entry {
	return []entry{
		{"the pipelines %s failed: %v", "パイプライン {0} の処理に失敗：{1~}"},
		{"pipeline %q (%s:%d, %s): %s", "パイプライン {0}（{1}:{2}、{3}）：{4~}"},

		// args.go
		{"a pipeline", "パイプライン"},
		{"a transformation", "変換"},
		{"a condition in %s_conditions", "{0}_conditions の条件"},
		{"transformation %s", "変換 {0}"},
		{"condition %s", "条件 {0}"},
		{"%s must be a mapping of keys to values", "{0~}はキーと値のマッピングで書くこと"},
		{"%s has no key %q", "{0~}に {1} というキーはない"},
		{"%s: %s must be text", "{0~}：{1} は文字列で書くこと"},
		{"%s: %s must be true or false", "{0~}：{1} は true か false で書くこと"},
		{"%s: %s must be a whole number", "{0~}：{1} は整数で書くこと"},
		{"%s: %s must be one of %s", "{0~}：{1} は次のどれかで書くこと：{2}"},
		{"%s: %s must be text or a list of texts", "{0~}：{1} は文字列かそのリストで書くこと"},
		{"%s: %s must be a single value", "{0~}：{1} は単一の値で書くこと"},
		{"%s: regular expression %q cannot be used: %v (RE2 syntax: no look-around, no back-references)", "{0~}：正規表現 {1} は使用不可：{2~}（RE2 構文。先読み・後読みと後方参照は不可）"},
		{"%s: regular expression %q cannot be used: %v", "{0~}：正規表現 {1} は使用不可：{2~}"},

		// condition_item.go, condition_rule.go, conditions.go
		{"unknown detection item condition %q", "検知項目の条件 {0} は未知"},
		{"%s: cond must be any or all", "{0~}：cond は any か all で書くこと"},
		{"%s needs fields", "{0~}に fields が必要"},
		{"unknown field name condition %q", "フィールド名の条件 {0} は未知"},
		{"%s: a value behind the modifier %s cannot be looked at or changed", "{0}：修飾子 {1} の後の値は調べることも変えることもできない"},
		{"condition logsource needs at least one of category, product, service", "条件 logsource に category、product、service のどれかが必要"},
		{"unknown rule condition %q", "規則の条件 {0} は未知"},
		{"the state %q is %s %q and cannot be put in order with %q", "状態 {0} は{1~} {2} で、{3} と大小を比べられない"},
		{"rule_attribute cannot look into %s", "rule_attribute では {0} の中を調べられない"},
		{"rule_attribute: %q is not a date such as 2026-01-31", "rule_attribute：{0} は 2026-01-31 のような日付でない"},
		{"rule_attribute: %s is text, which %s does not compare", "rule_attribute：{0} は文字列で、{1} では比べられない"},
		{"rule_attribute: %s is no list, as %s needs", "rule_attribute：{0} は {1} に必要なリストでない"},
		{"rule_attribute: %q is not one of %s", "rule_attribute：{0} は {1} のどれでもない"},
		{"%s is no list, as %s needs", "{0} は {1} に必要なリストでない"},
		{"%s is its name in pySigma's Python; in YAML it is %s", "{0} は pySigma の Python での名前。YAML では {1} と書くこと"},
		{"there are no %s_conditions that this could link or negate", "つなぐ、または否定する対象の {0}_conditions がない"},
		{"%s_conditions must be a list or a mapping of names to conditions", "{0}_conditions は条件のリストか、名前と条件のマッピングで書くこと"},
		{"%s_cond_expr and %s_cond_op exclude each other", "{0}_cond_expr と {1}_cond_op は同時に使えない"},
		{"%s_cond_expr needs names: write %s_conditions as a mapping of names to conditions", "{0}_cond_expr には名前が必要。{1}_conditions を名前と条件のマッピングで書くこと"},
		{"%s_cond_expr: %v", "{0}_cond_expr：{1~}"},
		{"%s_cond_expr does not use the condition %q", "{0}_cond_expr が条件 {1} を使っていない"},

		// expression.go
		{"longer than %d bytes", "{0} バイトを超える"},
		{"%q where and, or, or the end is expected", "{0} の位置に来るべきものは and、or、または終わり"},
		{"a closing bracket is missing", "閉じ括弧がない"},
		{"ends where the name of a condition is expected", "条件の名前が来るべき位置で終わる"},
		{"names %q, but there is no such condition", "{0} という条件がない"},

		// pipeline.go
		{"the pipeline is only for %s; if it is right here too, add %s to allowed_backends", "このパイプラインは {0} 専用。ここでも正しければ、allowed_backends に {1} を加えること"},
		{"%s changes the text of queries; rules are matched directly here, so there is none: remove it", "{0} は検索文を変えるもの。ここでは規則を直接照合し、検索文がない。削除すること"},
		{"vars must map names to values", "vars は名前と値のマッピングで書くこと"},
		{"variable %q has no value", "変数 {0} に値がない"},
		{"variable %q must be text, a number, or a list of them", "変数 {0} は文字列、数値、またはそのリストで書くこと"},
		{"pipeline %s is neither one of %s nor a file: %w", "パイプライン {0} は {1} のどれでもなく、ファイルでもない：{2~}"},
		{"read pipeline %s: %w", "パイプライン {0} の読み取り：{1~}"},
		{"file is empty", "ファイルが空"},
		{"a pipeline file holds one document", "パイプラインのファイルに書けるのは文書1つだけ"},
	}
}

// ofSteps are those about what a pipeline does to a rule.
func ofSteps() []entry {
	return []entry{
		// correlation.go, detection.go, run.go, write.go
		{"the pipelines cannot tell how fields are called, because the rule %q is not here", "規則 {0} がここになく、パイプラインはフィールド名を決められない"},
		{"the pipelines make several fields of %q, which a correlation cannot group by or count; give it an alias", "パイプラインが {0} を複数のフィールドにするため、相関で集約も計数もできない。別名を付けること"},
		{"empty: name at least one field or word", "空。フィールドか語を1つ以上書くこと"},
		{"%s: the value of a field is a single value or a list of them", "{0}：フィールドの値は単一の値かそのリストで書くこと"},
		{"%q has no field or no value", "{0} にフィールドか値がない"},
		{"fields that stand for several make more than %d alternatives here", "複数に当たるフィールドで、場合分けが {0} 通りを超える"},
		{"nothing would be left here", "ここに何も残らない"},
		{"the detection is not a mapping", "detection がマッピングでない"},
		{"whether this applies depends on the rules that the filter is for; give the filter the whole log source of one kind of rules, and write one filter for each kind", "適用するかどうかがフィルターの対象の規則で変わる。フィルターには1種類の規則のログソース全体を書き、種類ごとに分けること"},
		{"it would make more than %d items", "項目が {0} 個を超える"},
		{"an item would have more than %d values", "項目の値が {0} 個を超える"},
		{"the name of a field would be longer than %d bytes", "フィールド名が {0} バイトを超える"},
		{"a value would be longer than %d bytes", "値が {0} バイトを超える"},
		{"the condition is not a text", "condition が文字列でない"},
		{"the condition closes a bracket that it did not open", "condition に開いていない括弧の閉じがある"},
		{"an aggregation behind | is not part of Sigma 2; write a correlation rule instead", "| の後の集計は Sigma 2 にない。相関規則で書くこと"},

		// step.go
		{"transformations must be a list", "transformations はリストで書くこと"},
		{"transformations are nested deeper than %d levels", "transformations の入れ子が {0} 段を超える"},
		{"more than %d transformations", "変換が {0} 個を超える"},
		{"transformation %s is not supported: %s", "変換 {0} には対応していない：{1~}"},
		{"unknown transformation %q", "変換 {0} は未知"},
		{"transformation %s is for whole rules: conditions on detection items and field names would not be looked at", "変換 {0} は規則全体が対象。検知項目やフィールド名の条件は見られない"},
		{"drop_detection_item without conditions on detection items or field names would drop everything", "検知項目やフィールド名の条件がない drop_detection_item はすべてを落としてしまう"},
		{"it writes text of a query, and there is none here", "検索文を書く変換で、ここには検索文がない"},
		{"a pipeline must not read files by itself; put the values into vars", "パイプラインがファイルを読むことは不可。値を vars に書くこと"},
		{"a pipeline must not ask the network by itself; put the values into vars", "パイプラインの通信は不可。値を vars に書くこと"},
		{"a pipeline must not run programs; put the values into vars", "パイプラインによるプログラムの実行は不可。値を vars に書くこと"},
		{"it guesses the types of what it takes out of values; write a mapping instead", "値から取り出したものの型を推測する変換。代わりに mapping を書くこと"},

		// step_field.go, step_hash.go
		{"%s: mapping must map names of fields", "{0~}：mapping にはフィールド名の対応を書くこと"},
		{"%s: %q is mapped to nothing; use drop_detection_item to leave it out", "{0~}：{1} の対応先がない。除くには drop_detection_item を使うこと"},
		{"%s: %q is mapped to %q twice", "{0~}：{1} から {2} への対応が重複"},
		{"%s: %q cannot be the name of a field", "{0~}：{1} はフィールド名にできない"},
		{"%s: mapping must map prefixes", "{0~}：mapping には接頭辞の対応を書くこと"},
		{"%s: a prefix must be text and be mapped to text", "{0~}：接頭辞とその対応先は文字列で書くこと"},
		{"field_name_transform needs transform_func: lower, upper or snake_case", "field_name_transform に transform_func（lower、upper、snake_case のどれか）が必要"},
		{"field_name_transform: apply_keyword has no name to change", "field_name_transform：apply_keyword で変える名前がない"},
		{"a list of fields would have more than %d, or one of more than %d bytes", "フィールドのリストが {0} 個を超えるか、{1} バイトを超えるものがある"},
		{"%s: a field that all values must equal cannot stand for several", "{0}：すべての値が一致すべきフィールドを複数に当てることは不可"},
		{"hashes_fields needs valid_hash_algos", "hashes_fields に valid_hash_algos が必要"},
		{"hashes_fields: with drop_algo_prefix and without field_prefix no name is left", "hashes_fields：drop_algo_prefix があり field_prefix がないと、名前が残らない"},
		{"%s: only texts can be taken apart into hashes", "{0}：ハッシュに分けられるのは文字列だけ"},
		{"%s: %q is no whole hash of %s", "{0}：{1} は {2} の完全なハッシュでない"},

		// step_placeholder.go, step_rule.go, step_value.go
		{"%s: include and exclude exclude each other", "{0~}：include と exclude は同時に使えない"},
		{"%s: the placeholders of %q are for different transformations; one must handle all of a value", "{0}：{1} のプレースホルダーが別々の変換に分かれている。1つの値は1つの変換で扱うこと"},
		{"placeholders give more than %d bytes", "プレースホルダーの値が {0} バイトを超える"},
		{"%s: the placeholder %s has no values in the vars of the pipelines", "{0}：プレースホルダー {1} の値がパイプラインの vars にない"},
		{"add_condition: conditions must map fields to values", "add_condition：conditions はフィールドと値のマッピングで書くこと"},
		{"add_condition: %q cannot be the name of a selection", "add_condition：{0} は選択条件の名前にできない"},
		{"add_condition: a condition needs the name of a field", "add_condition：条件にフィールド名が必要"},
		{"add_condition: %s", "add_condition：{0~}"},
		{"more than %d conditions would be added", "加える条件が {0} 個を超える"},
		{"the rule's log source has no %s to put into the condition", "規則のログソースに、条件に入れる {0} がない"},
		{"change_logsource needs at least one of category, product, service", "change_logsource に category、product、service のどれかが必要"},
		{"the list of fields would have more than %d", "フィールドのリストが {0} 個を超える"},
		{"no mapping for %s", "対応がないフィールド：{0}"},
		{"%s: placeholders must have their values before the text around them can be changed", "{0}：前後の文字列を変える前に、プレースホルダーの値が必要"},
		{"replace_string: %q can match nothing at all, which Python and Go replace differently; make it need a character, or begin it with ^", "replace_string：{0} は空文字列に一致し、その置換は Python と Go で異なる。1文字以上に一致させるか、^ で始めること"},
		{"replace_string: %v", "replace_string：{0~}"},
		{"the replacement names the group %q, which the regular expression does not have", "置換文字列が挙げるグループ {0} が正規表現にない"},
		{"the replacement ends with a single backslash", "置換文字列が単独の \\ で終わる"},
		{"the replacement has \\g without <name>", "置換文字列の \\g に <名前> がない"},
		{"the replacement has \\%c, which means nothing here", "置換文字列の \\{0} に意味がない"},
		{"map_string: mapping must map texts", "map_string：mapping には文字列の対応を書くこと"},
		{"map_string: %q is mapped to nothing", "map_string：{0} の対応先がない"},
		{"convert_type needs target_type: str or num", "convert_type に target_type（str か num）が必要"},
		{"%q is no number", "{0} は数値でない"},
		{"set_value: force_type is for texts and numbers", "set_value：force_type は文字列と数値にだけ使える"},
		{"set_value: %q is no number", "set_value：{0} は数値でない"},
	}
}
