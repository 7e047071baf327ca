package principal

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/event"
)

// signIn is an attempt to sign in.
type signIn struct {
	account, device Name
	target          Name   // the machine that it is to, if it is one
	place           *Place // if the record says where it was
	failed          bool
}

// sshd is sshd's message about a sign-in.
var sshd = regexp.MustCompile(`(Accepted|Failed) \S+ for (?:invalid user )?(\S{1,256}) from (\S{1,64}) port \d+`)

// logonTypes are those of a person (Windows event 4624): interactive, network,
// unlock, network cleartext, remote interactive, cached interactive.
var logonTypes = map[string]bool{"2": true, "3": true, "7": true, "8": true, "10": true, "11": true}

// signInOf reads sign-ins: Windows Security 4624, 4625 and 4771, sshd, Entra ID,
// Microsoft 365, AWS console, Okta, OCSF Authentication and ECS.
func signInOf(ev *event.Event) (s signIn, ok bool) {
	switch {
	case ev.Product == "windows" && ev.Service == "security":
		switch text(ev, "EventID") {
		case "4624":
			if !logonTypes[text(ev, "LogonType")] {
				return s, false
			}
		case "4625", "4771":
			s.failed = true
		default:
			return s, false
		}
		// The SID of a name that does not exist belongs to no account; a machine's account
		// has one like a person's, and only its name shows the difference.
		s.account = InDomain(text(ev, "TargetDomainName"), text(ev, "TargetUserName"))
		if sid := Account(text(ev, "TargetUserSid")); sid.Kind == SID && s.account.Kind != Host &&
			s.account.Kind != Service {
			s.account = sid
		}
		s.target = Machine(text(ev, "Computer"))
		if s.device = Machine(text(ev, "IpAddress")); s.device.Kind == None {
			if s.device = Machine(text(ev, "WorkstationName")); s.device.Kind == None {
				s.device = s.target
			}
		}
	case text(ev, "eventName") == "ConsoleLogin":
		s.failed = !strings.EqualFold(text(ev, "responseElements.ConsoleLogin"), "success")
		s.account, s.device = Account(
			text(ev, "userIdentity.arn", "userIdentity.userName"),
		), Machine(
			text(ev, "sourceIPAddress"),
		)
	case text(ev, "Operation") == "UserLoggedIn" || text(ev, "Operation") == "UserLoginFailed":
		s.failed = text(ev, "Operation") == "UserLoginFailed"
		s.account, s.device = Account(text(ev, "UserId")), Machine(text(ev, "ClientIP", "ActorIpAddress"))
	case text(ev, "eventType") == "user.session.start":
		s.failed = text(ev, "outcome.result") != "SUCCESS"
		s.account, s.device = Account(text(ev, "actor.alternateId")), Machine(text(ev, "client.ipAddress"))
		s.place = placeOf(
			ev,
			"client.geographicalContext.geolocation.lat",
			"client.geographicalContext.geolocation.lon",
			"client.geographicalContext.country",
		)
	case text(ev, "class_uid") == "3002" && text(ev, "activity_id") == "1":
		s.failed = text(ev, "status_id") != "1"
		s.account, s.device = Account(
			text(ev, "user.email_addr", "user.uid", "user.name"),
		), Machine(
			text(ev, "src_endpoint.ip", "src_endpoint.hostname"),
		)
		s.place = placeOf(
			ev,
			"src_endpoint.location.lat",
			"src_endpoint.location.long",
			"src_endpoint.location.country",
		)
	case (ev.Product != "azure" || ev.Service == "signinlogs") &&
		text(ev, "userPrincipalName", "properties.userPrincipalName") != "" && text(ev, entraResult...) != "" &&
		text(ev, "ipAddress", "properties.ipAddress", "callerIpAddress") != "":
		s.failed = text(ev, entraResult...) != "0"
		s.account, s.device = Account(
			text(ev, "userPrincipalName", "properties.userPrincipalName"),
		), Machine(
			text(ev, "ipAddress", "properties.ipAddress", "callerIpAddress"),
		)
		for _, p := range []string{"", "properties."} {
			if s.place == nil {
				s.place = placeOf(
					ev,
					p+"location.geoCoordinates.latitude",
					p+"location.geoCoordinates.longitude",
					p+"location.countryOrRegion",
				)
			}
		}
	case ecsSignIn(ev):
		s.failed = !strings.EqualFold(text(ev, "event.outcome"), "success")
		s.account, s.target = InDomain(text(ev, "user.domain"), text(ev, "user.name", "user.email")), Machine(ev.Host)
		s.device = Machine(text(ev, "source.ip", "source.address", "client.ip"))
		s.place = placeOf(ev, "source.geo.location.lat", "source.geo.location.lon", "source.geo.country_iso_code")
		s.ofMachine()
	default:
		m := sshd.FindStringSubmatch(text(ev, "message"))
		if m == nil {
			return s, false
		}
		s.account, s.device, s.target, s.failed = Account(m[2]), Machine(m[3]), Machine(ev.Host), m[1] == "Failed"
		s.ofMachine()
	}
	return s, s.account.Kind != None && s.account.Kind != Service && s.account.Kind != Host && s.account.Kind != FQDN
}

// entraResult is where Entra ID says how a sign-in ended. What names a person and an
// address without it, such as a risk, is none.
var entraResult = []string{"status.errorCode", "properties.status.errorCode", "resultType", "ResultType"}

// ecsSignIn reports whether an event in ECS is an attempt to sign in whose outcome is
// known (ECS reference 8, "event.category": authentication).
func ecsSignIn(ev *event.Event) bool {
	has := func(field, want string) bool {
		v, ok := ev.Fields[field]
		if !ok {
			v = nested(ev.Fields, field)
		}
		if l, ok := v.([]any); ok {
			return slices.Contains(l, any(want))
		}
		return v == any(want)
	}
	if !has("event.category", "authentication") || has("event.type", "end") ||
		text(ev, "user.name", "user.email") == "" {
		return false
	}
	outcome := text(ev, "event.outcome")
	return outcome == "success" || outcome == "failure"
}

// ofMachine makes an account that every machine has the one of its machine: root
// of one is not root of another.
func (s *signIn) ofMachine() {
	if s.account.Kind == Short && s.target.Kind != None && system[s.account.Text] {
		s.account = Name{Down, s.target.Text + `\` + s.account.Text}
	}
}

// system are accounts that every machine has one of.
var system = map[string]bool{
	"root":          true,
	"admin":         true,
	"administrator": true,
	"ubuntu":        true,
	"ec2-user":      true,
	"debian":        true,
	"pi":            true,
}

func placeOf(ev *event.Event, lat, lon, country string) *Place {
	a, err1 := strconv.ParseFloat(text(ev, lat), 64)
	o, err2 := strconv.ParseFloat(text(ev, lon), 64)
	if err1 != nil || err2 != nil {
		return nil
	}
	p := Place{Lat: a, Lon: o, Name: text(ev, country)}
	if !p.valid() {
		return nil
	}
	return &p
}
