package store

// ScopeOnly is a database that can only apply scopes, for the fuzz test.
func ScopeOnly(handled ...string) *DB {
	tables := map[string]bool{}
	for _, h := range handled {
		tables[h] = true
	}
	db := &DB{}
	db.guard.Store(&guard{tables: tables})
	return db
}

// Apply is applyScope.
func (db *DB) Apply(q string, s Scope) (string, []any, error) { return db.applyScope(q, nil, s) }

// InOrder is inOrder, for tests.
var InOrder = inOrder
