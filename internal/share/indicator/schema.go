package indicator

import (
	"embed"
	"io/fs"

	"github.com/meneki/meneki/internal/store"
)

//go:embed sql templates
var files embed.FS

// Migration is the table of indicators, at a hub and at a node.
func Migration() store.Migration { return store.Migration{Name: "indicator", FS: files} }

// Templates are the parts of pages that a hub and a node have in common.
func Templates() fs.FS { return files }

// SettingIdentity is the setting that holds the hub's STIX identity.
const SettingIdentity = "hub.identity"
