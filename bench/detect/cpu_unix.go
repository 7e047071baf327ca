//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpu is the time that a core has spent on this process, which other work on the
// machine does not stretch as it does the clock's time.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
