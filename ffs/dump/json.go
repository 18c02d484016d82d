package dump

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// JSON writes the same as Text, as one JSON object with a member for each part:
//
//	{"name": ..., "superblock": {...}, "summary": [...], "backups": [...], "journal": [...], "groups": [...], "inodes": [...]}
//
// Sizes and places are numbers in the units of the field, times are seconds. Maps are lists of ranges [first, last], only with Verbose. The
// object is written as the volume is read: after an error it is not complete.
func JSON(ctx context.Context, w io.Writer, dev blockdev.Device, o Options) error {
	d, err := open(ctx, dev, o)
	if err != nil {
		return err
	}
	out := &stream{w: bufio.NewWriterSize(w, 1<<16)}
	err = d.json(out)
	if e := out.w.Flush(); err == nil {
		err = e
	}
	return err
}

// A stream writes one object whose members may be long lists. An error of the writer is kept by it.
type stream struct {
	w       *bufio.Writer
	members int
	items   int // of the open list
}

func (s *stream) begin(name string) {
	sep := ","
	if s.members == 0 {
		sep = "{"
	}
	s.members++
	fmt.Fprintf(s.w, "%s\n  %q: ", sep, name)
}

func (s *stream) value(name string, v any) error {
	s.begin(name)
	return s.put(v, "  ")
}

func (s *stream) put(v any, indent string) error {
	b, err := json.MarshalIndent(v, indent, "  ")
	if err != nil {
		return err
	}
	_, err = s.w.Write(b)
	return err
}

// list writes a member that is a list, of what fill adds to it.
func (s *stream) list(name string, fill func() error) error {
	s.begin(name)
	s.items = 0
	s.w.WriteByte('[')
	if err := fill(); err != nil {
		return err
	}
	_, err := s.w.WriteString("\n  ]")
	return err
}

func (s *stream) add(v any) error {
	if s.items > 0 {
		s.w.WriteByte(',')
	}
	s.items++
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	s.w.WriteString("\n    ")
	_, err = s.w.Write(b)
	return err
}

func (s *stream) end() error {
	_, err := s.w.WriteString("\n}\n")
	return err
}

func (d *dumper) json(out *stream) error {
	if err := out.value("name", d.o.Name); err != nil {
		return err
	}
	if d.has(Super) {
		if err := out.value("superblock", d.superJSON(d.s, d.s.Location)); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		want Parts
		name string
		fill func() error
	}{
		{Summary, "summary", func() error { return d.summaryJSON(out) }},
		{Backups, "backups", func() error { return d.backupsJSON(out) }},
		{Journal, "journal", func() error { return d.journalJSON(out) }},
		{Groups, "groups", func() error { return d.groupsJSON(out) }},
		{Inodes, "inodes", func() error { return d.inodesJSON(out) }},
	} {
		if !d.has(part.want) {
			continue
		}
		if err := out.list(part.name, part.fill); err != nil {
			return err
		}
	}
	return out.end()
}

// superJSON is a superblock. Names are those of the historic fields without fs_.
type superJSON struct {
	Location int64     `json:"location"` // bytes
	Version  int       `json:"version"`  // 1 or 2
	Order    string    `json:"order"`    // "le" or "be"
	Level    int       `json:"level"`    // see dumpfs(8)
	OldForm  bool      `json:"old_layout,omitempty"`
	Apple    bool      `json:"apple,omitempty"`
	ExtAttr  bool      `json:"extended_attributes,omitempty"`
	Magic    uint32    `json:"magic"`
	Time     int64     `json:"time"`
	ID       [2]uint32 `json:"id"`
	Clean    uint8     `json:"clean"`

	countsJSON
	Size  ondisk.Frag `json:"size"`  // fragments
	DSize ondisk.Frag `json:"dsize"` // fragments
	Ncg   int32       `json:"ncg"`
	BSize int32       `json:"bsize"`
	FSize int32       `json:"fsize"`
	Fpg   int32       `json:"fpg"`
	Ipg   int32       `json:"ipg"`

	Sector      int64  `json:"sector"` // bytes
	MinFree     int32  `json:"minfree"`
	Optim       string `json:"optim"`
	MaxContig   int32  `json:"maxcontig"`
	MaxBPG      int32  `json:"maxbpg"`
	ContigSum   int32  `json:"contigsumsize"`
	MaxSymlink  int32  `json:"maxsymlinklen"`
	MaxFileSize int64  `json:"maxfilesize"` // bytes
	AvgFileSize int32  `json:"avgfilesize"`
	AvgFPDir    int32  `json:"avgfpdir"`

	SblkNo ondisk.Frag `json:"sblkno"`
	CblkNo ondisk.Frag `json:"cblkno"`
	IblkNo ondisk.Frag `json:"iblkno"`
	DblkNo ondisk.Frag `json:"dblkno"`
	SBSize int32       `json:"sbsize"`
	CgSize int32       `json:"cgsize"`
	CSAddr ondisk.Frag `json:"csaddr"`
	CSSize int32       `json:"cssize"`

	Flags      uint32       `json:"flags"`
	FlagNames  []string     `json:"flag_names"`
	Journal    *journalInfo `json:"wapbl,omitempty"`
	QuotaFiles []ondisk.Ino `json:"quota_files,omitempty"`
	Snapshots  []int32      `json:"snapshots,omitempty"`
	MountPoint string       `json:"fsmnt"`
	VolName    string       `json:"volname"`
}

