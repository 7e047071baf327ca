// Package api is how programs talk to meneki: typed operations under /api/,
// described by OpenAPI 3.1 at /openapi.json, /openapi.yaml and, for people, at
// /api/docs, and errors as RFC 9457 problems. It carries HTTP and nothing else:
// what an operation does and who may see its answer is the business of the
// capability that registers it, with the policy.Viewer that the request's
// context carries.
//
// It uses huma (github.com/danielgtaylor/huma/v2), but no capability needs
// to know that. huma would have its error type changed by a package variable;
// meneki leaves that variable alone. An error that a handler returns is turned
// into a Problem before huma sees it, and an error that huma makes itself (a
// body that does not parse, a value out of range) is turned into one by a
// response transformer of this API, so that two APIs in one process, as in the
// demo, do not share anything.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// DefaultMaxBody is how many bytes a request body may have unless its operation
// says otherwise.
const DefaultMaxBody = 1 << 20

// DefaultCookie is the name of the session cookie if the Config names none.
const DefaultCookie = "meneki_session"

// Config is what an API needs. Auth is required.
type Config struct {
	// Title is in the description; "meneki" if empty.
	Title string
	// Version is meneki's version, shown in the description.
	Version string
	// Auth says who sends a request, by its API token or its session. Without
	// credentials it answers fault.Unauthenticated. It is called at most once per
	// request, from many goroutines.
	Auth func(*http.Request) (policy.Viewer, error)
	// Cookie is the name of the session cookie, for the description.
	Cookie string
	// Clock times the requests; clock.System if nil.
	Clock clock.Clock
	// Log gets what callers do not see; slog.Default() if nil.
	Log *slog.Logger
	// Observe is called for every answered operation, for metrics; may be nil.
	Observe func(Answer)
}

// Answer is one answered request, for metrics and tests.
type Answer struct {
	Operation string        // id; empty outside an operation
	Method    string        // HTTP method
	Status    int           // HTTP status
	Kind      string        // label of the fault's kind; empty if there was none
	Took      time.Duration // by the Config's clock
}

// API is a set of operations on one mux. Register all operations before the
// first request; after that an API is safe for concurrent use.
type API struct {
	cfg  Config
	mux  *http.ServeMux
	huma huma.API
	spec spec
	csrf *http.CrossOriginProtection
}

// New puts an API without operations on mux: /openapi.json, /openapi.yaml,
// /api/docs, and a problem for every other path below /api/.
func New(mux *http.ServeMux, cfg Config) *API {
	if cfg.Title == "" {
		cfg.Title = "meneki"
	}
	if cfg.Cookie == "" {
		cfg.Cookie = DefaultCookie
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	a := &API{cfg: cfg, mux: mux, csrf: http.NewCrossOriginProtection()}
	hc := huma.DefaultConfig(cfg.Title, cfg.Version)
	hc.OpenAPIPath, hc.DocsPath, hc.SchemasPath = "", "", "" // served by spec.go and docs.go
	hc.CreateHooks = nil                                     // no $schema links in answers
	hc.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	hc.Transformers = []huma.Transformer{a.transform}
	a.describe(hc.OpenAPI)
	a.huma = humago.New(router{a}, hc)
	a.serveSpec()
	a.serveDocs()
	mux.HandleFunc("/api/", a.guard("", a.unknown))
	return a
}

// Op describes an operation. ID, Method, Path and Summary are required.
type Op struct {
	ID          string // unique, lower-case-with-dashes: "list-cases"
	Method      string
	Path        string    // below /api/: "/api/v1/cases/{id}"
	Tag         string    // what it is grouped under: "cases"
	Summary     i18n.Text // one line
	Description i18n.Text // more, if one line is not enough
	Need        policy.Role
	// Public operations answer everybody. All others need a viewer, and one
	// with at least the role Need if it is set.
	Public bool
	// MaxBody bounds the request body in bytes; DefaultMaxBody if 0.
	MaxBody int64
	// Status of a good answer; 200, or 204 without a body, if 0.
	Status int
	// Errors are the kinds that callers should expect beyond those that every
	// operation has (Invalid, Unauthenticated, Denied, Busy, Internal).
	Errors []fault.Kind
}

var opID = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

func (o Op) check() error {
	switch {
	case !opID.MatchString(o.ID):
		return fmt.Errorf("operation %q: the id must be lower-case words joined by dashes", o.ID)
	case o.Method == "":
		return fmt.Errorf("operation %s: no method", o.ID)
	case !strings.HasPrefix(o.Path, "/api/"):
		return fmt.Errorf("operation %s: path %q is not below /api/", o.ID, o.Path)
	case o.Summary.EN == "" || o.Summary.JA == "":
		return fmt.Errorf("operation %s: the summary must be given in both languages", o.ID)
	case o.Public && o.Need != policy.RoleNone:
		return fmt.Errorf("operation %s: public and needing role %s at once", o.ID, o.Need)
	case o.Need != policy.RoleNone && rank(o.Need) == 0:
		return fmt.Errorf("operation %s: unknown role %q", o.ID, o.Need)
	}
	return nil
}

// Register adds an operation to a. In and Out are structs as huma reads them:
// fields tagged path, query or header, and a field Body. Handlers return faults;
// the caller sees anything else as fault.Internal. Unknown query parameters
// and unknown body fields are refused. Register panics if op is not well formed
// or is registered twice, since that is a mistake in the program.
func Register[In, Out any](a *API, op Op, handler func(context.Context, *In) (*Out, error)) {
	if err := op.check(); err != nil {
		panic("api: " + err.Error())
	}
	huma.Register(a.huma, a.operation(op), func(ctx context.Context, in *In) (*Out, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}

// metaOp is where a huma operation keeps the Op that it was made of.
const metaOp = "meneki.op"

func (a *API) operation(op Op) huma.Operation {
	maxBody := op.MaxBody
	if maxBody == 0 {
		maxBody = DefaultMaxBody
	}
	ho := huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path, DefaultStatus: op.Status,
		Summary: op.Summary.EN, Description: op.Description.EN,
		MaxBodyBytes:                 maxBody + 1, // huma refuses at the bound, meneki above it
		RejectUnknownQueryParameters: true,
		Metadata:                     map[string]any{metaOp: op},
		Middlewares:                  huma.Middlewares{a.admit(op)},
		Extensions:                   map[string]any{"x-summary-ja": op.Summary.JA},
		Security:                     []map[string][]string{{"bearer": {}}, {"session": {}}},
		Responses:                    map[string]*huma.Response{},
	}
	if op.Description.JA != "" {
		ho.Extensions["x-description-ja"] = op.Description.JA
	}
	if op.Tag != "" {
		ho.Tags = []string{op.Tag}
	}
	kinds := []fault.Kind{fault.Invalid, fault.Busy, fault.Internal}
	if op.Public {
		ho.Security = []map[string][]string{{}}
	} else {
		kinds = append(kinds, fault.Unauthenticated, fault.Denied)
		if op.Need != policy.RoleNone {
			ho.Extensions["x-role"] = string(op.Need)
		}
	}
	for _, k := range append(kinds, op.Errors...) {
		ho.Responses[strconv.Itoa(k.Status())] = a.problemResponse(k)
	}
	return ho
}
