package list

import (
	"strings"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/web"
)

// View returns a page as the console shows it.
func (s Spec[T]) View(r *web.Request, p Page[T]) web.List {
	l := web.List{
		ID:      s.Name,
		Caption: s.Caption,
		Note:    s.Note,
		Count:   web.Exactly(p.Total),
		Bare:    !s.Card,
		Dense:   s.Dense,
		Filter:  s.line(r, p.asked),
		Empty:   s.Empty,
	}
	if s.narrowed(p.asked) && s.NoMatch != nil {
		l.Empty = s.NoMatch
	}
	var cells []func(T) any
	for _, c := range s.Columns {
		if c.Cell == nil {
			continue
		}
		cells = append(cells, c.Cell)
		l.Columns = append(l.Columns, s.head(c, p.asked))
	}
	for _, row := range p.Rows {
		w := s.Row(row)
		for _, cell := range cells {
			w.Cells = append(w.Cells, cell(row))
		}
		l.Rows = append(l.Rows, w)
	}
	if p.Next != "" {
		l.Pager.Next = r.With("after", p.Next)
	}
	if p.after != "" {
		l.Pager.First = r.With("after", "")
	}
	if l.Filter == nil && len(p.unknown) > 0 {
		l.Note = notKnown(p.unknown)
	}
	return l
}

// head is a column's head: choosing the order that is chosen already reverses it.
func (s Spec[T]) head(c Column[T], a asked[T]) web.ListColumn {
	out := web.ListColumn{Key: c.Key, Text: c.Text, Role: c.Role, Sort: c.Sort}
	if c.Sort == "" || c.Sort != a.sort.Name {
		return out
	}
	if !a.back {
		out.Sort = "-" + c.Sort
	}
	out.Order = web.Ascending
	if s.terms(a.sort, a.back)[0].Desc {
		out.Order = web.Descending
	}
	return out
}

// line is the filter line; nil for a list that cannot be narrowed.
func (s Spec[T]) line(r *web.Request, a asked[T]) *web.Filter {
	f := &web.Filter{Path: s.Path, Say: s.say(a)}
	asks, clear := false, []string{"sort", ""}
	for _, x := range s.Filters {
		v := a.values[x.Name]
		switch x.Kind {
		case Words:
			f.Query, f.Ask, asks = v, x.Text, true
		case Choice:
			c := web.Choice{Name: x.Name, Text: x.Text}
			for _, o := range x.Options {
				c.Options = append(c.Options, web.Option{Value: o.Value, Text: o.Text, On: o.Value == v})
			}
			if _, ok := x.option(v); !ok && v != "" { // or the form would lose it
				c.Options = append(c.Options, web.Option{Value: v, Text: x.say(v), On: true})
			}
			f.Fields, asks = append(f.Fields, c), true
		case Tab, Linked:
			if x.Kind == Tab && v != "" || v != x.Missing {
				f.Keep = append(f.Keep, web.Hidden{Name: x.Name, Value: v})
			}
		}
		if x.Kind != Tab {
			clear = append(clear, x.Name, "")
			if v != x.Missing {
				f.Clear = s.Path
			}
		}
	}
	if !asks {
		return nil
	}
	if a.chosen != "" {
		f.Keep, f.Clear = append(f.Keep, web.Hidden{Name: "sort", Value: a.chosen}), s.Path
	}
	if f.Clear != "" || len(a.unknown) > 0 {
		f.Clear = r.With(clear...)
	}
	return f
}

// say is what the list is narrowed to and sorted by, as a sentence.
func (s Spec[T]) say(a asked[T]) i18n.Text {
	en, ja := []string{s.All.EN}, []string{s.All.JA}
	add := func(t i18n.Text) {
		if !t.Zero() {
			en, ja = append(en, t.EN), append(ja, t.JA)
		}
	}
	for _, f := range s.Filters {
		add(f.say(a.values[f.Name]))
	}
	if text := a.sort.Text; a.back && !a.sort.Back.Zero() {
		add(a.sort.Back)
	} else {
		add(text)
	}
	if len(a.unknown) > 0 {
		add(i18n.T("{0}: left out", "{0}（無視）").With(notKnown(a.unknown)))
	}
	return i18n.Text{EN: strings.Join(en, ", "), JA: strings.Join(ja, "、")}
}

func notKnown(asked []string) i18n.Text {
	return i18n.T("this list does not know {0}", "この一覧では指定できません：{0}").With(strings.Join(asked, " "))
}

// Tabs returns the options of a filter as the tabs of a page.
func (s Spec[T]) Tabs(r *web.Request, p Page[T], filter string) []web.Tab {
	var out []web.Tab
	for _, f := range s.Filters {
		if f.Name != filter {
			continue
		}
		for _, o := range f.Options {
			out = append(out, web.Tab{Text: o.Text, Path: r.With(f.Name, o.Value), On: o.Value == p.values[f.Name]})
		}
	}
	return out
}

// Table returns a page as data, for downloads.
func (s Spec[T]) Table(p Page[T]) *web.Table {
	t := &web.Table{Name: s.Caption}
	if p.file && p.Next != "" {
		t.Name = i18n.T("{0}, the first {1}", "{0}（先頭 {1} 件）").With(s.Caption, len(p.Rows))
	}
	var cells []func(T) any
	for _, c := range s.Columns {
		if c.ScreenOnly {
			continue
		}
		t.Columns = append(t.Columns, web.Column{Key: c.Key, Text: c.Text, Number: c.Role == web.RoleNum})
		if c.Data != nil {
			cells = append(cells, c.Data)
		} else {
			cells = append(cells, c.Cell)
		}
	}
	for _, row := range p.Rows {
		line := make([]any, len(cells))
		for i, cell := range cells {
			line[i] = cell(row)
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}
