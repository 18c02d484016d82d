package tree

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"rump/ffs/ondisk"
)

var (
	errOctal  = errors.New("not an octal number up to 7777")
	errNumber = errors.New("not a number of 32 bits")
	errTime   = errors.New("not SECONDS or SECONDS.NANOSECONDS")
	errDevice = errors.New("not a device number")
)

// unvis undoes vis(3): a backslash begins \ooo, \s, \n and the like, or hides a character.
func unvis(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		if i++; i == len(s) {
			return "", fmt.Errorf("%q ends in a backslash", s)
		}
		c := s[i]
		if i+3 <= len(s) {
			if n, err := strconv.ParseUint(s[i:i+3], 8, 8); err == nil {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		if plain := strings.IndexByte(`snrtabvf0`, c); plain >= 0 {
			c = " \n\r\t\a\b\v\f\x00"[plain]
		}
		out = append(out, c)
	}
	if strings.IndexByte(string(out), 0) >= 0 {
		return "", fmt.Errorf("%q holds a NUL", s)
	}
	return string(out), nil
}

// parseTime reads seconds, with nanoseconds behind a dot: a number of its own, not a fraction.
func parseTime(v string) (ondisk.Time, error) {
	sec, nsec, _ := strings.Cut(v, ".")
	s, err := strconv.ParseInt(sec, 10, 64)
	if err != nil {
		return ondisk.Time{}, errTime
	}
	n := uint64(0)
	if nsec != "" {
		if n, err = strconv.ParseUint(nsec, 10, 32); err != nil || n > 999999999 {
			return ondisk.Time{}, errTime
		}
	}
	return ondisk.Time{Sec: s, Nsec: int32(n)}, nil
}

// parseDevice reads "FORMAT,MAJOR,MINOR" or a number packed as on NetBSD.
func parseDevice(v string) (major, minor uint32, err error) {
	words := strings.Split(v, ",")
	if len(words) == 1 {
		d, err := strconv.ParseUint(v, 0, 32)
		if err != nil {
			return 0, 0, errDevice
		}
		return uint32(d >> 8 & 0xfff), uint32(d>>12&0xfff00 | d&0xff), nil
	}
	if len(words) != 3 {
		return 0, 0, errDevice
	}
	a, err1 := strconv.ParseUint(words[1], 0, 32)
	b, err2 := strconv.ParseUint(words[2], 0, 32)
	if err1 != nil || err2 != nil {
		return 0, 0, errDevice
	}
	return uint32(a), uint32(b), nil
}

// parseFlags reads names of file flags with commas between.
func parseFlags(v string) (uint32, error) {
	flags := uint32(0)
	for name := range strings.SplitSeq(v, ",") {
		bit, ok := specFlags[name]
		if !ok {
			if bit, ok = specFlags[strings.TrimPrefix(name, "no")]; ok || name == "dump" {
				if name == "dump" {
					bit = ondisk.FileNoDump
				}
				flags &^= bit
				continue
			}
			return 0, fmt.Errorf("flag %q is unknown", name)
		}
		flags |= bit
	}
	return flags, nil
}