// countsJSON counts what is free.
type countsJSON struct {
	FreeBlocks int64 `json:"nbfree"`
	Dirs       int64 `json:"ndir"`
	FreeInodes int64 `json:"nifree"`
	FreeFrags  int64 `json:"nffree"`
}

func countsOf(c ondisk.Summary) countsJSON {
	return countsJSON{int64(c.FreeBlocks), int64(c.Dirs), int64(c.FreeInodes), int64(c.FreeFrags)}
}

// journalInfo is where the write-ahead log is.
type journalInfo struct {
	Version  uint8  `json:"version"`
	Location string `json:"location"` // "end" or "file"
	Create   bool   `json:"create,omitempty"`
	Clear    bool   `json:"clear,omitempty"`
	Offset   uint64 `json:"offset"` // bytes
	Size     uint64 `json:"size"`   // bytes
	Block    uint64 `json:"block"`  // bytes
	Inode    uint64 `json:"inode,omitempty"`
}

func (d *dumper) superJSON(s *ondisk.Super, at int64) superJSON {
	t := s.Total
	return superJSON{
		Location: at, Version: s.Version, Order: s.Order.String(), Level: fsLevel(s), OldForm: s.OldLayout, Apple: d.s.Apple, ExtAttr: s.EAMagic,
		Magic: s.Rest().Magic, Time: s.Time, ID: [2]uint32{uint32(s.ID[0]), uint32(s.ID[1])}, Clean: s.Clean,
		countsJSON: countsJSON{t.FreeBlocks, t.Dirs, t.FreeInodes, t.FreeFrags},
		Size:       s.Size, DSize: s.DSize, Ncg: s.Ncg, BSize: s.BSize, FSize: s.FSize, Fpg: s.Fpg, Ipg: s.Ipg,
		Sector: d.sector(s), MinFree: s.MinFree, Optim: optim(s), MaxContig: s.MaxContig, MaxBPG: s.MaxBPG, ContigSum: s.ContigSum,
		MaxSymlink: s.MaxSymlink, MaxFileSize: s.MaxSize(), AvgFileSize: s.AvgFileSize, AvgFPDir: s.AvgFPDir,
		SblkNo: s.SblkNo, CblkNo: s.CblkNo, IblkNo: s.IblkNo, DblkNo: s.DblkNo, SBSize: s.SBSize, CgSize: s.CgSize, CSAddr: s.CSAddr, CSSize: s.CSSize,
		Flags: s.Flags, FlagNames: flagList(s), Journal: journalOf(s), QuotaFiles: quotaFiles(s), Snapshots: snapshots(s),
		MountPoint: s.MountPoint, VolName: s.VolName,
	}
}

// flagList is the flags by name, each with the meaning it has on this volume.
func flagList(s *ondisk.Super) []string {
	names := []string{}
	for _, f := range flagNames {
		name := f.name
		switch {
		case s.Flags&f.bit == 0:
			continue
		case f.bit == ondisk.FlagWAPBL && !s.HasWAPBL():
			name = "nfsv4 acls"
		case f.bit == ondisk.FlagQuota2 && s.HasCheckHash(0):
			name = "check hashes"
		}
		names = append(names, name)
	}
	if s.Flags&ondisk.FlagNFS4ACLs != 0 {
		names = append(names, "nfsv4 acls")
	}
	if u := s.UnknownFlags(); u != 0 {
		names = append(names, fmt.Sprintf("unknown %#x", u))
	}
	return names
}

func journalOf(s *ondisk.Super) *journalInfo {
	j, _, ok := s.FindJournal()
	if !ok || s.OldLayout {
		return nil
	}
	info := &journalInfo{
		Version: j.Version, Location: "file",
		Create: j.Flags&ondisk.JournalCreate != 0, Clear: j.Flags&ondisk.JournalClear != 0,
		Offset: j.Loc[0] * j.Loc[2], Size: j.Loc[1] * j.Loc[2], Block: j.Loc[2], Inode: j.Loc[3],
	}
	if j.Location == ondisk.JournalAtEnd {
		info.Location = "end"
	}
	if j.Loc[2] == 0 {
		info.Size = j.Loc[1] // wished for
	}
	return info
}

func quotaFiles(s *ondisk.Super) []ondisk.Ino {
	if !s.HasQuota2() {
		return nil
	}
	var files []ondisk.Ino
	for kind, ino := range s.QuotaFile {
		if s.QuotaFlags>>kind&1 != 0 {
			files = append(files, ino)
		}
	}
	return files
}

func snapshots(s *ondisk.Super) (list []int32) {
	for _, ino := range s.SnapInum {
		if ino != 0 {
			list = append(list, ino)
		}
	}
	return list
}
