package cli

// shareCmd is threat information without a hub or beside one: the forms in which it comes, and
// the ways on which it goes.
type shareCmd struct {
	Convert  shareConvert  `cmd:"" help:"Read lists and documents in any form, and write them in another one." ja:"各形式の一覧や文書を読み取り、別の形式で書き出し"`
	Validate shareValidate `cmd:"" help:"Check STIX 2.1 documents, and say what is wrong where." ja:"STIX 2.1 の文書を検査し、誤りとその場所を表示"`
}
