package netbsd_test

import (
	"bufio"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"strconv"
	"strings"
	"testing"

	"rump/netbsd"
)

// rows reads a table of the genuine system: columns apart by tabs, comments after #.
func rows(t *testing.T, name string) [][]string {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out [][]string
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := s.Text(); !strings.HasPrefix(line, "#") {
			out = append(out, strings.Split(line, "\t"))
		}
	}
	return out
}

// constants evaluates every constant of the package.
func constants(t *testing.T) map[string]constant.Value {
	t.Helper()
	fset := token.NewFileSet()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			f, err := parser.ParseFile(fset, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
	}
	conf := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	pkg, err := conf.Check("netbsd", fset, files, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]constant.Value{}
	for _, name := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok {
			out[name] = constant.ToInt(c.Val())
		}
	}
	return out
}

// TestConstants compares every constant that has a historic name with the value that a C compiler found.
func TestConstants(t *testing.T) {
	want := map[string]string{}
	for _, row := range rows(t, "constants.tsv") {
		want[strings.TrimPrefix(row[0], "_")] = row[1]
	}
	for _, row := range rows(t, "ioctls.tsv") {
		want[row[0]] = row[1]
	}
	for _, row := range rows(t, "errnos.tsv") {
		want[row[0]] = row[1]
	}
	for _, row := range rows(t, "syscalls.tsv") {
		want["SYS_"+strings.ToUpper(row[1])] = row[0]
	}
	got, compared := constants(t), 0
	for name, v := range got {
		text, ok := want[name]
		if !ok || v.Kind() != constant.Int {
			continue
		}
		compared++
		n, err := strconv.ParseUint(text, 0, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		have, exact := constant.Uint64Val(v)
		if !exact {
			i, _ := constant.Int64Val(v)
			have = uint64(i)
		}
		if have != n {
			t.Errorf("%s = %#x, want %#x", name, have, n)
		}
	}
	if compared < 500 {
		t.Errorf("only %d constants were compared", compared)
	}
}

// TestCalls compares the argument blocks with the genuine table.
func TestCalls(t *testing.T) {
	known := map[int]bool{}
	for _, row := range rows(t, "syscalls.tsv") {
		n, _ := strconv.Atoi(row[0])
		known[n] = true
		c, ok := netbsd.CallOf(n)
		if size := strconv.Itoa(c.Args); !ok || c.Name != row[1] || size != row[4] {
			t.Errorf("call %d is %q with %s bytes, want %q with %s", n, c.Name, size, row[1], row[4])
		}
	}
	for _, n := range []int{-1, netbsd.MaxCalls, 1 << 30} {
		if _, ok := netbsd.CallOf(n); ok {
			t.Errorf("there is a call %d", n)
		}
	}
	for n := range netbsd.MaxCalls {
		if _, ok := netbsd.CallOf(n); ok != known[n] {
			t.Errorf("call %d: known is %v, want %v", n, ok, known[n])
		}
	}
}

// TestIoctls takes every code apart.
func TestIoctls(t *testing.T) {
	for _, row := range rows(t, "ioctls.tsv") {
		v, err := strconv.ParseUint(row[1], 0, 32)
		if err != nil {
			t.Fatal(err)
		}
		c := netbsd.Ioctl(v)
		dir := "VOID"
		switch {
		case c.In() && c.Out():
			dir = "INOUT"
		case c.In():
			dir = "IN"
		case c.Out():
			dir = "OUT"
		}
		if dir != row[2] || strconv.Itoa(c.Size()) != row[3] {
			t.Errorf("%s is %s of %d bytes, want %s of %s", row[0], dir, c.Size(), row[2], row[3])
		}
	}
}
