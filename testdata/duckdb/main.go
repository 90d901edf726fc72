// Duckdb runs SQL by DuckDB, an engine that shares no code with mtric, over the
// lake: the system test's independent reader. It is a module of its own, since
// DuckDB needs cgo and the product must not.
//
// Each argument is a query; of each it prints one line, the rows as JSON arrays.
// A query that fails ends it with exit code 1 and the reason on stderr.
package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"os/signal"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "duckdb:", err)
		os.Exit(1)
	}
}

// run answers the queries in one session, with two threads, as a small machine has.
func run(ctx context.Context, queries []string) error {
	db, err := sql.Open("duckdb", "?threads=2&memory_limit=1GB")
	if err != nil {
		return err
	}
	defer db.Close()
	session, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	if _, err := session.ExecContext(ctx, "SET TimeZone = 'UTC'"); err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	for _, q := range queries {
		rows, err := answer(ctx, session, q)
		if err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
		line, err := json.Marshal(rows)
		if err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return out.Flush()
}

func answer(ctx context.Context, session *sql.Conn, query string) ([][]any, error) {
	rows, err := session.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	all := [][]any{}
	for rows.Next() {
		row := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		for i := range row {
			row[i] = plain(row[i])
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// plain brings a value of DuckDB's to one that JSON keeps exactly.
func plain(v any) any {
	switch v := v.(type) {
	case *big.Int: // what sum() makes of integers
		return json.Number(v.String())
	case duckdb.Decimal:
		return v.String()
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return v
}
