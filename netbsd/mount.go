package netbsd

// UFSArgsSize is the size of the argument of a mount of a disk file system (struct ufs_args): a pointer to the device's name.
const UFSArgsSize = 8

// TmpfsArgsSize is the size of TmpfsArgs, bytes; TmpfsArgsVersion its version.
const (
	TmpfsArgsSize    = 40
	TmpfsArgsVersion = 1
)

// TmpfsArgs are the arguments of a mount of a tmpfs (struct tmpfs_args). 0 nodes or bytes: as many as there are.
type TmpfsArgs struct {
	Version  int32
	NodesMax uint64
	SizeMax  int64
	RootUID  uint32
	RootGID  uint32
	RootMode uint32
}

// Decode reads it from TmpfsArgsSize bytes.
func (a *TmpfsArgs) Decode(b []byte) {
	a.Version = int32(le.Uint32(b))
	a.NodesMax, a.SizeMax = le.Uint64(b[8:]), int64(le.Uint64(b[16:]))
	a.RootUID, a.RootGID, a.RootMode = le.Uint32(b[24:]), le.Uint32(b[28:]), le.Uint32(b[32:])
}

// Encode writes it to TmpfsArgsSize bytes, which are zeros.
func (a *TmpfsArgs) Encode(b []byte) {
	le.PutUint32(b, uint32(a.Version))
	le.PutUint64(b[8:], a.NodesMax)
	le.PutUint64(b[16:], uint64(a.SizeMax))
	le.PutUint32(b[24:], a.RootUID)
	le.PutUint32(b[28:], a.RootGID)
	le.PutUint32(b[32:], a.RootMode)
}
