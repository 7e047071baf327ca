package cli

// shareCmd is threat information without a hub or beside one: the forms in which it comes, and
// the ways on which it goes.
type shareCmd struct {
	Convert  shareConvert  `cmd:"" help:"Read lists and documents in any form, and write them in another one." ja:"各形式の一覧や文書を読み取り、別の形式で書き出し"`
	Push     sharePush     `cmd:"" help:"Send lists and documents to a TAXII 2.1 server, a hub's or anyone's." ja:"一覧や文書を TAXII 2.1 のサーバー（ハブやその他）に送信"`
	Pull     sharePull     `cmd:"" help:"Get what is new in a collection of a TAXII 2.1 server, and write it in any form." ja:"TAXII 2.1 のコレクションの新着を取得し、任意の形式で書き出し"`
	Simulate shareSimulate `cmd:"" help:"Play a year of an invented community under a rule set for credit, and show what honest members, free riders and cheats gain." ja:"貢献度の規則を架空の共同体で 1 年分試行し、誠実な組織、ただ乗り、不正がそれぞれ得る点数を表示"`
	Validate shareValidate `cmd:"" help:"Check STIX 2.1 documents; name what is wrong with file, line and property, and exit 65 if anything is." ja:"STIX 2.1 の文書を検査し、誤りをファイル、行、プロパティーとともに表示。あれば終了コード 65"`
}
