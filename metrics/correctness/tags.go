package correctness

// Rule says in a line what the rule of a tag asks for; empty for a tag that no
// failure has. The blocks are those of RSSAC047v2 section 5.3, in our words.
func Rule(tag string) string { return ruleTexts()[tag] }

// AtOnce says whether a failure of that tag is one whatever the zone: every block that
// question and rcode admit has that rule, or one like it. Weigh finds more, for which it
// needs the response.
func AtOnce(tag string) bool {
	switch tag {
	case "malformed", "doh", "ujy", "aeg", "yot", "mle", "xhr", "csz", "eyk", "occ", "kka", "jws", "gpl", "dvh", "trw":
		return true
	}
	return false
}

func ruleTexts() map[string]string {
	return map[string]string{
		// For every response.
		"vnk": "every RRset of Answer, Authority and Additional equals the zone's",
		"yds": "the signature of every signed RRset validates at the time of the query",
		"xog": "a response that no candidate zone explains is incorrect",
		"yhu": "judged by the zones first seen in use in the 48 hours before the query",
		"ote": "an rcode other than NOERROR and NXDOMAIN counts as a timeout",
		"hjw": "a truncated response is asked again over TCP",
		"doh": "a response answers the question that was asked",
		"unt": "arpa./NS is not asked while root servers serve arpa.",

		// TLD/NS.
		"ujy": "TLD/NS: AA is clear",
		"aeg": "TLD/NS: Answer is empty",
		"pdd": "TLD/NS: Authority holds the whole NS RRset of the TLD",
		"kbd": "TLD/NS with a DS in the zone: Authority holds the signed DS RRset of the TLD",
		"bgr": "TLD/NS without a DS in the zone: Authority holds no DS RRset",
		"mkl": "TLD/NS without a DS in the zone: Authority holds the TLD's signed NSEC, its DS bit clear",
		"cjm": "TLD/NS: Additional holds an address, found in the zone, of one of the name servers",

		// TLD/DS, and our extension where the zone has no DS.
		"yot":    "TLD/DS: AA is set",
		"cpf":    "TLD/DS: Answer holds the signed DS RRset of the TLD",
		"xdu":    "TLD/DS: Authority is empty",
		"mle":    "TLD/DS: Additional is empty",
		"nodata": "TLD/DS without a DS in the zone (extension): AA, signed SOA and the TLD's signed NSEC with its DS bit clear, nothing else",

		// ./SOA, ./NS and ./DNSKEY.
		"xhr": "./SOA: AA is set",
		"obw": "./SOA: Answer holds the signed SOA RRset",
		"ktm": "./SOA: Authority holds the signed root NS RRset or is empty",
		"csz": "./NS: AA is set",
		"wal": "./NS: Answer holds the signed root NS RRset",
		"eyk": "./NS: Authority is empty",
		"occ": "./DNSKEY: AA is set",
		"eou": "./DNSKEY: Answer holds the signed DNSKEY RRset",
		"kka": "./DNSKEY: Authority is empty",
		"jws": "./DNSKEY: Additional is empty",

		// Negative.
		"vcu": "a name that the zone does not have is answered with NXDOMAIN",
		"gpl": "NXDOMAIN: AA is set",
		"dvh": "NXDOMAIN: Answer is empty",
		"axj": "NXDOMAIN: Authority holds the signed root SOA",
		"czb": "NXDOMAIN: Authority holds a signed NSEC that proves the name does not exist",
		"jhz": "NXDOMAIN: Authority holds the root's signed NSEC, which proves that there is no wildcard",
		"trw": "NXDOMAIN: Additional is empty",

		"hold":      "accuses nobody: something is lacking by which it could be judged",
		"malformed": "a response is one whole DNS message",
	}
}
