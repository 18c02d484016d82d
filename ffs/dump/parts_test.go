package dump_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"rump/ffs/dump"
	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// TestBackupsText shows every copy of the superblock; they differ from the primary in what newfs did after it wrote them.
func TestBackupsText(t *testing.T) {
	got := text(t, newfsDisk(t, "newfs-O1-4m", 4<<20), dump.Super|dump.Backups)
	for _, want := range []string{
		"location 8192\t(-b 16)\n", // with -a the primary's place is shown too
		"\nalternate 0\nformat\tFFSv1\nendian\tlittle-endian\nlocation 16384\t(-b 32)\n",
		"\nalternate 3\nformat\tFFSv1\nendian\tlittle-endian\nlocation 3162112\t(-b 6176)\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	dev := newfsDisk(t, "newfs-O2-4m", 4<<20)
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dev.WriteAt(make([]byte, 8192), s.FragOffset(s.CgSuper(1))); err != nil {
		t.Fatal(err)
	}
	if got := text(t, dev, dump.Backups); !strings.Contains(got, "\nalternate 1\nnot readable: superblock at") || !strings.Contains(got, "\nalternate 2\nformat") {
		t.Errorf("a lost copy is shown as\n%s", got)
	}
}

// TestInodesText counts the lines of inodes in use: as many as fsck counted, and more if all are asked for.
func TestInodesText(t *testing.T) {
	for _, c := range []struct {
		name  string
		files int
	}{{"tree-ufs1-le-8192-1024", 294}, {"tree-ufs2-be-8192-1024", 298}, {"tree-ufs0-be-8192-1024", 294}} {
		got := text(t, golden.Load(t, c.name), dump.Inodes)
		heads := strings.Count(got, "   inode:   mode  nlink")
		if lines := strings.Count(got, "\n") - heads - 1; lines != c.files || heads != 4 {
			t.Errorf("%s: %d inodes in %d groups, want %d in 4", c.name, lines, heads, c.files)
		}
		if want := "\n       2:  40755"; !strings.Contains(got, want) {
			t.Errorf("%s: no root directory", c.name)
		}
	}
	all := text(t, newfsDisk(t, "newfs-O1-4m", 4<<20), dump.Inodes|dump.Verbose)
	if lines := strings.Count(all, "\n") - 5; lines != 4*480 {
		t.Errorf("%d inodes of all, want %d", lines, 4*480)
	}
	// With the groups, each group's inodes stand behind its maps.
	both := text(t, newfsDisk(t, "newfs-O1-4m", 4<<20), dump.Inodes|dump.Groups)
	if a, b := strings.Index(both, "   inode:"), strings.Index(both, "cg 1:"); a < 0 || b < a {
		t.Errorf("inodes of group 0 at %d, group 1 at %d", a, b)
	}
}

// TestJournalText shows the logs that the genuine kernel left. In one that was killed, what is live must be whole.
func TestJournalText(t *testing.T) {
	for _, name := range golden.Names(t, "wapbl-kill-*", "wapbl-ufs1-*kill*") {
		if strings.Contains(name, ".") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			got := text(t, golden.Load(t, name), dump.Journal|dump.Verbose)
			if n := strings.Count(got, "  type header len 512  version 1\n"); n != 2 {
				t.Errorf("%d commit headers, want 2:\n%.600s", n, got)
			}
			kinds := map[any]int{}
			for _, r := range decode(t, golden.Load(t, name), dump.Journal)["journal"].([]any) {
				kinds[r.(map[string]any)["type"]]++
			}
			if kinds["header"] != 2 || kinds["blocks"] == 0 || kinds["inodes"] == 0 || len(kinds) > 4 {
				t.Errorf("records of the live part: %v", kinds)
			}
			if name == "wapbl-kill-wrap" {
				return // its live part goes round the end, where the walk by place begins in the middle of a record
			}
			if !strings.Contains(got, "  type blocks len ") || !strings.Contains(got, "  type inodes len 512") {
				t.Errorf("no records:\n%.600s", got)
			}
			if strings.Contains(got, "CORRUPTED") {
				t.Errorf("a corrupted record:\n%.2000s", got)
			}
		})
	}
	if got := text(t, golden.Load(t, "tree-ufs2-le-8192-1024"), dump.Journal); got != "file system: /rdk\n" {
		t.Errorf("a volume without a log shows %q", got)
	}
}

