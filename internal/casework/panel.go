package casework

import (
	"context"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
)

// findingPanel is the case of a finding, on the finding's page.
func (c *PageConfig) findingPanel() web.Panel { return web.Panel{Page: "finding", Load: c.ofFinding} }

func (c *PageConfig) ofFinding(ctx context.Context, about web.Subject) (out web.Part, err error) {
	err = c.DB.Read(ctx, store.As(about.Viewer), func(tx *store.Tx) error {
		out = web.Part{}
		of, err := CaseOf(tx, about.ID)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		path := web.Path("/cases/{0}", of.ID)
		out = web.Part{
			Next:    []web.Next{{Text: i18n.T("Open case {0}", "事案 {0} を開く").With(of.Number), Path: path}},
			Related: []web.Related{{ID: of.ID, Kind: svg.KindCase, Text: of.Number, Path: path}},
		}
		return err
	})
	return out, err
}
