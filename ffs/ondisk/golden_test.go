package ondisk_test

import (
	"bytes"
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rump/ffs/ondisk"
)

// dump is the text that the genuine dumpfs prints of a superblock.
type dump struct {
	tb   testing.TB
	name string
	text string
}

func (d dump) value(key string) string {
	d.tb.Helper()
	m := regexp.MustCompile(`(?m)(?:^|\t)` + key + `[ \t]+([^\t\n]*)`).FindStringSubmatch(d.text)
	if m == nil {
		d.tb.Errorf("%s: dumpfs prints no %s", d.name, key)
		return ""
	}
	return strings.TrimSpace(m[1])
}

func (d dump) is(key string, got int64) {
	d.tb.Helper()
	text := strings.TrimSuffix(d.value(key), "%")
	want, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		if v, err := strconv.ParseInt(text, 10, 64); err == nil {
			want = uint64(v)
		} else {
			d.tb.Errorf("%s: %s: %v", d.name, key, err)
		}
	}
	if uint64(got) != want {
		d.tb.Errorf("%s: %s: got %d, want %d", d.name, key, got, want)
	}
}

func (d dump) says(key, got string) {
	d.tb.Helper()
	if want := d.value(key); got != want {
		d.tb.Errorf("%s: %s: got %q, want %q", d.name, key, got, want)
	}
}

func TestSuperAgainstGenuineDumpfs(t *testing.T) {
	n := 0
	for _, name := range goldenNames(t, "*") {
		text, err := os.ReadFile(filepath.Join(imageDir, name+".dumpfs.txt"))
		if err != nil {
			continue // the state after a repair has no dump of its own
		}
		n++
		s := find(t, golden(t, name, ondisk.LocUFS2+ondisk.SuperArea))
		compareDump(dump{t, name, string(text)}, s)
	}
	if n < 10 {
		t.Errorf("only %d images have a dump", n)
	}
}

func compareDump(d dump, s *ondisk.Super) {
	d.tb.Helper()
	d.says("format", fmt.Sprintf("FFSv%d", s.Version))
	d.says("endian", map[bool]string{false: "little-endian", true: "big-endian"}[s.Order.IsBig()])
	d.says("magic", map[int]string{1: "11954", 2: "19540119"}[s.Version])
	d.is("superblock location", s.Location)
	d.says("time", time.Unix(s.Time, 0).UTC().Format("Mon Jan _2 15:04:05 2006"))
	d.says("id", fmt.Sprintf("[ %x %x ]", uint32(s.ID[0]), uint32(s.ID[1])))
	d.is("nbfree", s.Total.FreeBlocks)
	d.is("ndir", s.Total.Dirs)
	d.is("nifree", s.Total.FreeInodes)
	d.is("nffree", s.Total.FreeFrags)
	d.is("size", int64(s.Size))
	d.is("blocks", int64(s.DSize))
	for key, v := range map[string]int32{
		"ncg": s.Ncg, "bsize": s.BSize, "fsize": s.FSize, "frag": s.Frag, "shift": int32(s.BShift),
		"fsbtodb": s.FsbToDb, "fpg": s.Fpg, "ipg": s.Ipg, "minfree": s.MinFree, "maxcontig": s.MaxContig,
		"maxbpg": s.MaxBPG, "symlinklen": s.MaxSymlink, "contigsumsize": s.ContigSum, "nindir": s.Nindir, "inopb": s.Inopb,
		"avgfilesize": s.AvgFileSize, "avgfpdir": s.AvgFPDir, "sbsize": s.SBSize, "cgsize": s.CgSize, "cssize": s.CSSize,
		"sblkno": int32(s.SblkNo), "cblkno": int32(s.CblkNo), "iblkno": int32(s.IblkNo), "dblkno": int32(s.DblkNo),
		"csaddr": int32(s.CSAddr), "clean": int32(s.Clean),
	} {
		d.is(key, int64(v))
	}
	d.is("mask", int64(uint32(s.BMask)))
	d.is("maxfilesize", int64(s.MaxFileSize))
	d.says("optim", map[int32]string{ondisk.OptimTime: "time", ondisk.OptimSpace: "space"}[s.Optim])
	d.says("fsmnt", s.MountPoint)
	if s.OldLayout != strings.Contains(d.text, "sblock\tFFSv1") {
		d.tb.Errorf("%s: OldLayout = %v", d.name, s.OldLayout)
	}
	if s.OldInodes() != strings.Contains(d.text, "inodes\t4.2/4.3BSD") {
		d.tb.Errorf("%s: OldInodes = %v", d.name, s.OldInodes())
	}
	if s.OldLayout {
		for key, v := range map[string]int32{
			"ncyl": s.Old.NCyl, "cpg": s.Old.CPG, "rps": s.Old.RPS, "ntrak": s.Old.NTrak, "nsect": s.Old.NSect,
			"npsect": s.Old.NPSect, "spc": s.Old.SPC, "trackskew": s.Old.TrackSkew, "interleave": s.Old.Interleave,
			"nspf": s.Old.NSPF, "offset": s.Old.CgOffset,
		} {
			d.is(key, int64(v))
		}
	}
	flags := regexp.MustCompile(`(?m)^flags\t(.*)$`).FindString(d.text)
	if got, want := s.HasWAPBL(), strings.Contains(flags, "wapbl"); got != want {
		d.tb.Errorf("%s: HasWAPBL = %v, flags are %s", d.name, got, flags)
	}
	if got, want := s.HasQuota2(), strings.Contains(flags, "quotas"); got != want {
		d.tb.Errorf("%s: HasQuota2 = %v, flags are %s", d.name, got, flags)
	}
}

