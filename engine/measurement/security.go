package measurement

// TLSPolicy is how a server proves over TLS who it is (RFC 8310).
type TLSPolicy struct {
	Verify TLSVerify
	Name   string   // absolute; that is asked for (SNI), and of the certificate where Verify is VerifyName. Empty: none
	Pins   []string // base64 of the SHA-256 of public keys (RFC 7858, section 4.2), where Verify is VerifyPin
}

// TLSVerify is what a plan wants to see proved.
type TLSVerify string

// What can be wanted.
const (
	VerifyName          TLSVerify = "name"
	VerifyPin           TLSVerify = "pin"
	VerifyOpportunistic TLSVerify = "opportunistic" // nothing
)

// TLSVerifies lists what can be wanted.
var TLSVerifies = []TLSVerify{VerifyName, VerifyPin, VerifyOpportunistic}

// Security is what DNSSEC says of an answer of a zone of the plan: a closed vocabulary.
type Security string

// The words. What rests on a key that is not held is unchecked.
const (
	SecuritySecure    Security = "secure"
	SecurityBogus     Security = "bogus"
	SecurityUnchecked Security = "unchecked"
)

// TLSAuth is what the certificate of a server that was asked over TLS says of who it is
// (RFC 8310): a closed vocabulary. Whatever it is, the query was asked.
type TLSAuth string

// The words. Name and pin are what the plan can want; the last six say why it is neither.
const (
	AuthName         TLSAuth = "name"          // issued for the server's name, by an authority that is trusted
	AuthPin          TLSAuth = "pin"           // a public key of the chain is one of the plan's pins (RFC 7858, section 4.2)
	AuthNone         TLSAuth = "none"          // nothing was to be verified: opportunistic
	AuthExpired      TLSAuth = "expired"       // by the clock of the vantage point
	AuthNotYetValid  TLSAuth = "not_yet_valid" // by the same
	AuthNameMismatch TLSAuth = "name_mismatch" // issued for other names
	AuthUntrusted    TLSAuth = "untrusted"     // no chain to an authority that is trusted
	AuthPinMismatch  TLSAuth = "pin_mismatch"  // no public key of the chain is one of the pins
)
