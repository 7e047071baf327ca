package watchlist

import "syscall"

// largePages asks the system for large pages under b. A question goes to any
// place of a filter of many megabytes; with pages of 4 kB most of its cost would
// be to find the page. It is a wish: whether it is granted changes no answer.
func largePages(b []byte) []byte {
	const hugePages = 14 // MADV_HUGEPAGE
	if len(b) >= 4<<20 {
		_ = syscall.Madvise(b, hugePages) // refused where the system has none
	}
	return b
}