// TestSuperEncodesAsRead writes superblocks back: nothing may change but what a running kernel leaves in them.
func TestSuperEncodesAsRead(t *testing.T) {
	for _, name := range goldenNames(t, "*") {
		img := golden(t, name, ondisk.LocUFS2+ondisk.SuperArea)
		s := find(t, img)
		want := bytes.Clone(img[s.Location:][:ondisk.SuperArea])
		clear(want[728 : 728+128]) // pointers
		want[208], want[210] = 0, 0
		got := bytes.Clone(img[s.Location:][:ondisk.SuperArea])
		s.Encode(got)
		if i := diffAt(got, want); i >= 0 {
			t.Errorf("%s: byte %d: got %#x, want %#x", name, i, got[i], want[i])
		}
	}
}

// TestNewSuperEncodesAsNewfs makes the genuine superblock from its fields alone.
func TestNewSuperEncodesAsNewfs(t *testing.T) {
	for _, name := range []string{"tree-ufs0-le-4096-512", "tree-ufs0-be-8192-1024", "tree-ufs1-be-4096-512", "tree-ufs1-le-65536-8192",
		"tree-ufs2-le-4096-512", "tree-ufs2-be-65536-8192", "appleufs-be", "quota2-ufs1-be"} {
		img := golden(t, name, ondisk.LocUFS2+ondisk.SuperArea)
		s := find(t, img)
		want := bytes.Clone(img[s.Location:][:s.SBSize])
		clear(want[728 : 728+128])
		want[208], want[210] = 0, 0
		n := ondisk.NewSuper(s.Version, s.Order, s.BSize, s.FSize)
		if n.Location != s.Location || n.Inopb != s.Inopb || n.Nindir != s.Nindir || n.SBSize != s.SBSize || n.FsbToDb != s.FsbToDb ||
			!s.OldInodes() && !s.Apple && n.MaxFileSize != s.MaxFileSize {
			t.Errorf("%s: NewSuper derives %+v", name, n)
		}
		// The kernel does not keep the 32-bit time and totals of an updated layout.
		if !s.OldLayout && s.Version == 1 {
			n.Time, n.Total = s.Time, s.Total
			clear(want[32:36])
			clear(want[192:208])
		}
		if s.OldLayout {
			clear(want[1312:1316]) // not a field there; newfs leaves a mark of its own
		}
		s.Forget()
		got := make([]byte, s.SBSize)
		s.AvgFileSize, s.AvgFPDir = 16384, 64
		s.Encode(got)
		if !s.OldLayout && s.Version == 1 {
			clear(got[32:36])
			clear(got[192:208])
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: byte %d: got %#x, want %#x", name, i, got[i], want[i])
			}
		}
	}
}

