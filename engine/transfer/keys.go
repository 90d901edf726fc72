package transfer

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/google/renameio/v2"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// GenerateKey writes a new ed25519 private key as OpenSSH does, readable by its
// owner only, and returns the line for authorized_keys.
func GenerateKey(path string) (string, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("key %s: %w", path, err)
	}
	block, err := ssh.MarshalPrivateKey(private, "mtric")
	if err != nil {
		return "", fmt.Errorf("key %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("key %s: %w", path, err)
	}
	if err := renameio.WriteFile(path, pem.EncodeToMemory(block), 0o600, renameio.WithTempDir(filepath.Dir(path))); err != nil {
		return "", fmt.Errorf("key %s: %w", path, err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("key %s: %w", path, err)
	}
	return string(ssh.MarshalAuthorizedKey(key)), nil
}

// KnownHostsLine is the line, with its end, that pins a host's key.
func KnownHostsLine(host string, port uint16, key ssh.PublicKey) string {
	address := net.JoinHostPort(host, strconv.Itoa(int(port)))
	return knownhosts.Line([]string{knownhosts.Normalize(address)}, key) + "\n"
}
