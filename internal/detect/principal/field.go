package principal

import (
	"strings"
	"time"
)

// FieldKind is what a field names.
type FieldKind uint8

const (
	Other   FieldKind = iota
	Person            // an account
	Device            // a machine, by name or address
	Mailbox           // of mail: sender and recipients
)

// fieldKinds are the fields of the Sigma taxonomy and of the sources that rules
// are written for, in lower case, that name accounts and machines.
var fieldKinds = func() map[string]FieldKind {
	out := map[string]FieldKind{}
	for kind, names := range map[FieldKind]string{
		Person: `User SubjectUserName TargetUserName SubjectUserSid TargetUserSid TargetSid MemberSid MemberName UserSid AccountName ServiceAccountName SamAccountName
			OldTargetUserName NewTargetUserName TargetOutboundUserName UserName user username usr suser duser src_user dst_user user.name user.id user.email user_name
			userPrincipalName UserPrincipalName UserId userId properties.userPrincipalName userIdentity.arn userIdentity.userName userIdentity.principalId
			actor.alternateId actor.email actor.user.name protoPayload.authenticationInfo.principalEmail initiatedBy.user.userPrincipalName acct auid uid_name login account principal`,
		Device: `Computer ComputerName Hostname HostName host hostname host.name host.ip WorkstationName Workstation IpAddress ClientAddress SourceIp DestinationIp SourceHostname
			DestinationHostname src_ip dst_ip src_host dest_host src_endpoint.ip dst_endpoint.ip id.orig_h id.resp_h source.ip destination.ip c-ip s-ip sourceIPAddress
			ipAddress callerIpAddress client_ip clientip device.hostname rhost machine DeviceName`,
		Mailbox: `from to sender recipient recipients mail_from rcpt_to SenderAddress RecipientAddress ` +
			`email.from.address email.to.address`,
	} {
		for _, n := range strings.Fields(names) {
			out[strings.ToLower(n)] = kind
		}
	}
	return out
}()

// KindOf returns what a field names, by its name.
func KindOf(field string) FieldKind { return fieldKinds[strings.ToLower(field)] }

// ResolveField is Resolve for the value of a field of an event: what an account
// or a machine is known as, "" if it names none, and the value as it is where
// the field names neither. It has the form of the hook of package
// sigma/correlate.
func (b *Resolver) ResolveField(field, value string, at time.Time) string {
	switch KindOf(field) {
	case Person, Mailbox:
		return b.Resolve(Account(value), at)
	case Device:
		return b.Resolve(Machine(value), at)
	}
	return value
}
