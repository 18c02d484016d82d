package netbsd

// Commands of modctl(2).
const (
	MODCTL_LOAD   = 0
	MODCTL_UNLOAD = 1
	MODCTL_STAT   = 2
	MODCTL_EXISTS = 3
)

// A ModuleClass says what kind of thing a module is.
type ModuleClass uint32

// The classes.
const (
	ModuleAny ModuleClass = iota
	ModuleMisc
	ModuleVFS
	ModuleDriver
	ModuleExec
	ModuleSecmodel
)

// String is the class as modstat(8) prints it.
func (c ModuleClass) String() string {
	switch c {
	case ModuleAny:
		return "any"
	case ModuleMisc:
		return "misc"
	case ModuleVFS:
		return "vfs"
	case ModuleDriver:
		return "driver"
	case ModuleExec:
		return "exec"
	case ModuleSecmodel:
		return "secmodel"
	}
	return "UNKNOWN"
}

// ModstatSize is the size of a Modstat, bytes.
const ModstatSize = 392

// A Modstat describes one module (struct modstat).
type Modstat struct {
	Name     string // at most 31 bytes
	Required string // names of others, with commas between; at most 319 bytes
	Address  uint64
	Source   uint32 // 0: part of the kernel
	Class    ModuleClass
	Size     uint32
	Refs     uint32
	Flags    uint32
}

// Offsets in struct modstat.
const (
	offModName     = 0
	offModRequired = 32
	offModAddr     = 352
	offModSource   = 360
	offModClass    = 364
	offModSize     = 368
	offModRefs     = 372
	offModFlags    = 376
)

// Encode writes it to ModstatSize bytes, which are zeros.
func (m *Modstat) Encode(b []byte) {
	putString(b[offModName:offModRequired], m.Name)
	putString(b[offModRequired:offModAddr], m.Required)
	le.PutUint64(b[offModAddr:], m.Address)
	le.PutUint32(b[offModSource:], m.Source)
	le.PutUint32(b[offModClass:], uint32(m.Class))
	le.PutUint32(b[offModSize:], m.Size)
	le.PutUint32(b[offModRefs:], m.Refs)
	le.PutUint32(b[offModFlags:], m.Flags)
}

// Decode reads it from ModstatSize bytes.
func (m *Modstat) Decode(b []byte) {
	*m = Modstat{
		Name:     getString(b[offModName:offModRequired]),
		Required: getString(b[offModRequired:offModAddr]),
		Address:  le.Uint64(b[offModAddr:]),
		Source:   le.Uint32(b[offModSource:]),
		Class:    ModuleClass(le.Uint32(b[offModClass:])),
		Size:     le.Uint32(b[offModSize:]),
		Refs:     le.Uint32(b[offModRefs:]),
		Flags:    le.Uint32(b[offModFlags:]),
	}
}
