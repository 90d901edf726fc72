package serials

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/miekg/dns"
)

// Key is a TSIG key. Its secret is in no text that is made of it.
type Key struct {
	Name      string // absolute, in lower case
	Algorithm string // as RFC 8945 names it, absolute
	secret    string // base64
}

// String is the name: who prints a key prints no secret.
func (k Key) String() string { return "TSIG key " + k.Name }

// GoString is the name.
func (k Key) GoString() string { return k.String() }

// mostKey bounds a file with a key: some hundred bytes.
const mostKey = 16 << 10

// ReadKey reads a file with one TSIG key, as BIND (key "name" { algorithm …; secret "…"; };)
// or Knot DNS (key: - id: …, algorithm: …, secret: …) writes it. One that others can read is
// refused. No error has anything of its content.
func ReadKey(file string) (Key, error) {
	f, err := os.Open(file)
	if err != nil {
		return Key{}, fmt.Errorf("key_file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Key{}, fmt.Errorf("key_file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 || !info.Mode().IsRegular() || info.Size() > mostKey {
		return Key{}, fmt.Errorf("key_file %s has mode %s and %d bytes; it must be a file that only its owner can read: chmod 600 %[1]s", file, info.Mode(), info.Size())
	}
	text, err := io.ReadAll(io.LimitReader(f, mostKey))
	if err != nil {
		return Key{}, fmt.Errorf("key_file: %w", err)
	}
	key, err := parseKey(string(text))
	if err != nil {
		return Key{}, fmt.Errorf("key_file %s: %w", file, err)
	}
	return key, nil
}

var (
	comment   = regexp.MustCompile(`(?s:/\*.*?\*/)|(?m:#.*$|^\s*//.*$|\s//\s.*$)`)
	bindName  = regexp.MustCompile(`\bkey\s+"?([^\s"{;]+)"?\s*\{`)
	knotName  = regexp.MustCompile(`(?m)^[\s-]*id:\s*"?([^\s"]+)"?\s*$`)
	algorithm = regexp.MustCompile(`\balgorithm[:\s]\s*"?([A-Za-z0-9.-]+)"?`)
	secret    = regexp.MustCompile(`\bsecret[:\s]\s*"?([A-Za-z0-9+/=]+)"?`)
)

// algorithms are those that are known, by their names in files.
var algorithms = map[string]string{"hmac-sha1": dns.HmacSHA1, "hmac-sha224": dns.HmacSHA224, "hmac-sha256": dns.HmacSHA256, "hmac-sha384": dns.HmacSHA384, "hmac-sha512": dns.HmacSHA512}

func parseKey(text string) (Key, error) {
	text = comment.ReplaceAllString(text, "")
	names := append(bindName.FindAllStringSubmatch(text, 2), knotName.FindAllStringSubmatch(text, 2)...)
	kinds, secrets := algorithm.FindAllStringSubmatch(text, 2), secret.FindAllStringSubmatch(text, 2)
	if len(names) != 1 || len(kinds) != 1 || len(secrets) != 1 {
		return Key{}, errors.New(`want one key, with its algorithm and secret, as "tsig-keygen" or "keymgr -t" writes it`)
	}
	name := dns.CanonicalName(names[0][1])
	if _, valid := dns.IsDomainName(name); !valid {
		return Key{}, errors.New("the name of the key is no domain name")
	}
	kind, known := algorithms[strings.TrimSuffix(strings.ToLower(kinds[0][1]), ".")]
	if !known {
		return Key{}, fmt.Errorf("algorithm %.40q: there are hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384 and hmac-sha512", kinds[0][1])
	}
	if raw, err := base64.StdEncoding.DecodeString(secrets[0][1]); err != nil || len(raw) == 0 {
		return Key{}, errors.New("the secret is no base64") // the error would quote it
	}
	return Key{name, kind, secrets[0][1]}, nil
}