// TestRotationText shows the tables of a 4.3BSD volume, which no golden image has: the superblock of the test gets them.
func TestRotationText(t *testing.T) {
	dev := newfsDisk(t, "newfs-O0-4m", 4<<20)
	b := make([]byte, ondisk.SuperArea)
	if _, err := dev.ReadAt(b, ondisk.LocUFS1); err != nil {
		t.Fatal(err)
	}
	s, err := ondisk.DecodeSuper(b, ondisk.LocUFS1)
	if err != nil {
		t.Fatal(err)
	}
	o := s.Order
	o.PutUint32(b[856:], 1)     // fs_old_cpc
	o.PutUint32(b[1360:], 2)    // fs_old_nrpos
	o.PutUint32(b[1364:], 860)  // fs_old_postbloff
	o.PutUint32(b[1368:], 1376) // fs_old_rotbloff
	o.PutUint16(b[860:], 0)
	o.PutUint16(b[862:], 0xffff)
	copy(b[1376:], []byte{3, 0, 0, 4})
	if _, err := dev.WriteAt(b, ondisk.LocUFS1); err != nil {
		t.Fatal(err)
	}
	want := "blocks available in each of 2 rotational positions\ncylinder number 0:\n   position 0:\t    0    3    7\n"
	if got := text(t, dev, dump.Super|dump.Verbose); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant at its end\n%s", got, want)
	}
}

// decode reads what JSON writes.
func decode(tb testing.TB, dev blockdev.Device, parts dump.Parts) map[string]any {
	tb.Helper()
	var out bytes.Buffer
	if err := dump.JSON(context.Background(), &out, dev, dump.Options{Name: "x", Parts: parts}); err != nil {
		tb.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		tb.Fatalf("%v in\n%.400s", err, out.String())
	}
	return v
}

const everything = dump.Default | dump.Backups | dump.Journal | dump.Inodes

// TestJSON checks that the object is one, has all parts, and that its numbers are those of the volume.
func TestJSON(t *testing.T) {
	for _, name := range []string{"tree-ufs1-be-8192-1024", "tree-ufs2-le-16384-2048", "tree-ufs0-le-4096-512", "wapbl-kill-hdr", "quota2-ufs2", "snapshot-ufs2", "appleufs-be"} {
		t.Run(name, func(t *testing.T) {
			dev := golden.Load(t, name)
			s, _, err := ondisk.FindSuper(dev, dev.Size())
			if err != nil {
				t.Fatal(err)
			}
			v := decode(t, dev, everything&^dump.Verbose)
			sup := v["superblock"].(map[string]any)
			for field, want := range map[string]int64{
				"size": int64(s.Size), "ncg": int64(s.Ncg), "nbfree": s.Total.FreeBlocks, "ndir": s.Total.Dirs, "time": s.Time, "csaddr": int64(s.CSAddr),
			} {
				if got := int64(sup[field].(float64)); got != want {
					t.Errorf("%s is %d, want %d", field, got, want)
				}
			}
			for part, want := range map[string]int{"summary": int(s.Ncg), "groups": int(s.Ncg), "backups": int(s.Ncg), "inodes": int(s.MaxIno()) - 2 - int(s.Total.FreeInodes)} {
				if got := len(v[part].([]any)); got != want {
					t.Errorf("%d %s, want %d", got, part, want)
				}
			}
			if _, ok := sup["wapbl"]; ok != (name == "wapbl-kill-hdr") {
				t.Errorf("wapbl: %v", sup["wapbl"])
			}
			if _, ok := sup["quota_files"]; ok != (name == "quota2-ufs2") {
				t.Errorf("quota_files: %v", sup["quota_files"])
			}
		})
	}
}

