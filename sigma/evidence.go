package sigma

// explainMatch collects what made a rule match, after it did.
func (r *Rule) explainMatch(v *view) *Match {
	ev := &evidence{v: v, match: &Match{Rule: r}, seen: make(map[*selection]bool)}
	for _, e := range r.conditions {
		if e.eval(v) {
			ev.expr(e)
		}
	}
	return ev.match
}

// evidence walks the parts of a condition that hold and are not behind "not".
type evidence struct {
	v     *view
	match *Match
	seen  map[*selection]bool
}

// expr is called for an expression that holds.
func (ev *evidence) expr(e expr) {
	switch e := e.(type) {
	case andExpr:
		for _, x := range e.all {
			ev.expr(x)
		}
	case orExpr:
		for _, x := range e.any {
			if x.eval(ev.v) {
				ev.expr(x)
			}
		}
	case ofExpr:
		for _, s := range e.selections {
			if s.body.eval(ev.v) {
				ev.selection(s)
			}
		}
	case selExpr:
		ev.selection(e.selection)
	}
}

func (ev *evidence) selection(s *selection) {
	if ev.seen[s] {
		return
	}
	ev.seen[s] = true
	ev.match.Selections = append(ev.match.Selections, s.name)
	ev.block(s.name, s.body)
}

func (ev *evidence) block(name string, b *block) {
	for _, it := range b.items {
		ev.item(name, it)
	}
	for _, alternative := range b.any {
		if alternative.eval(ev.v) {
			ev.block(name, alternative)
		}
	}
}

// item records each value of the rule that was found, or for exists and neq,
// where nothing was, what the field holds.
func (ev *evidence) item(name string, it *item) {
	found := FieldMatch{Field: it.field, Modifier: it.mods.String(), Selection: name}
	for _, val := range it.values {
		found.Pattern = val.raw
		switch {
		case it.exists != nil || it.mods.neq:
			found.Value = it.shown(ev.v)
		default:
			c, ok := val.find(it.lookup(ev.v), ev.v)
			if !ok {
				continue
			}
			found.Value = c.show()
		}
		ev.match.Fields = append(ev.match.Fields, found)
	}
}
