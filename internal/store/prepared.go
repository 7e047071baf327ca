package store

import (
	"container/list"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strconv"

	"modernc.org/sqlite"
)

// keptStatements is how many statements a connection to a SQLite file keeps
// prepared; the least recently used goes. The store has some hundred of them.
const keptStatements = 400

// longStatement is how many bytes a statement has at least that is not kept: a
// script that runs once, or a list of very many values.
const longStatement = 8 << 10

// openPrepared is sql.Open for a SQLite file, with connections that keep what
// they prepared: the same few hundred statements are run again and again, and
// compiling one costs more than running it. (The PostgreSQL driver does so by
// itself.)
func openPrepared(dsn string) (*sql.DB, error) {
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(preparing{c}), nil
}

// preparing makes connections that keep statements.
type preparing struct{ driver.Connector }

func (p preparing) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := c.(sqliteConn)
	if !ok {
		return nil, errors.Join(errors.New("store: the SQLite driver lacks what the store needs"), c.Close())
	}
	return &keeper{sqliteConn: full, byText: map[string]*list.Element{}, order: list.New()}, nil
}

// sqliteConn is what the driver's connections can do.
type sqliteConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// sqliteStmt is what the driver's statements can do.
type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// keeper is a connection with its statements. Like every driver.Conn it is used
// by one goroutine at a time.
type keeper struct {
	sqliteConn
	byText map[string]*list.Element
	order  *list.List // of *kept; the most recently used first
}

// kept is a prepared statement that is not in use.
type kept struct {
	text string
	stmt sqliteStmt
}

// take returns the statement for a text, out of what is kept: so one that is still
// read from is not run a second time.
func (k *keeper) take(ctx context.Context, text string) (sqliteStmt, error) {
	if e := k.byText[text]; e != nil {
		delete(k.byText, text)
		return k.order.Remove(e).(*kept).stmt, nil
	}
	s, err := k.PrepareContext(ctx, inOrder(text))
	if err != nil {
		return nil, err
	}
	full, ok := s.(sqliteStmt)
	if !ok {
		return nil, errors.Join(errors.New("store: the SQLite driver lacks what the store needs"), s.Close())
	}
	return full, nil
}

// inOrder writes ? for the placeholders of a statement that are $1, $2, $3 and so
// on: a name is looked for among all of them whenever one is bound, which makes the
// rows of a long INSERT expensive. Other statements stay as they are.
func inOrder(text string) string {
	var out []byte
	n, last := 0, 0
	for _, t := range lex(text) {
		if t.punct("?") {
			return text
		}
		if t.kind != other || t.text[0] != '$' {
			continue
		}
		if n++; t.text[1:] != strconv.Itoa(n) {
			return text
		}
		out = append(append(out, text[last:t.from]...), '?')
		last = t.to
	}
	return string(out) + text[last:]
}

// put takes a statement back. One that failed, or is long, is not kept.
func (k *keeper) put(text string, s sqliteStmt, failed error) error {
	if failed != nil || len(text) >= longStatement || k.byText[text] != nil {
		return s.Close()
	}
	k.byText[text] = k.order.PushFront(&kept{text, s})
	if k.order.Len() <= keptStatements {
		return nil
	}
	last := k.order.Remove(k.order.Back()).(*kept)
	delete(k.byText, last.text)
	return last.stmt.Close()
}

// ExecContext is a driver.ExecerContext.
func (k *keeper) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	s, err := k.take(ctx, text)
	if err != nil {
		return nil, err
	}
	r, err := s.ExecContext(ctx, args)
	if e := k.put(text, s, err); err == nil && e != nil {
		return nil, e
	}
	return r, err
}

// QueryContext is a driver.QueryerContext.
func (k *keeper) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := k.take(ctx, text)
	if err != nil {
		return nil, err
	}
	r, err := s.QueryContext(ctx, args)
	if err != nil {
		_ = k.put(text, s, err) // the first error says more
		return nil, err
	}
	return &keptRows{Rows: r, put: func(failed error) error { return k.put(text, s, failed) }}, nil
}

// Close ends the statements and the connection.
func (k *keeper) Close() error {
	var errs []error
	for e := k.order.Front(); e != nil; e = e.Next() {
		errs = append(errs, e.Value.(*kept).stmt.Close())
	}
	k.order.Init()
	clear(k.byText)
	return errors.Join(append(errs, k.sqliteConn.Close())...)
}

// keptRows puts the statement back when it was read.
type keptRows struct {
	driver.Rows
	put func(failed error) error
}

func (r *keptRows) Close() error {
	err := r.Rows.Close()
	if put := r.put; put != nil {
		r.put = nil
		return errors.Join(err, put(err))
	}
	return err
}
