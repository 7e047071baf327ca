// Command meneki is a collective-defence platform in one program: the hub of a
// community, the node of a member, and a demo of both.
package main

import (
	"context"
	"os"

	"github.com/meneki/meneki/internal/cli"
)

func main() { os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }
