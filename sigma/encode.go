package sigma

import (
	"encoding/base64"
	"encoding/binary"
	"unicode/utf16"
)

// utf16Bytes encodes text as UTF-16; characters beyond the basic plane become
// surrogate pairs. bom puts the byte order mark FF FE (or FE FF) in front.
func utf16Bytes(text string, order binary.AppendByteOrder, bom bool) []byte {
	var out []byte
	if bom {
		out = order.AppendUint16(out, 0xFEFF)
	}
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

// base64Offsets returns the part of the Base64 text that data leaves wherever it
// stands in a longer encoded text: one for each position of data modulo three.
// A character that also depends on the bytes before or behind data is cut off
// at both ends. For a single byte of data one of them would be empty; ok is then
// false.
func base64Offsets(data []byte) (pieces [3]string, ok bool) {
	if len(data) < 2 {
		return pieces, false
	}
	for before := range 3 {
		padded := append(make([]byte, before), data...)
		text := base64.StdEncoding.EncodeToString(padded)
		// Character i holds the bits 6i to 6i+5. Only those wholly inside of
		// data, bits 8*before to 8*len(padded)-1, are known.
		first := (8*before + 5) / 6
		last := 8 * len(padded) / 6
		pieces[before] = text[first:last]
	}
	return pieces, true
}
