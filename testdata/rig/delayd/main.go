// Delayd holds back packets by destination, as netem does on kernels that have
// it: it takes them from netfilter queue 7 and gives its verdict after a while.
//
//	iptables -A FORWARD -j NFQUEUE --queue-num 7 --queue-bypass
//	delayd 10.53.1.53=20ms fd53:1::53=120ms
package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Of linux/netfilter/nfnetlink_queue.h.
const (
	queue = 7

	subsystemQueue = 3
	typePacket     = 0
	typeVerdict    = 1
	typeConfig     = 2

	attrConfigCommand = 1
	attrConfigParams  = 2
	attrConfigLength  = 3
	attrPacketHeader  = 1
	attrPayload       = 10
	attrVerdict       = 2

	accept = 1
)

func main() {
	delays := map[netip.Addr]time.Duration{}
	for _, arg := range os.Args[1:] {
		name, text, _ := strings.Cut(arg, "=")
		address, err := netip.ParseAddr(name)
		if err == nil {
			delays[address], err = time.ParseDuration(text)
		}
		check(err)
	}
	q, err := openQueue()
	check(err)
	fmt.Println("ready")
	check(q.serve(delays))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "delayd:", err)
		os.Exit(1)
	}
}

type packetQueue struct{ socket int }

func openQueue() (packetQueue, error) {
	s, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return packetQueue{}, err
	}
	q := packetQueue{s}
	if err := unix.Bind(s, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return q, err
	}
	const bind, copyPacket, bytesWanted = 1, 2, 64
	for _, attribute := range [][]byte{
		attr(attrConfigCommand, []byte{bind, 0, 0, 0}),
		attr(attrConfigParams, append(binary.BigEndian.AppendUint32(nil, bytesWanted), copyPacket)),
		attr(attrConfigLength, binary.BigEndian.AppendUint32(nil, 8192)),
	} {
		if err := q.send(typeConfig, attribute); err != nil {
			return q, err
		}
	}
	return q, nil
}

// serve gives every packet back after the delay of its destination.
func (q packetQueue) serve(delays map[netip.Addr]time.Duration) error {
	buffer := make([]byte, 1<<17)
	for {
		n, _, err := unix.Recvfrom(q.socket, buffer, 0)
		if err == unix.ENOBUFS || err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		for rest := buffer[:n]; len(rest) >= unix.NLMSG_HDRLEN; {
			size := int(binary.NativeEndian.Uint32(rest))
			if size < unix.NLMSG_HDRLEN+4 || size > len(rest) {
				break
			}
			if binary.NativeEndian.Uint16(rest[4:]) == subsystemQueue<<8|typePacket {
				id, destination := packet(rest[unix.NLMSG_HDRLEN+4 : size])
				due := time.Now().Add(delays[destination])
				go func() {
					sleepUntil(due)
					check(q.accept(id))
				}()
			}
			rest = rest[min(align(size), len(rest)):]
		}
	}
}

// sleepUntil is exact to some 60 µs, where Go's own timers round up to 1 ms.
func sleepUntil(due time.Time) {
	for rest := time.Until(due); rest > 0; rest = time.Until(due) {
		t := unix.NsecToTimespec(rest.Nanoseconds())
		_ = unix.Nanosleep(&t, nil) // interrupted: the loop goes on
	}
}

func (q packetQueue) accept(id [4]byte) error {
	return q.send(typeVerdict, attr(attrVerdict, append(binary.BigEndian.AppendUint32(nil, accept), id[:]...)))
}

// packet reads id and destination from the attributes of a packet message.
func packet(attributes []byte) (id [4]byte, destination netip.Addr) {
	for len(attributes) >= 4 {
		size := int(binary.NativeEndian.Uint16(attributes))
		if size < 4 || size > len(attributes) {
			return
		}
		value := attributes[4:size]
		switch binary.NativeEndian.Uint16(attributes[2:]) & 0x3fff {
		case attrPacketHeader:
			copy(id[:], value)
		case attrPayload:
			if len(value) >= 40 && value[0]>>4 == 6 {
				destination, _ = netip.AddrFromSlice(value[24:40])
			} else if len(value) >= 20 {
				destination, _ = netip.AddrFromSlice(value[16:20])
			}
		}
		attributes = attributes[min(align(size), len(attributes)):]
	}
	return
}

func (q packetQueue) send(kind uint16, attribute []byte) error {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+4+len(attribute)))
	b = binary.NativeEndian.AppendUint16(b, subsystemQueue<<8|kind)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST)
	b = append(b, make([]byte, 8)...)           // sequence, port
	b = append(b, unix.AF_UNSPEC, 0)            // family, version
	b = binary.BigEndian.AppendUint16(b, queue) // resource
	return unix.Sendto(q.socket, append(b, attribute...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

func attr(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, align(len(b))-len(b))...)
}

func align(n int) int { return (n + 3) &^ 3 }
