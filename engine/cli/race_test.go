//go:build race

package cli

func init() { demoTLDs = 200 } // signatures take a hundred times as long
