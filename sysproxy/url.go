package sysproxy

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"rump/netbsd"
)

// sunPathMax is the room for a path in a socket address of the host, its NUL included.
const sunPathMax = 108

// A URL is where a server is to be reached.
type URL struct {
	Network string // "unix" or "tcp"
	Address string // an absolute path, or host:port
	Any     bool   // tcp on all addresses of the host; only a server may
}

// A URLError says what is wrong with a URL, in the words of the genuine library. It unwraps to the number that a server ends with.
type URLError struct {
	Msg   string
	Errno netbsd.Errno
}

func (e *URLError) Error() string { return e.Msg }

// Unwrap is the number.
func (e *URLError) Unwrap() error { return e.Errno }

func badURL(no netbsd.Errno, format string, a ...any) error {
	return &URLError{fmt.Sprintf(format, a...), no}
}

// ParseURL reads unix://PATH, relative to the working directory, or tcp://ADDRESS:PORT/. A *URLError says what is wrong.
func ParseURL(s string) (URL, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case !ok:
		return URL{}, badURL(netbsd.EINVAL, "rump_sp: invalid locator ``%s''", s)
	case len(scheme) > 15:
		return URL{}, badURL(netbsd.EINVAL, "rump_sp: identifier too long in ``%s''", s)
	case scheme == "unix":
		return parseUnix(rest)
	case scheme == "tcp":
		return parseTCP(rest)
	case scheme == "tcp6":
		return URL{}, badURL(netbsd.EOPNOTSUPP, "rump_sp: support not yet implemented")
	}
	return URL{}, badURL(netbsd.EINVAL, "rump_sp: invalid identifier ``%s''", s)
}

func parseUnix(path string) (URL, error) {
	tooLong := badURL(netbsd.ENAMETOOLONG, "rump_sp: path of a socket is longer than %d bytes", sunPathMax-1)
	if len(path) >= sunPathMax {
		return URL{}, tooLong
	}
	if path == "" || strings.IndexByte(path, 0) >= 0 {
		return URL{}, badURL(netbsd.EINVAL, "rump_sp: no path of a socket in ``unix://%s''", path)
	}
	if !filepath.IsAbs(path) {
		cwd, err := os.Getwd()
		if err != nil {
			return URL{}, err
		}
		path = cwd + "/" + path
	}
	if len(path) >= sunPathMax {
		return URL{}, tooLong
	}
	return URL{Network: "unix", Address: path}, nil
}

func parseTCP(addr string) (URL, error) {
	i := strings.IndexByte(addr, ':')
	if i < 0 {
		return URL{}, badURL(netbsd.EINVAL, "rump_sp_tcp: missing port specifier")
	}
	host, rest := addr[:i], addr[i+1:]
	u := URL{Network: "tcp", Any: host == "*" || host == "0" || host == "0.0.0.0"}
	switch ip := net.ParseIP(host); {
	case len(host) > 63:
		return URL{}, badURL(netbsd.EINVAL, "rump_sp_tcp: address too long")
	case u.Any:
		host = "0.0.0.0"
	case ip == nil || ip.To4() == nil || strings.IndexByte(host, ':') >= 0:
		return URL{}, badURL(netbsd.EINVAL, "rump_sp_tcp: cannot parse %s", host)
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	switch {
	case end == 0:
		return URL{}, badURL(netbsd.EINVAL, "rump_sp_tcp: port not found: %s", rest)
	case end < len(rest) && rest[end] != '/':
		return URL{}, badURL(netbsd.EINVAL, "rump_sp_tcp: junk at end of port: %s", addr)
	}
	port, err := strconv.ParseUint(rest[:end], 10, 64)
	if err != nil || port >= 1<<16 {
		return URL{}, badURL(netbsd.ERANGE, "rump_sp_tcp: port %s out of range", rest[:end])
	}
	u.Address = net.JoinHostPort(host, strconv.FormatUint(port, 10))
	return u, nil
}

// String is the URL as a client is told it.
func (u URL) String() string {
	if u.Network == "tcp" {
		return "tcp://" + u.Address + "/"
	}
	return u.Network + "://" + u.Address
}

// CheckClient refuses what only a server may listen on.
func (u URL) CheckClient() error {
	if u.Any {
		return badURL(netbsd.EINVAL, "rump_sp_tcp: client needs !INADDR_ANY")
	}
	return nil
}
