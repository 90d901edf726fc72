package measurement

// Good says whether an answer is as it should be: it came in time, with what its query
// expects or, where the plan says nothing of that, with NOERROR. Over TLS the server was
// also the one that the plan wants. column.Good says the same of the rows of a batch, and
// the view answers in docs/views to SQL.
func (a *Answer) Good() bool {
	switch {
	case a.Outcome != Answered || a.TLSAuth != nil && !a.TLSAuth.Good():
		return false
	case a.Expected != nil:
		return *a.Expected
	}
	return a.RCode != nil && *a.RCode == NoError
}

// Proof is the word of an answer that proves what the policy wants.
func (v TLSVerify) Proof() TLSAuth {
	switch v {
	case VerifyName:
		return AuthName
	case VerifyPin:
		return AuthPin
	case VerifyOpportunistic:
	}
	return AuthNone
}

// ByClock says whether the word rests on the vantage point's clock: where that is not
// known to be right, nothing is known of the certificate.
func (t TLSAuth) ByClock() bool { return t == AuthExpired || t == AuthNotYetValid }

// Good says whether the certificate is what the plan wants: what was to be verified and
// could not be has a word that says why.
func (t TLSAuth) Good() bool {
	switch t {
	case AuthName, AuthPin, AuthNone:
		return true
	case AuthExpired, AuthNotYetValid, AuthNameMismatch, AuthUntrusted, AuthPinMismatch:
	}
	return false
}
