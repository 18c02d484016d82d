package main

import (
	"os"
	"strings"
	"testing"
)

// sysctlLines takes the output of sysctl -a apart: names and values.
func sysctlLines(out string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if name, value, ok := strings.Cut(line, " = "); ok && !strings.Contains(name, ":") {
			m[name] = value
		} else if name, value, ok := strings.Cut(line, ": "); ok {
			m[name] = value
		}
	}
	return m
}

// TestSysctlAll compares all settings with those of a genuine server that had the same components of file systems.
func TestSysctlAll(t *testing.T) {
	vars := startServer(t, "-lrumpvfs", "-lrumpfs_ffs", "-lrumpdev", "-lrumpdev_disk", "-lrumpdev_rnd")
	code, out, stderr := invoke(vars, "rump.sysctl", "-a")
	if code != 0 || stderr != "" {
		t.Fatalf("status %d, %s", code, stderr)
	}
	golden, err := os.ReadFile("testdata/sysctl-a.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, want := sysctlLines(out), sysctlLines(string(golden))
	changes := map[string]bool{ // from run to run
		"kern.hostname": true, "kern.urandom": true, "kern.arandom": true, "kern.hardclock_ticks": true, "kern.uidinfo.proccnt": true, "kern.uidinfo.lwpcnt": true,
	}
	// What the genuine kernel had besides: the network, semaphores, firmware, and caches that are not here.
	absent := []string{"net.", "kern.mbuf.", "kern.sbmax", "kern.somaxkva", "kern.posix.", "kern.detachall", "hw.firmware.", "vfs.generic.dirhash.", "vfs.wapbl.", "vfs.ufs."}
	for name, w := range want {
		g, ok := got[name]
		switch {
		case !ok:
			missing := true
			for _, prefix := range absent {
				missing = missing && !strings.HasPrefix(name, prefix)
			}
			if missing {
				t.Errorf("%s is missing", name)
			}
		case g != w && !changes[name]:
			t.Errorf("%s is %q, want %q", name, g, w)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is not in the genuine list", name)
		}
	}
	if first := "kern.ostype = NetBSD\nkern.osrelease = 7.99.34\nkern.osrevision = 799003400\nkern.version = NetBSD 7.99.34 (RUMP-ROAST)\n\nkern.hostname = rump-"; !strings.HasPrefix(out, first) {
		t.Errorf("it begins with %.160q", out)
	}
}

// TestSysctl asks in all ways.
func TestSysctl(t *testing.T) {
	vars := startServer(t, "-lrumpvfs")
	for _, c := range []struct {
		args   string
		code   int
		stdout string
		stderr string
	}{
		{"kern.ostype", 0, "kern.ostype = NetBSD\n", ""},
		{"kern/ostype", 0, "kern.ostype = NetBSD\n", ""},
		{"1.1", 0, "kern.ostype = NetBSD\n", ""},
		{"-n kern.ostype hw.machine", 0, "NetBSD\namd64\n", ""},
		{"-e kern.ostype", 0, "kern.ostype=NetBSD\n", ""},
		{"-r kern.ostype", 0, "NetBSD\x00", ""},
		{"-x hw.byteorder", 0, "hw.byteorder = 0x000004d2\n", ""},
		{"-xx hw.byteorder", 0, "hw.byteorder = d2 04 00 00\n", ""},
		{"-d kern.ostype", 0, "kern.ostype: Operating system type\n", ""},
		{"kern.clockrate", 0, "kern.clockrate: tick = 10000, tickadj = 40, hz = 100, profhz = 1, stathz = 1\n", ""},
		{"-M kern.hostname", 0, "kern.hostname (1.10): CTLTYPE_STRING, size 256, flags 0x270<READWRITE,PERMANENT>\n", ""},
		{"security", 0, "security.models.suser.name = Traditional NetBSD: Superuser\n", ""},
		{"user.line_max", 0, "user.line_max = 2048\n", ""},
		{"proc.curproc.rlimit.descriptors", 0, "proc.curproc.rlimit.descriptors.soft = 128\nproc.curproc.rlimit.descriptors.hard = 1772\n", ""},
		{"-w kern.domainname=home", 0, "kern.domainname:  -> home\n", ""},
		{"kern.domainname=there", 0, "kern.domainname: home -> there\n", ""},
		{"-q -w kern.domainname=", 0, "", ""},
		{"-n -w kern.pipe.maxbigpipes=0x10", 0, "16\n", ""},
		{"-w proc.curproc.rlimit.cputime.soft=5", 0, "proc.curproc.rlimit.cputime.soft: unlimited -> 5\n", ""},
		{"nosuch.thing?=1", 0, "", ""},
		{"nosuch.thing", 1, "", "rump.sysctl: top level name 'nosuch' in 'nosuch.thing' is invalid\n"},
		{"kern.nosuch", 1, "", "rump.sysctl: second level name 'nosuch' in 'kern.nosuch' is invalid\n"},
		{"kern.ostype.x", 1, "", "rump.sysctl: third level name 'x' in 'kern.ostype.x' is invalid\n"},
		{"-q kern.nosuch", 1, "", ""},
		{"-w kern.ostype=Other", 1, "", "rump.sysctl: kern.ostype: Operation not permitted\n"},
		{"-w kern.pipe.maxbigpipes=many", 1, "", "rump.sysctl: kern.pipe.maxbigpipes: \"many\" is no number of 32 bits\n"},
		{"-w kern.hostname", 1, "", "rump.sysctl: kern.hostname: no new value is given\n"},
		{"", 1, "", "rump.sysctl: a name is wanted, or -a for everything\n"},
		{"kern.nosuch kern.ostype vfs.nosuch", 1, "kern.ostype = NetBSD\n",
			"rump.sysctl: second level name 'nosuch' in 'kern.nosuch' is invalid\nrump.sysctl: second level name 'nosuch' in 'vfs.nosuch' is invalid\n"},
	} {
		code, stdout, stderr := invoke(vars, append([]string{"rump.sysctl"}, strings.Fields(c.args)...)...)
		if code != c.code || stdout != c.stdout || stderr != c.stderr {
			t.Errorf("rump.sysctl %s: status %d, %q, %q, want %d, %q, %q", c.args, code, stdout, stderr, c.code, c.stdout, c.stderr)
		}
	}
	if code, _, stderr := invoke(nil, "rump.sysctl", "kern.ostype"); code != 1 || !strings.Contains(stderr, "RUMP_SERVER not set") {
		t.Errorf("without RUMP_SERVER: status %d, %q", code, stderr)
	}
	if _, out, _ := invoke(vars, "rump.sysctl", "-M"); !strings.Contains(out, "kern (1): CTLTYPE_NODE") || !strings.Contains(out, "hw.ncpu (6.3): CTLTYPE_INT") {
		t.Errorf("the tree: %.300q", out)
	}
	if _, out, _ := invoke(vars, "rump.sysctl", "-a", "-d"); !strings.Contains(out, "hw.ncpu: Number of CPUs configured\n") {
		t.Errorf("descriptions: %.300q", out)
	}
}
