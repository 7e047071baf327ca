package api

import (
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// spec is the description as it is served. It is made on the first request for
// it, when all operations are registered.
type spec struct {
	once sync.Once
	json []byte
	yaml []byte
	err  error
}

// OpenAPI is the description of all operations registered so far (OpenAPI 3.1).
// It is read-only.
func (a *API) OpenAPI() *huma.OpenAPI { return a.huma.OpenAPI() }

// describe fills in what is true of every operation.
func (a *API) describe(o *huma.OpenAPI) {
	o.Info.Description = "Operations of a meneki hub or node. Errors are RFC 9457 problems; lists are paged with " +
		"after and limit; times are RFC 3339 in UTC."
	o.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	o.Servers = []*huma.Server{{URL: "/", Description: "this hub or node"}}
	o.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "an API token, made with: meneki token create"},
		"session": {Type: "apiKey", In: "cookie", Name: a.cfg.Cookie,
			Description: "the session of a person who signed in to the console"},
	}
}

func (a *API) serveSpec() {
	serve := func(mediaType string, pick func(*spec) []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			a.spec.once.Do(a.render)
			if a.spec.err != nil {
				a.writeProblem(w, r, fault.Wrap(fault.Internal, i18n.Text{}, a.spec.err))
				return
			}
			w.Header().Set("Content-Type", mediaType)
			if _, err := w.Write(pick(&a.spec)); err != nil {
				a.cfg.Log.Debug("caller went away", "error", err)
			}
		}
	}
	a.beside("GET /openapi.json", serve("application/openapi+json", func(s *spec) []byte { return s.json }))
	a.beside("GET /openapi.yaml", serve("application/openapi+yaml", func(s *spec) []byte { return s.yaml }))
}

func (a *API) render() {
	o := a.huma.OpenAPI()
	// huma describes its own error type for every operation; ours never sends it.
	delete(o.Components.Schemas.Map(), "ErrorModel")
	delete(o.Components.Schemas.Map(), "ErrorDetail")
	if a.spec.json, a.spec.err = o.MarshalJSON(); a.spec.err == nil {
		a.spec.yaml, a.spec.err = o.YAML()
	}
}
