package dump

import (
	"rump/ffs/ondisk"
)

// groupCounts is the counts of one group in the summary area.
type groupCounts struct {
	Group int `json:"cg"`
	countsJSON
}

func (d *dumper) summaryJSON(out *stream) error {
	var failed error
	err := d.eachSummary(func(cg int, sum ondisk.Summary) {
		if e := out.add(groupCounts{cg, countsOf(sum)}); failed == nil {
			failed = e
		}
	})
	if err == nil {
		err = failed
	}
	return err
}

// backupJSON is the copy of the superblock in one group.
type backupJSON struct {
	Group  int        `json:"cg"`
	Offset int64      `json:"offset"` // bytes
	Error  string     `json:"error,omitempty"`
	Super  *superJSON `json:"superblock,omitempty"`
}

func (d *dumper) backupsJSON(out *stream) error {
	for cg := range int(d.s.Ncg) {
		at := d.s.FragOffset(d.s.CgSuper(cg))
		b := backupJSON{Group: cg, Offset: at}
		if s, err := ondisk.ReadBackup(d.dev, d.dev.Size(), at); err != nil {
			b.Error = err.Error()
		} else {
			sup := d.superJSON(s, at)
			b.Super = &sup
		}
		if err := out.add(b); err != nil {
			return err
		}
		if err := d.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// recordJSON is a record of the log, or a commit header.
type recordJSON struct {
	Offset int64  `json:"offset"` // bytes from the beginning of the log
	Type   string `json:"type"`
	Len    int32  `json:"len"`

	Generation *uint32 `json:"generation,omitempty"`
	Head       int64   `json:"head,omitempty"`
	Tail       int64   `json:"tail,omitempty"`

	Count  uint32     `json:"count,omitempty"`
	Clear  bool       `json:"clear,omitempty"`
	Blocks [][2]int64 `json:"blocks,omitempty"` // byte offset in the volume, bytes
	Inodes [][2]int64 `json:"inodes,omitempty"` // number, mode
}

func (d *dumper) journalJSON(out *stream) error {
	var failed error
	err := d.eachLive(func(at int64, r record) {
		if r.kind() == 0 {
			return
		}
		j := recordJSON{Offset: at, Type: kindName(r.kind()), Len: r.length()}
		switch r.kind() {
		case recHeader:
			g := r.generation()
			j.Generation = &g
			j.Head, j.Tail = r.live()
		case recBlocks, recRevocations:
			j.Count = r.u32(offRecCount)
			for i := 0; d.has(Verbose) && i < r.entries(blockEntry); i++ {
				at := r.entry(i, blockEntry)
				j.Blocks = append(j.Blocks, [2]int64{r.i64(at) * ondisk.SectorSize, int64(int32(r.u32(at + offDlen)))})
			}
		case recInodes:
			j.Count, j.Clear = r.u32(offRecCount), r.u32(offRecClear) != 0
			for i := 0; d.has(Verbose) && i < r.entries(inodeEntry); i++ {
				at := r.entry(i, inodeEntry)
				j.Inodes = append(j.Inodes, [2]int64{int64(r.u32(at)), int64(r.u32(at + 4))})
			}
		}
		if e := out.add(j); failed == nil {
			failed = e
		}
	})
	if err == nil {
		err = failed
	}
	return err
}

// groupJSON is a cylinder group.
type groupJSON struct {
	Group  int    `json:"cg"`
	Offset int64  `json:"offset"` // of its header, bytes
	Error  string `json:"error,omitempty"`
	Magic  uint32 `json:"magic"`
	Time   int64  `json:"time"`
	Frags  int32  `json:"ndblk"`
	Inited *int32 `json:"initediblk,omitempty"`
	countsJSON
	Rotor    int32   `json:"rotor"`
	Irotor   int32   `json:"irotor"`
	Frotor   int32   `json:"frotor"`
	FragSum  []int32 `json:"frsum"`                // runs of 1, 2 ... free fragments
	Clusters []int32 `json:"clustersum,omitempty"` // runs of 1, 2 ... free blocks

	UsedInodes [][2]int `json:"iused,omitempty"`
	FreeFrag   [][2]int `json:"free,omitempty"`
}

func (d *dumper) groupsJSON(out *stream) error {
	for cg := range int(d.s.Ncg) {
		g, err := d.groupJSON(cg)
		if err != nil {
			return err
		}
		if err := out.add(g); err != nil {
			return err
		}
		if err := d.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (d *dumper) groupJSON(cg int) (groupJSON, error) {
	s := d.s
	block, err := d.group(cg)
	if err != nil {
		return groupJSON{}, err
	}
	h := s.DecodeGroupHeader(block)
	j := groupJSON{
		Group: cg, Offset: s.FragOffset(s.CgHeader(cg)), Magic: h.Magic, Time: h.Time, Frags: h.Ndblk,
		countsJSON: countsOf(h.Sum), Rotor: h.Rotor, Irotor: h.Irotor, Frotor: h.Frotor, FragSum: h.FragSum[1:s.Frag],
	}
	if s.OldLayout {
		j.Time = int64(h.OldTime)
	}
	if s.Version == 2 {
		j.Inited = &h.Inited
	}
	g, err := s.GroupIn(cg, block)
	if err != nil {
		j.Error = err.Error()
		return j, nil
	}
	for n := 1; g.HasClusters() && n <= int(s.ContigSum); n++ {
		j.Clusters = append(j.Clusters, g.ClusterSum(n))
	}
	if d.has(Verbose) {
		j.UsedInodes = ranges(g.InodeMap(), int(s.Ipg))
		j.FreeFrag = ranges(g.FreeMap(), g.Frags())
	}
	return j, nil
}

func ranges(m []byte, n int) (list [][2]int) {
	for lo, hi := range setBits(m, n) {
		list = append(list, [2]int{lo, hi - 1})
	}
	return list
}

// inodeJSON is an inode.
type inodeJSON struct {
	Ino    ondisk.Ino `json:"ino"`
	Mode   uint16     `json:"mode"`
	Nlink  int16      `json:"nlink"`
	Size   int64      `json:"size"`
	Blocks int64      `json:"blocks"` // of 512 bytes
	UID    uint32     `json:"uid"`
	GID    uint32     `json:"gid"`
	Flags  uint32     `json:"flags"`
	Gen    uint32     `json:"gen"`
	Atime  [2]int64   `json:"atime"` // seconds, nanoseconds
	Mtime  [2]int64   `json:"mtime"`
	Ctime  [2]int64   `json:"ctime"`
	Birth  *[2]int64  `json:"birthtime,omitempty"`

	DB      []ondisk.Frag `json:"db,omitempty"` // up to the last that is not 0
	IB      []ondisk.Frag `json:"ib,omitempty"`
	Target  string        `json:"target,omitempty"` // of a symbolic link, if it is in the inode
	Rdev    *uint64       `json:"rdev,omitempty"`
	ExtSize uint32        `json:"extsize,omitempty"`
	ExtB    []ondisk.Frag `json:"extb,omitempty"`
}

func (d *dumper) inodesJSON(out *stream) error {
	var failed error
	for cg := range int(d.s.Ncg) {
		err := d.eachInode(cg, func(ino ondisk.Ino, in *ondisk.Inode) {
			if failed != nil || in.Mode == 0 && in.Nlink == 0 && !d.has(Verbose) {
				return
			}
			failed = out.add(d.inodeJSON(ino, in))
		})
		if err != nil {
			return err
		}
	}
	return failed
}

func (d *dumper) inodeJSON(ino ondisk.Ino, in *ondisk.Inode) inodeJSON {
	pair := func(t ondisk.Time) [2]int64 { return [2]int64{t.Sec, int64(t.Nsec)} }
	j := inodeJSON{
		Ino: ino, Mode: in.Mode, Nlink: in.Nlink, Size: in.Size, Blocks: in.Blocks, UID: in.UID, GID: in.GID, Flags: in.Flags, Gen: in.Gen,
		Atime: pair(in.Atime), Mtime: pair(in.Mtime), Ctime: pair(in.Ctime),
		DB: used(in.DB[:]), IB: used(in.IB[:]), ExtSize: in.ExtSize, ExtB: used(in.ExtB[:]),
	}
	if d.s.Version == 2 {
		b := pair(in.Birth)
		j.Birth = &b
	}
	if in.IsDevice() {
		j.Rdev = &in.Rdev
	}
	if target, ok := d.s.ShortLink(in); ok {
		j.Target = string(target)
	}
	return j
}

// used is a list of pointers without the zeros at its end.
func used(p []ondisk.Frag) []ondisk.Frag {
	for len(p) > 0 && p[len(p)-1] == 0 {
		p = p[:len(p)-1]
	}
	return p
}
