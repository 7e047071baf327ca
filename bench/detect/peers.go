package main

import "fmt"

// peers measures other engines.
func (b *bench) peers() {
	fmt.Fprintln(b.out, "| peer | events/s |\n|---|---:|")
}
