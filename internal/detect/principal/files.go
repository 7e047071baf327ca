package principal

import (
	"os"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// OpenPlaces reads a table of networks and where they are; nil if path is "".
func OpenPlaces(path string) (*Places, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(
			fault.NotFound,
			i18n.T("the table of networks {0} cannot be opened", "ネットワークの表 {0} を開けません").With(path),
			err,
		)
	}
	defer f.Close()
	places, err := ReadPlaces(f)
	if err != nil {
		return nil, fault.Wrap(
			fault.Invalid,
			i18n.T("the table of networks {0} cannot be used: {1}", "ネットワークの表 {0} は使えません：{1}").With(path, err.Error()),
			err,
		).
			WithHint(
				i18n.T(
					"give a CSV file with columns network, latitude and longitude",
					"network、latitude、longitude の列を持つ CSV を指定してください",
				),
			)
	}
	return places, nil
}

// ImportAccounts reads account lists into a resolver, and reports the outcome of each. domain is that of user names in
// lists that state none.
func ImportAccounts(resolver *Resolver, paths []string, domain string, report func(path string, got Imported)) error {
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			return fault.Wrap(
				fault.NotFound,
				i18n.T("the account list {0} cannot be opened", "アカウント一覧 {0} を開けません").With(p),
				err,
			)
		}
		got, err := resolver.Import(f, domain)
		f.Close()
		if err != nil {
			return fault.Wrap(
				fault.Invalid,
				i18n.T("the account list {0} cannot be used: {1}", "アカウント一覧 {0} は使えません：{1}").With(p, err.Error()),
				err,
			)
		}
		report(p, got)
	}
	return nil
}
