// Package files holds what every writer of files needs beside the standard library:
// renames that survive a loss of power, and sidecars, each the sha256 of the file beside
// it as sha256sum writes it. A file whose sidecar is missing is not whole yet.
package files

import (
	"errors"
	"fmt"
	"os"
)

// SyncDir brings the names in a folder to the disk, so that a rename survives a loss of
// power.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