// TestGroupsRebuild makes every cylinder group anew from what is free, and wants the genuine kernel's bytes.
func TestGroupsRebuild(t *testing.T) {
	names := []string{"tree-ufs0-be-8192-1024", "tree-ufs1-le-4096-4096", "tree-ufs2-be-4096-4096", "appleufs-le", "short-last-cg",
		"tree-ufs0-le-4096-512", "tree-ufs1-be-4096-512", "tree-ufs1-be-8192-4096", "tree-ufs2-le-4096-512", "tree-ufs2-le-16384-4096",
		"appleufs-be", "many-cg-ufs1", "many-cg-ufs2", "full-user-ufs1", "inodes-exhausted"}
	if testing.Short() {
		names = names[:5]
	}
	for _, name := range names {
		img := golden(t, name, 0)
		s := find(t, img)
		var total ondisk.Totals
		for c := range int(s.Ncg) {
			block := img[s.FragOffset(s.CgHeader(c)):][:s.BSize]
			g, err := s.GroupIn(c, block)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if err := g.CheckCounts(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			total.Add(g.Summary())
			if at := int64(s.CSAddr)<<s.FShift + int64(c)*ondisk.SummarySize; ondisk.DecodeSummary(s.Order, img[at:]) != g.Summary() {
				t.Errorf("%s: group %d: summary %v, in its area %v", name, c, g.Summary(), ondisk.DecodeSummary(s.Order, img[at:]))
			}
			got, want := remake(t, s, &g), bytes.Clone(block[:s.CgSize])
			clear(want[8:12]) // newfs leaves the 32-bit time of untouched groups 0
			if s.Version == 1 && !s.OldLayout {
				clear(want[168:174]) // the old tables of an updated layout are as newfs left them
			}
			if i := diffAt(got, want); i >= 0 {
				t.Errorf("%s: group %d: byte %d: got %#x, want %#x", name, c, i, got[i], want[i])
			}
		}
		if total != s.Total {
			t.Errorf("%s: groups have %+v, superblock %+v", name, total, s.Total)
		}
	}
}

// remake is a group with the same free inodes and fragments as g, made by the methods of Group alone.
func remake(t *testing.T, s *ondisk.Super, g *ondisk.Group) []byte {
	t.Helper()
	block := make([]byte, s.BSize)
	n, err := s.InitGroup(g.Index(), block)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int(s.Ipg) {
		if !g.InodeUsed(i) {
			n.FreeInode(i, false)
		}
	}
	for b := range g.Blocks() {
		if g.BlockFree(b) {
			n.FreeBlock(b)
		}
	}
	for f := range g.Frags() {
		if g.FragFree(f) && !n.FragFree(f) {
			n.FreeFrags(f, 1)
		}
	}
	sum := n.Summary()
	sum.Dirs = g.Summary().Dirs
	n.SetSummary(sum)
	n.SetRotor(g.Rotor())
	n.SetFragRotor(g.FragRotor())
	n.SetInodeRotor(g.InodeRotor())
	n.SetInitedInodes(g.InitedInodes())
	n.SetTime(g.Time())
	block = block[:s.CgSize]
	clear(block[8:12])
	if s.Version == 1 && !s.OldLayout {
		clear(block[168:174])
	}
	return block
}

// TestTreeAgainstManifest walks a whole file system by the views of this package and compares all that inodes and
// directories say with what the genuine kernel said.
func TestTreeAgainstManifest(t *testing.T) {
	names := []string{"tree-ufs0-le-4096-512", "tree-ufs0-be-8192-1024", "tree-ufs1-be-4096-512", "tree-ufs1-le-8192-1024",
		"tree-ufs2-le-4096-512", "tree-ufs2-be-8192-1024", "appleufs-be", "appleufs-le"}
	if testing.Short() {
		names = names[1:5]
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			img := golden(t, name, 0)
			w := &walker{t: t, img: img, s: find(t, img), owner: map[ondisk.Frag]ondisk.Ino{}}
			w.visit("/", ondisk.RootIno)
			slices.SortFunc(w.lines, func(a, b string) int { return cmp.Compare(a, b) })
			want := manifest(t, name)
			if len(w.lines) != len(want) {
				t.Errorf("%d names, want %d", len(w.lines), len(want))
			}
			for i := range min(len(w.lines), len(want)) {
				if w.lines[i] != want[i] {
					t.Fatalf("got  %s\nwant %s", w.lines[i], want[i])
				}
			}
			w.compareMaps()
		})
	}
}

