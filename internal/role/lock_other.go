//go:build !unix

package role

import "os"

// lockDir has no advisory lock to take here; a second hub or node fails on the ports.
func LockDir(string) (*os.File, error) { return nil, nil }
