package stix

import "testing"

func BenchmarkTyped(b *testing.B) {
	o, err := Indicator{Common: common(""), Name: "n", Pattern: ValuePattern("url", "https://example.com/"),
		PatternType: "stix", ValidFrom: now}.Object()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("build", func(b *testing.B) {
		for b.Loop() {
			if _, err := (IPv4Addr{Value: "198.51.100.3"}).Object(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			if _, err := Parse(o.Bytes()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("validate", func(b *testing.B) {
		for b.Loop() {
			Validate(o)
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := As[Indicator](o); err != nil {
				b.Fatal(err)
			}
		}
	})
}
