package coverage

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// CoverageOut is the coverage as programs get it.
type CoverageOut struct {
	Covered    int            `json:"covered"`
	Techniques []TechniqueOut `json:"techniques" nullable:"false"`
}

// TechniqueOut is one technique or sub-technique.
type TechniqueOut struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Tactics []string `json:"tactics" nullable:"false"`
	Rules   int      `json:"rules"`
	Hits    int64    `json:"hits" doc:"in 30 days | 30日間"`
	Members int      `json:"members" doc:"that cover it; 0: not disclosed | カバーする組織数。0 は非開示"`
}

type coverIn struct {
	Product string `query:"product" maxLength:"100" doc:"only rules for this product, and for all | この製品と全製品向けのルールのみ"`
}
type coverOut struct{ Body CoverageOut }
type layerOut struct{ Body Layer }

// API adds the operations on coverage, at a hub or a node.
func API(a *api.API, c PageConfig) {
	read := func(ctx context.Context, product string) (cov Coverage, err error) {
		err = c.DB.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) error {
			rules, err := c.Rules(tx, c.Clock().Add(-days*24*time.Hour))
			if err != nil {
				return err
			}
			figures, err := pool.Figures(tx)
			cov = Of(c.Techniques, rules, strings.ToLower(product), figures)
			return err
		})
		return cov, err
	}
	api.Register(a, api.Op{ID: "get-coverage", Method: http.MethodGet, Path: "/api/v1/coverage", Tag: "rules",
		Need:    policy.RoleReader,
		Summary: i18n.T("Which techniques of MITRE ATT&CK are looked for and found", "MITRE ATT&CK の手法ごとのカバレッジ")},
		func(ctx context.Context, in *coverIn) (*coverOut, error) {
			cov, err := read(ctx, in.Product)
			out := &coverOut{CoverageOut{Techniques: []TechniqueOut{}}}
			out.Body.Covered, _ = cov.Covered()
			add := func(x Cell) {
				if x.Tactics == nil {
					x.Tactics = []string{}
				}
				out.Body.Techniques = append(out.Body.Techniques, TechniqueOut{x.ID, x.Name, x.Tactics, x.Rules, x.Hits,
					x.Members})
			}
			for _, x := range cov.Cells {
				add(x)
				for _, s := range x.Subs {
					add(s)
				}
			}
			return out, err
		})
	api.Register(a, api.Op{ID: "get-coverage-layer", Method: http.MethodGet, Path: "/api/v1/coverage/layer",
		Tag: "rules", Need: policy.RoleReader,
		Summary: i18n.T("The coverage as a layer for the ATT&CK Navigator", "ATT&CK Navigator 用レイヤー")},
		func(ctx context.Context, in *coverIn) (*layerOut, error) {
			cov, err := read(ctx, in.Product)
			return &layerOut{cov.Layer("meneki", "rules by technique")}, err
		})
}
