package namespace

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
)

// subordinate finds the first range of ids that the user owns in a file like subuid(5): name or number, first id, count.
func subordinate(file string) (start, count uint64, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, 0, &Error{What: "no subordinate ids", Hint: "ask root for them: see " + file, Err: err}
	}
	defer f.Close()
	id := strconv.Itoa(os.Getuid())
	name := id
	if u, err := user.LookupId(id); err == nil {
		name = u.Username
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if len(fields) != 3 || fields[0] != name && fields[0] != id {
			continue
		}
		start, err1 := strconv.ParseUint(fields[1], 10, 32)
		count, err2 := strconv.ParseUint(fields[2], 10, 32)
		if err1 == nil && err2 == nil && count > 0 {
			return start, count, nil
		}
	}
	return 0, 0, &Error{What: "no subordinate ids of " + name, Hint: fmt.Sprintf("ask root for: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", name),
		Err: errors.New(file + " has none")}
}
