package namespace

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
)

// An idRange is what one of the two maps of a new user name space is made of: 0 inside is the user, 1 and up are the
// subordinate ids.
type idRange struct {
	tool         string // set-user-ID root: it makes the map
	self         int
	start, count uint64
}

// subordinates finds the ranges of users and groups that the user may map. Not ok if one is missing, or its tool.
func subordinates() ([]idRange, bool) {
	var ranges []idRange
	for _, r := range []struct {
		tool, file string
		self       int
	}{
		{"newuidmap", "/etc/subuid", os.Getuid()},
		{"newgidmap", "/etc/subgid", os.Getgid()},
	} {
		tool, err := exec.LookPath(r.tool)
		if err != nil {
			return nil, false
		}
		f, err := os.Open(r.file)
		if err != nil {
			return nil, false
		}
		start, count, ok := findRange(f, names(os.Getuid()))
		f.Close()
		if !ok {
			return nil, false
		}
		ranges = append(ranges, idRange{tool, r.self, start, count})
	}
	return ranges, true
}

// names are a user's number and name.
func names(uid int) []string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return []string{id, u.Username}
	}
	return []string{id}
}

// findRange finds the first range of ids of a user in a file like subuid(5): name or number, first id, count.
func findRange(file io.Reader, names []string) (start, count uint64, ok bool) {
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if len(fields) != 3 {
			continue
		}
		for _, name := range names {
			if fields[0] != name {
				continue
			}
			start, err1 := strconv.ParseUint(fields[1], 10, 32)
			count, err2 := strconv.ParseUint(fields[2], 10, 32)
			if err1 == nil && err2 == nil && count > 0 {
				return start, count, true
			}
		}
	}
	return 0, 0, false
}

// apply gives a process of a new name space the range.
func (r idRange) apply(pid int) error {
	args := []string{strconv.Itoa(pid), "0", strconv.Itoa(r.self), "1", "1", fmt.Sprint(r.start), fmt.Sprint(r.count)}
	if out, err := exec.Command(r.tool, args...).CombinedOutput(); err != nil {
		return &Error{What: r.tool + ": " + strings.TrimSpace(string(out)), Err: err}
	}
	return nil
}