// manifest is the genuine kernel's list: the columns that metadata alone gives.
func manifest(t *testing.T, name string) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(string(gunzip(t, filepath.Join(imageDir, name+".manifest.tsv.gz"), 0))) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		path, err := url.PathUnescape(f[0])
		if err != nil {
			t.Fatal(err)
		}
		if f[1] == "w" {
			lines = append(lines, path+" w")
			continue
		}
		extra, err := url.PathUnescape(f[10])
		if err != nil {
			t.Fatal(err)
		}
		// path type mode uid gid nlink size blocks mtime flags extra ino atime ctime birthtime
		keep := append([]string{path}, f[1:10]...)
		keep = append(keep, extra, f[12], f[13], f[14], f[15])
		lines = append(lines, strings.Join(keep, " "))
	}
	slices.Sort(lines)
	return lines
}

// walker reads a tree from an image in memory.
type walker struct {
	t     *testing.T
	img   []byte
	s     *ondisk.Super
	lines []string
	owner map[ondisk.Frag]ondisk.Ino // who has a fragment
}

func stamp(t ondisk.Time) string { return fmt.Sprintf("%d.%09d", t.Sec, t.Nsec) }

func (w *walker) visit(path string, ino ondisk.Ino) {
	s := w.s
	if !s.ValidIno(ino) {
		w.t.Fatalf("%s: inode %d", path, ino)
	}
	raw := w.img[s.FragOffset(s.InoToFrag(ino))+int64(s.InoInBlock(ino)):][:s.InodeSize()]
	var in ondisk.Inode
	ondisk.DecodeInode(s, raw, &in)
	back := bytes.Clone(raw)
	for i := range back[:s.InodeSize()-16] {
		back[i] = 0
	}
	if s.Version == 1 {
		clear(back)
		if s.OldInodes() {
			back = bytes.Clone(raw)
		}
	}
	ondisk.EncodeInode(s, &in, back)
	if i := diffAt(back, raw); i >= 0 {
		w.t.Errorf("inode %d encodes byte %d as %#x, want %#x", ino, i, back[i], raw[i])
	}
	content := w.content(ino, &in)

	kind, extra := "?", "-"
	switch in.Mode & ondisk.ModeType {
	case ondisk.ModeRegular:
		kind = "f"
	case ondisk.ModeDir:
		kind = "d"
	case ondisk.ModeSymlink:
		kind = "l"
		target, short := s.ShortLink(&in)
		if !short {
			target = content[:in.Size]
		}
		extra = string(target)
	case ondisk.ModeFIFO:
		kind = "p"
	case ondisk.ModeSocket:
		kind = "s"
	case ondisk.ModeChar, ondisk.ModeBlock:
		kind = map[uint16]string{ondisk.ModeChar: "c", ondisk.ModeBlock: "b"}[in.Mode&ondisk.ModeType]
		extra = fmt.Sprintf("%d,%d", in.Rdev>>8&0xfff, in.Rdev>>12&0xfff00|in.Rdev&0xff)
	}
	w.lines = append(w.lines, fmt.Sprintf("%s %s %04o %d %d %d %d %d %s %#x %s %d %s %s %s", path, kind, in.Mode&0o7777, in.UID, in.GID,
		in.Nlink, in.Size, in.Blocks, stamp(in.Mtime), in.Flags, extra, ino, stamp(in.Atime), stamp(in.Ctime), stamp(in.Birth)))
	if kind == "d" {
		w.directory(path, content, in.Size)
	}
}

