// Package tests holds what needs the whole: floors, the demo, the tutorial, differential runs, whole-system benchmarks.
package tests

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// floors are the packages of this module from the ground up: a package may import only from lower floors, or within its
// own family (ffs and ffs/ondisk are one family). See ARCHITECTURE.md.
var floors = [][]string{
	{"rump/internal/endian"},
	{"rump/rumpfs/vfs", "rump/rumpfs/blockdev"},
	{"rump/rumpfs/kern", "rump/rumpfs/rootfs", "rump/rumpfs/bcache"},
	{"rump/ffs", "rump/cgd", "rump/disklabel", "rump/nfs", "rump/netbsd", "rump/netstack", "rump/hijack", "rump/bridge", "rump/diskfs"},
	{"rump/sysproxy"},
	{"rump/components"},
	{"rump/cmd/rump"},
}

// sideways are the imports between families of one floor that are part of the house.
var sideways = map[string][]string{
	"rump/rumpfs/kern": {"rump/rumpfs/rootfs"}, // a kernel boots with a root file system
}

// onlyImporter says which family alone may import an outside module. golang.org/x/sys is what the standard library's syscall left out: those that talk to
// the host in ways of their own have it.
var onlyImporter = map[string]string{
	"github.com/hanwen/go-fuse":         "rump/bridge",
	"github.com/diskfs/go-diskfs":       "rump/diskfs",
	"github.com/alecthomas/kong":        "rump/cmd/rump",
	"github.com/alecthomas/mango-kong":  "rump/cmd/rump",
	"github.com/muesli/roff":            "rump/cmd/rump",
	"github.com/jotaen/kong-completion": "rump/cmd/rump",
	"github.com/schollz/progressbar":    "rump/cmd/rump",
	"golang.org/x/term":                 "rump/cmd/rump",
	"golang.org/x/crypto":               "rump/cgd",
	"lukechampine.com/adiantum":         "rump/cgd",
	"golang.org/x/sys":                  "rump/bridge rump/hijack",
	"gvisor.dev/gvisor":                 "rump/netstack",
	"github.com/insomniacslk/dhcp":      "rump/netstack",
}

// place returns the floor and the family of a package, -1 if it has none.
func place(pkg string) (floor int, family string) {
	for i, names := range floors {
		for _, name := range names {
			if pkg == name || strings.HasPrefix(pkg, name+"/") {
				return i, name
			}
		}
	}
	return -1, ""
}

// TestFloors holds the imports of every package against ARCHITECTURE.md.
func TestFloors(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "rump/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if words[0] != "rump/tests" && !strings.HasPrefix(words[0], "rump/tests/") {
			checkImports(t, words[0], words[1:])
		}
	}
}

func checkImports(t *testing.T, pkg string, imports []string) {
	t.Helper()
	floor, family := place(pkg)
	if floor < 0 {
		t.Errorf("%s stands on no floor: give it one in ARCHITECTURE.md and in this test", pkg)
		return
	}
	for _, imp := range imports {
		switch f, fam := place(imp); {
		case strings.HasPrefix(imp, "rump/tests"):
			t.Errorf("%s imports %s: tests stand on everything, nothing stands on tests", pkg, imp)
		case strings.HasPrefix(imp, "rump/") && f < 0:
			t.Errorf("%s imports %s, which stands on no floor", pkg, imp)
		case strings.HasPrefix(imp, "rump/"):
			if f > floor || f == floor && fam != family && !slices.Contains(sideways[family], fam) {
				t.Errorf("%s imports %s: imports only fall, and a pillar never imports another", pkg, imp)
			}
		case strings.Contains(imp, "."):
			checkOutside(t, pkg, family, imp)
		}
	}
}

func checkOutside(t *testing.T, pkg, family, imp string) {
	t.Helper()
	for module, owner := range onlyImporter {
		if imp == module || strings.HasPrefix(imp, module+"/") {
			if !slices.Contains(strings.Fields(owner), family) {
				t.Errorf("%s imports %s, whose one importer is %s", pkg, imp, owner)
			}
			return
		}
	}
	t.Errorf("%s imports %s, which ARCHITECTURE.md does not list", pkg, imp)
}
