// Faultd stands in front of a real server and spoils its answers in one way:
//
//	faultd MODE UPSTREAM LISTEN…
package main

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// before acts on a query instead of passing it on; true when it has.
var before = map[string]func(w dns.ResponseWriter, q *dns.Msg) bool{
	"servfail": rcode(dns.RcodeServerFailure),
	"refused":  rcode(dns.RcodeRefused),
	"formerr":  rcode(dns.RcodeFormatError),
	"notimp":   rcode(dns.RcodeNotImplemented),
	"garbage": func(w dns.ResponseWriter, q *dns.Msg) bool {
		_, _ = w.Write([]byte{1, 2, 3})
		return true
	},
	"tcpclose": func(w dns.ResponseWriter, q *dns.Msg) bool {
		if overTCP(w) {
			_ = w.Close()
		}
		return overTCP(w)
	},
	"truncate": func(w dns.ResponseWriter, q *dns.Msg) bool {
		if overTCP(w) {
			return false
		}
		r := new(dns.Msg).SetReply(q)
		r.Authoritative, r.Truncated = true, true
		_ = w.WriteMsg(r)
		return true
	},
	"slow": func(dns.ResponseWriter, *dns.Msg) bool {
		time.Sleep(3 * time.Second)
		return false
	},
	"late": func(dns.ResponseWriter, *dns.Msg) bool {
		time.Sleep(5 * time.Second)
		return false
	},
}

// after changes a server's answer.
var after = map[string]func(r *dns.Msg){
	"wrongid":       func(r *dns.Msg) { r.Id ^= 0x5555 },
	"wrongquestion": func(r *dns.Msg) { r.Question[0].Name = "wrong.example." },
	"lowercase":     func(r *dns.Msg) { r.Question[0].Name = strings.ToLower(r.Question[0].Name) },
	"query":         func(r *dns.Msg) { r.Response = false },
	"noaa":          func(r *dns.Msg) { r.Authoritative = false },
}

func main() {
	if len(os.Args) < 4 || (before[os.Args[1]] == nil && after[os.Args[1]] == nil) {
		fmt.Fprintln(os.Stderr, "usage: faultd MODE UPSTREAM LISTEN…")
		os.Exit(2)
	}
	handler := proxy(os.Args[1], os.Args[2])
	failed := make(chan error)
	for _, address := range os.Args[3:] {
		for _, network := range []string{"udp", "tcp"} {
			s := &dns.Server{Addr: address, Net: network, Handler: handler}
			go func() { failed <- s.ListenAndServe() }()
		}
	}
	fmt.Println("ready")
	fmt.Fprintln(os.Stderr, "faultd:", <-failed)
	os.Exit(1)
}

func proxy(mode, upstream string) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		if f := before[mode]; f != nil && f(w, q) {
			return
		}
		network := "udp"
		if overTCP(w) {
			network = "tcp"
		}
		c := &dns.Client{Net: network, Timeout: 2 * time.Second, UDPSize: 4096}
		r, _, err := c.Exchange(q, upstream)
		if err != nil {
			rcode(dns.RcodeServerFailure)(w, q)
			return
		}
		r.Question = slices.Clone(q.Question)
		if f := after[mode]; f != nil {
			f(r)
		}
		_ = w.WriteMsg(r)
	}
}

func rcode(code int) func(dns.ResponseWriter, *dns.Msg) bool {
	return func(w dns.ResponseWriter, q *dns.Msg) bool {
		_ = w.WriteMsg(new(dns.Msg).SetRcode(q, code))
		return true
	}
}

func overTCP(w dns.ResponseWriter) bool {
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	return tcp
}
