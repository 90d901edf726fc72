//go:build race

package lake_test

import (
	"flag"
	"os"
	"testing"
)

// racing: what takes minutes under the race detector, and has nothing that could race,
// "make test" runs without it; of the laws a few cases are enough here.
const racing = true

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "15"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
