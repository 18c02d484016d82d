package disklabel_test

import (
	"slices"
	"strings"
	"testing"

	"rump/disklabel"
)

func TestParseSpec(t *testing.T) {
	tests := []struct {
		path, file string
		specs      []string
		err        string
	}{
		{path: "disk.img", file: "disk.img"},
		{path: "disk.img%DISKLABEL:e%", file: "disk.img", specs: []string{"DISKLABEL:e"}},
		{path: "disk.img%MBR:1%", file: "disk.img", specs: []string{"MBR:1"}},
		{path: "disk.img%DISKLABEL:e%CGD:usb.params%", file: "disk.img", specs: []string{"DISKLABEL:e", "CGD:usb.params"}},
		{path: "d%CGD:/a:b/c.params%DISKLABEL:a%", file: "d", specs: []string{"CGD:/a:b/c.params", "DISKLABEL:a"}},
		{path: "50%full.img%GPT:12%", file: "50%full.img", specs: []string{"GPT:12"}},
		{path: "/tmp/a%b%", file: "/tmp/a%b%"},
		{path: "100%", file: "100%"},
		{path: "%", file: "%"},
		{path: "", file: ""},
		{path: "%MBR:1%", file: "%MBR:1%"},
		{path: "d%MBR:1%MBR:2", file: "d%MBR:1%MBR:2"},
		{path: "d%DISKLABLE:a%", err: "%DISKLABLE:a%: unknown kind, known are DISKLABEL, MBR, GPT, CGD"},
		{path: "d%DISKLABEL:ab%", err: "one letter is wanted"},
		{path: "d%DISKLABEL:%", err: "one letter is wanted"},
		{path: "d%DISKLABEL:3%", err: "one letter is wanted"},
		{path: "d%MBR:0%", err: "a number from 1 is wanted"},
		{path: "d%GPT:99999999999999999999%", err: "a number from 1 is wanted"},
		{path: "d%CGD:%", err: "a parameters file is wanted"},
	}
	for _, tt := range tests {
		file, specs, err := disklabel.ParseSpec(tt.path)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.HasPrefix(err.Error(), tt.path) {
				t.Errorf("%s: got %v, want %s", tt.path, err, tt.err)
			}
			continue
		}
		var got []string
		for _, s := range specs {
			got = append(got, s.String())
		}
		if err != nil || file != tt.file || !slices.Equal(got, tt.specs) {
			t.Errorf("%s: got %q %v, %v; want %q %v", tt.path, file, got, err, tt.file, tt.specs)
		}
	}
}
