package principal

import (
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
)

// Sign-ins to Entra ID and Microsoft 365, read as they are exported, show how far an
// account travelled, and tie its names together; what Entra ID only says of an
// account's risk is no sign-in.
func TestCloudSignIns(t *testing.T) {
	const home, away = `"location":{"geoCoordinates":{"latitude":35.68,"longitude":139.76}}`,
		`"location":{"geoCoordinates":{"latitude":51.5,"longitude":-0.12}}`
	places, err := ReadPlaces(
		strings.NewReader("network,latitude,longitude\n203.0.113.0/24,35.68,139.76\n198.51.100.0/24,51.5,-0.12\n"),
	)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ first, second string }{
		"exported": {
			`{"time":"2026-11-29T10:00:00Z","operationName":"Sign-in activity","category":"SignInLogs",` +
				`"resultType":"0","callerIpAddress":"192.0.2.1","properties":{"userId":"u1",` +
				`"userPrincipalName":"sato@example.jp","ipAddress":"192.0.2.1","status":{"errorCode":0},` + home + `}}`,
			`{"time":"2026-11-29T11:00:00Z","operationName":"Sign-in activity","category":"SignInLogs",` +
				`"resultType":"0","callerIpAddress":"192.0.2.2","properties":{"userId":"u1",` +
				`"userPrincipalName":"sato@example.jp","ipAddress":"192.0.2.2","status":{"errorCode":0},` + away + `}}`,
		},
		"Graph": {
			`{"createdDateTime":"2026-11-29T10:00:00Z","userId":"u1","userPrincipalName":"sato@example.jp",` +
				`"appDisplayName":"Office","ipAddress":"192.0.2.1","status":{"errorCode":0},` + home + `}`,
			`{"createdDateTime":"2026-11-29T11:00:00Z","userId":"u1","userPrincipalName":"sato@example.jp",` +
				`"appDisplayName":"Office","ipAddress":"192.0.2.2","status":{"errorCode":0},` + away + `}`,
		},
		"Log Analytics": {
			`{"TimeGenerated":"2026-11-29T10:00:00Z","Type":"SigninLogs","ResultType":"0","UserId":"u1",` +
				`"UserPrincipalName":"sato@example.jp","IPAddress":"192.0.2.1",` +
				`"LocationDetails":"{\"geoCoordinates\":{\"latitude\":35.68,\"longitude\":139.76}}"}`,
			`{"TimeGenerated":"2026-11-29T11:00:00Z","Type":"SigninLogs","ResultType":"0","UserId":"u1",` +
				`"UserPrincipalName":"sato@example.jp","IPAddress":"192.0.2.2",` +
				`"LocationDetails":"{\"geoCoordinates\":{\"latitude\":51.5,\"longitude\":-0.12}}"}`,
		},
		"Microsoft 365": {
			`{"CreationTime":"2026-11-29T10:00:00","Operation":"UserLoggedIn","RecordType":15,"UserKey":"u1",` +
				`"UserId":"sato@example.jp","ClientIP":"203.0.113.5","Workload":"AzureActiveDirectory"}`,
			`{"CreationTime":"2026-11-29T11:00:00","Operation":"UserLoggedIn","RecordType":15,"UserKey":"u1",` +
				`"UserId":"sato@example.jp","ClientIP":"198.51.100.5","Workload":"AzureActiveDirectory"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := New(Options{})
			h := NewBaselines(b, places, 0)
			var last *event.Event
			for _, raw := range []string{c.first, c.second} {
				last = recorded(t, raw)
				b.Learn(last)
				if !h.Annotate(last) || last.Fields[FieldOutcome] != "success" {
					t.Fatalf("no sign-in: %v", last.Fields)
				}
			}
			if km, _ := last.Fields[FieldTravelKm].(float64); km < 9000 || last.Fields[FieldTravelKmh] == nil {
				t.Errorf("%v km, %v km/h", last.Fields[FieldTravelKm], last.Fields[FieldTravelKmh])
			}
			if id, mail := b.Resolve(Name{ID, "u1"}, last.Time),
				b.Resolve(Account("sato@example.jp"), last.Time); id != mail {
				t.Errorf("%s is not %s", id, mail)
			}
		})
	}
	risk := recorded(
		t,
		`{"riskEventType":"unlikelyTravel","riskState":"atRisk","activityDateTime":"2026-11-29T10:00:00Z",`+
			`"ipAddress":"192.0.2.1","userPrincipalName":"sato@example.jp"}`,
	)
	if NewBaselines(New(Options{}), places, 0).Annotate(risk) {
		t.Error("a risk is taken for a sign-in")
	}
}

func recorded(t *testing.T, raw string) *event.Event {
	t.Helper()
	evs, err := read.Line(event.Source{Name: "x"}, []byte(raw), read.Hint{Seen: time.Unix(1, 0)})
	if err != nil || len(evs) != 1 {
		t.Fatalf("%d events, %v", len(evs), err)
	}
	return evs[0]
}
