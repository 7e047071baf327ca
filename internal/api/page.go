package api

// Paging is what every list takes; put it into the operation's input. Lists are
// paged by key, never by offset, so that a row that comes in meanwhile neither
// repeats nor hides another.
type Paging struct {
	After string `query:"after" maxLength:"1024" doc:"where the page before ended: its next | 前のページの next の値"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"most items on the page | 1ページの最大件数"`
}

// Page is the body of every list.
type Page[T any] struct {
	Items []T    `json:"items" nullable:"false" doc:"the items, in the list's order | 項目。一覧の順"`
	Next  string `json:"next,omitempty" doc:"give it as after to get the next page; absent on the last | 次のページを得るには after に指定する。最後のページにはない"`
}
