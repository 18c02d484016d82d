package client

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"rump/netbsd"
)

// A Mib is the name of a setting in numbers.
type Mib []int32

func (m Mib) arg(more ...int32) (name, length Arg) {
	var b []byte
	for _, n := range append(m[:len(m):len(m)], more...) {
		b = le.AppendUint32(b, uint32(n))
	}
	return In(b), Int(len(b) / 4)
}

// Sysctl reads a value of at most room bytes, and sets a new one if that is not nil. If there is more, it is ENOMEM.
func (c *Client) Sysctl(m Mib, room int, value []byte) (old []byte, err error) {
	name, n := m.arg()
	old = make([]byte, room)
	size := le.AppendUint64(nil, uint64(room))
	place, length := Out(old), Long(len(value))
	if room == 0 {
		place = Null()
	}
	next := Null()
	if value != nil {
		next = In(value)
	}
	err = c.do(netbsd.SYS___SYSCTL, name, n, place, Out(size), next, length)
	return old[:min(le.Uint64(size), uint64(room))], err
}

// SysctlSize asks how long a value is.
func (c *Client) SysctlSize(m Mib) (int, error) {
	name, n := m.arg()
	size := make([]byte, 8)
	err := c.do(netbsd.SYS___SYSCTL, name, n, Null(), Out(size), Null(), Int(0))
	if err == nil && le.Uint64(size) > 1<<24 {
		err = netbsd.ENOMEM
	}
	return int(le.Uint64(size)), err
}

// SysctlGet reads a value whole.
func (c *Client) SysctlGet(m Mib) ([]byte, error) {
	for room := 1024; ; {
		b, err := c.Sysctl(m, room, nil)
		if !errors.Is(err, netbsd.ENOMEM) {
			return b, err
		}
		size, err := c.SysctlSize(m)
		if err != nil {
			return nil, err
		}
		room = max(2*room, size)
	}
}

// SysctlQuery describes the nodes below a name; the top ones for an empty name.
func (c *Client) SysctlQuery(m Mib) ([]netbsd.SysctlNode, error) {
	ask := netbsd.SysctlNode{Flags: netbsd.SYSCTL_VERSION}
	for count := 8; ; count *= 2 {
		name, n := m.arg(netbsd.CTL_QUERY)
		b := make([]byte, count*netbsd.SysctlNodeSize)
		size := le.AppendUint64(nil, uint64(len(b)))
		err := c.do(netbsd.SYS___SYSCTL, name, n, Out(b), Out(size), Encoded(&ask, netbsd.SysctlNodeSize), Long(netbsd.SysctlNodeSize))
		if errors.Is(err, netbsd.ENOMEM) && count < 1<<16 {
			continue
		}
		if err != nil {
			return nil, err
		}
		list := make([]netbsd.SysctlNode, min(le.Uint64(size), uint64(len(b)))/netbsd.SysctlNodeSize)
		for i := range list {
			list[i].Decode(b[i*netbsd.SysctlNodeSize:])
		}
		return list, nil
	}
}

// SysctlDescribe returns the descriptions of the nodes below a name, by number.
func (c *Client) SysctlDescribe(m Mib) (map[int32]string, error) {
	b, err := c.SysctlGet(append(m[:len(m):len(m)], netbsd.CTL_DESCRIBE))
	if err != nil {
		return nil, err
	}
	list := map[int32]string{}
	for len(b) > 0 {
		var num int32
		var text string
		if num, text, b, err = netbsd.NextSysctlDesc(b); err != nil {
			return list, err
		}
		list[num] = text
	}
	return list, nil
}

// SysctlFind finds a name with dots, or slashes, between its parts, each a name or a number. ENOENT for none.
func (c *Client) SysctlFind(name string) (Mib, netbsd.SysctlNode, error) {
	var m Mib
	node := netbsd.SysctlNode{Flags: netbsd.CTLTYPE_NODE}
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '/' }) {
		list, err := c.SysctlQuery(m)
		if err != nil {
			return nil, node, err
		}
		found := false
		num, nerr := strconv.ParseInt(part, 10, 32)
		for _, n := range list {
			if n.Name == part || nerr == nil && int64(n.Num) == num {
				m, node, found = append(m, n.Num), n, true
				break
			}
		}
		if !found {
			return nil, node, fmt.Errorf("%s: %w", part, netbsd.ENOENT)
		}
	}
	return m, node, nil
}