func (w *walker) directory(path string, content []byte, size int64) {
	prefix := strings.TrimSuffix(path, "/") + "/"
	for at := 0; at < int(size); at += w.s.DirBlockSize() {
		d := w.s.DirBlockIn(content[at:])
		var e ondisk.Entry
		for off := 0; off < d.Len(); off += e.Len {
			var fault ondisk.DirFault
			if e, fault = d.At(off); fault != "" {
				w.t.Fatalf("%s: %v", path, d.Error(e, fault))
			}
			name := string(e.Name)
			switch {
			case e.Whited:
				w.lines = append(w.lines, prefix+name+" w")
			case e.Live() && name != "." && name != "..":
				w.visit(prefix+name, e.Ino)
			}
		}
	}
}

// content reads the data of directories and symbolic links, and of all files claims the space and counts it.
func (w *walker) content(ino ondisk.Ino, in *ondisk.Inode) []byte {
	var data []byte
	var frags int64
	claim := func(f ondisk.Frag, size int) {
		n := w.s.FragsOf(int64(size))
		if !w.s.ValidFrags(f, n) {
			w.t.Fatalf("inode %d: fragments %d+%d", ino, f, n)
		}
		for i := range ondisk.Frag(n) {
			if by, twice := w.owner[f+i]; twice && by != ino {
				w.t.Fatalf("fragment %d belongs to inodes %d and %d", f+i, by, ino)
			}
			w.owner[f+i] = ino
		}
		frags += int64(n)
	}
	keep := in.IsDir() || in.IsSymlink()
	leaf := func(lbn ondisk.Block, f ondisk.Frag) {
		size := w.s.BlockSizeOf(in.Size, lbn)
		claim(f, size)
		if keep {
			if want := w.s.BlockOffset(lbn); int64(len(data)) != want {
				w.t.Fatalf("inode %d: hole before block %d", ino, lbn)
			}
			data = append(data, w.img[w.s.FragOffset(f):][:size]...)
		}
	}
	for i, f := range in.DB {
		if f != 0 {
			leaf(ondisk.Block(i), f)
		}
	}
	var indirect func(level int, first ondisk.Block, f ondisk.Frag)
	indirect = func(level int, first ondisk.Block, f ondisk.Frag) {
		claim(f, int(w.s.BSize))
		d := w.s.IndirectIn(w.img[w.s.FragOffset(f):])
		for i := range d.Len() {
			f, lbn := d.Get(i), first+ondisk.Block(i)*w.s.IndirectSpan(level)
			switch {
			case f == 0:
			case level == 1:
				p, ok := w.s.PathTo(lbn)
				if !ok || p.Index[p.Level] != i {
					w.t.Fatalf("block %d: path %v, want it to end in %d", lbn, p, i)
				}
				leaf(lbn, f)
			default:
				indirect(level-1, lbn, f)
			}
		}
	}
	for i, f := range in.IB {
		if f != 0 {
			indirect(i+1, w.s.FirstIndirect(i+1), f)
		}
	}
	if got := frags * int64(w.s.FSize) / ondisk.SectorSize; got != in.Blocks {
		w.t.Errorf("inode %d: %d sectors by its pointers, it says %d", ino, got, in.Blocks)
	}
	return data
}

// compareMaps wants the free maps to be what the walk found.
func (w *walker) compareMaps() {
	s := w.s
	for c := range int(s.Ncg) {
		g, err := s.GroupIn(c, w.img[s.FragOffset(s.CgHeader(c)):])
		if err != nil {
			w.t.Fatal(err)
		}
		base := s.CgBase(c)
		for f := range g.Frags() {
			at := base + ondisk.Frag(f)
			_, used := w.owner[at]
			meta := at >= s.CgSuper(c) && at < s.CgData(c) || c == 0 && at < s.CSAddr+ondisk.Frag(s.CSSize/s.FSize)
			if g.FragFree(f) == (used || meta) {
				w.t.Fatalf("fragment %d: free %v, but used %v, metadata %v", at, g.FragFree(f), used, meta)
			}
		}
	}
}
