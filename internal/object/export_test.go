package object

// Tokens are the words of a text as they are indexed.
func Tokens(text string) []string { return tokens(text) }
