// Package source knows which services of log sources are part of another one, as
// the messages of sshd are part of the file auth.log.
package source

import (
	"strings"

	"github.com/meneki/meneki/sigma/internal/fold"
)

// Wider returns the service that takes in another one, "" if there is none:
// the taxonomy's auth is the file auth.log and its syslog the file syslog, and in
// these lie also the messages of programs that have a service of their own.
// Microsoft 365's audit is the unified audit log, in which lies all that its other
// services write.
func Wider(product, service string) string {
	if strings.EqualFold(product, "m365") && service != "" && !strings.EqualFold(service, "audit") {
		return "audit"
	}
	if !strings.EqualFold(product, "linux") {
		return ""
	}
	switch fold.Text(service) {
	case "sshd", "sudo":
		return "auth"
	case "cron", "clamav", "vsftpd", "guacamole":
		return "syslog"
	}
	return ""
}
