package main

import (
	"bufio"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A hostMount is one line of the host's mount table.
type hostMount struct {
	Dir, Type, Source string
	ReadOnly          bool
}

// hostMounts reads /proc/self/mountinfo (proc(5)), oldest first.
func hostMounts() ([]hostMount, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []hostMount
	for s := bufio.NewScanner(f); s.Scan(); {
		// 36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw
		left, right, ok := strings.Cut(s.Text(), " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 6 || len(r) < 2 {
			continue
		}
		ro := slices.Contains(strings.Split(l[5], ","), "ro")
		list = append(list, hostMount{unescape(l[4]), r[0], unescape(r[1]), ro})
	}
	return list, nil
}

// unescape undoes the octal escapes of the mount table.
func unescape(s string) string {
	var sb strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				sb.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		sb.WriteByte(s[i])
	}
	return sb.String()
}

// isOurs reports whether a mount is a bridge.
func (m hostMount) isOurs() bool { return m.Type == "fuse.rump" }

// bridgeAt finds the uppermost bridge at dir, or the one that was made from the image dir.
func bridgeAt(list []hostMount, dir string) (m hostMount, ok bool) {
	for _, x := range list {
		if x.isOurs() && (x.Dir == dir || x.Source == dir) {
			m, ok = x, true
		}
	}
	return m, ok
}
