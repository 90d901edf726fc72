// Mtric measures the DNS root server system the way RSSAC047v2 asks.
package main

import (
	"os"

	"mtric.net/mtric/engine/cli"
)

func main() {
	os.Exit(cli.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