// TestCorrupt shows volumes whose bytes were changed at random: no panic, no endless output, and JSON stays JSON.
func TestCorrupt(t *testing.T) {
	names := []string{"tree-ufs1-be-4096-512", "tree-ufs0-le-4096-512", "wapbl-kill-wrap", "appleufs-le"}
	rounds := 12
	if testing.Short() {
		rounds = 2
	}
	for _, name := range names {
		whole := golden.Load(t, name)
		for round := range rounds {
			seed := uint64(round)
			rng := rand.New(rand.NewPCG(seed, 7))
			dev := whole.Snapshot()
			damage(t, dev, rng)
			var out limited
			o := dump.Options{Name: "x", Parts: everything}
			err := dump.Text(context.Background(), &out, dev, o)
			var lost *ondisk.NotFoundError
			if err != nil && !errors.As(err, &lost) {
				t.Logf("%s, seed %d: %v", name, seed, err)
			}
			var b bytes.Buffer
			if err := dump.JSON(context.Background(), &b, dev, o); err == nil && !json.Valid(b.Bytes()) {
				t.Errorf("%s, seed %d: not JSON", name, seed)
			}
		}
	}
}

// limited fails the test's dump once it has written more than any volume here can fill.
type limited int64

func (l *limited) Write(p []byte) (int, error) {
	if *l += limited(len(p)); *l > 64<<20 {
		return 0, errors.New("too much text")
	}
	return len(p), nil
}

// damage changes numbers in the superblock, behind what is checked there, in group headers and in the log.
func damage(tb testing.TB, dev blockdev.Device, rng *rand.Rand) {
	tb.Helper()
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		tb.Fatal(err)
	}
	places := []int64{s.Location + 128, s.Location + 856, s.Location + 864, s.Location + 1312, s.Location + 1356}
	for cg := range int(s.Ncg) {
		places = append(places, s.FragOffset(s.CgHeader(cg)), s.FragOffset(s.CgSuper(cg))+1100)
	}
	if j, _, ok := s.FindJournal(); ok && j.Loc[2] > 0 {
		places = append(places, int64(j.Loc[0]*j.Loc[2]), int64(j.Loc[0]*j.Loc[2])+1024)
	}
	sector := make([]byte, 512)
	for range 4 {
		at := places[rng.IntN(len(places))] + int64(rng.IntN(128))
		off := at &^ 511
		if _, err := dev.ReadAt(sector, off); err != nil {
			tb.Fatal(err)
		}
		for range 1 + rng.IntN(8) {
			sector[(int(at-off)+rng.IntN(8))%512] = byte(rng.Uint32())
		}
		if _, err := dev.WriteAt(sector, off); err != nil {
			tb.Fatal(err)
		}
	}
}

// TestDamagedGroup shows what is left of a group whose maps cannot be found.
func TestDamagedGroup(t *testing.T) {
	dev := newfsDisk(t, "newfs-O2-4m", 4<<20)
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dev.WriteAt(make([]byte, 512), s.FragOffset(s.CgHeader(1))); err != nil {
		t.Fatal(err)
	}
	got := text(t, dev, dump.Groups)
	if !strings.Contains(got, "cg 1:\nmagic\t0\t") || !strings.Contains(got, "maps not readable: cylinder group 1: magic number 0") || !strings.Contains(got, "cg 2:\nmagic\t90255\t") {
		t.Errorf("got\n%s", got)
	}
	g := decode(t, dev, dump.Groups)["groups"].([]any)[1].(map[string]any)
	if !strings.Contains(fmt.Sprint(g["error"]), "magic number") {
		t.Errorf("JSON of the group: %v", g)
	}
}

// TestCancel stops in the middle.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dev := newfsDisk(t, "newfs-O2-4m", 4<<20)
	if err := dump.Text(ctx, io.Discard, dev, dump.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := dump.Text(context.Background(), io.Discard, blockdev.NewMemory(1<<20), dump.Options{}); err == nil {
		t.Error("no error for an empty disk")
	}
}

// TestHuge describes a volume of 2 TiB: little memory, whatever its size.
func TestHuge(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a volume of 2 TiB")
	}
	dev := blockdev.NewMemory(2 << 40)
	if _, err := mkfs.Newfs(context.Background(), dev, mkfs.Options{Version: 2, BlockSize: 65536, FragSize: 8192, Density: 1 << 20, Now: time.Unix(1, 0)}); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, show := range []func(context.Context, io.Writer, blockdev.Device, dump.Options) error{dump.Text, dump.JSON} {
		if err := show(context.Background(), io.Discard, dev, dump.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("%d bytes are still in use", grown)
	}
}
