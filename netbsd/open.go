package netbsd

// Flags of open(2).
const (
	O_RDONLY    = 0x0
	O_WRONLY    = 0x1
	O_RDWR      = 0x2
	O_ACCMODE   = 0x3
	O_NONBLOCK  = 0x4
	O_APPEND    = 0x8
	O_SHLOCK    = 0x10
	O_EXLOCK    = 0x20
	O_ASYNC     = 0x40
	O_SYNC      = 0x80
	O_NOFOLLOW  = 0x100
	O_CREAT     = 0x200
	O_TRUNC     = 0x400
	O_EXCL      = 0x800
	O_NOCTTY    = 0x8000
	O_DSYNC     = 0x10000
	O_RSYNC     = 0x20000
	O_DIRECT    = 0x80000
	O_DIRECTORY = 0x200000
	O_CLOEXEC   = 0x400000
	O_SEARCH    = 0x800000
)

// Arguments of the calls that take a directory's descriptor.
const (
	AT_FDCWD            = -100
	AT_EACCESS          = 0x100
	AT_SYMLINK_NOFOLLOW = 0x200
	AT_SYMLINK_FOLLOW   = 0x400
	AT_REMOVEDIR        = 0x800
)

// Whence of lseek(2).
const (
	SEEK_SET = 0
	SEEK_CUR = 1
	SEEK_END = 2
)

// Commands of fcntl(2).
const (
	F_DUPFD         = 0
	F_GETFD         = 1
	F_SETFD         = 2
	F_GETFL         = 3
	F_SETFL         = 4
	F_GETOWN        = 5
	F_SETOWN        = 6
	F_GETLK         = 7
	F_SETLK         = 8
	F_SETLKW        = 9
	F_CLOSEM        = 10
	F_MAXFD         = 11
	F_DUPFD_CLOEXEC = 12
	F_GETNOSIGPIPE  = 13
	F_SETNOSIGPIPE  = 14

	FD_CLOEXEC = 1
)

// Types of a lock.
const (
	F_RDLCK = 1
	F_UNLCK = 2
	F_WRLCK = 3
)

// Operations of flock(2).
const (
	LOCK_SH = 1
	LOCK_EX = 2
	LOCK_NB = 4
	LOCK_UN = 8
)

// Names of pathconf(2).
const (
	PC_LINK_MAX         = 1
	PC_MAX_CANON        = 2
	PC_MAX_INPUT        = 3
	PC_NAME_MAX         = 4
	PC_PATH_MAX         = 5
	PC_PIPE_BUF         = 6
	PC_CHOWN_RESTRICTED = 7
	PC_NO_TRUNC         = 8
	PC_VDISABLE         = 9
	PC_SYNC_IO          = 10
	PC_FILESIZEBITS     = 11
	PC_SYMLINK_MAX      = 12
	PC_2_SYMLINKS       = 13
	PC_ACL_EXTENDED     = 14
	PC_MIN_HOLE_SIZE    = 15
)

// Limits of paths and the like.
const (
	MAXPATHLEN  = 1024 // bytes of a path, its NUL included
	PIPE_BUF    = 512
	FD_SETSIZE  = 256
	MaxHostname = 256
	LINK_MAX    = 32767
)

// FlockSize is the size of a Flock, bytes.
const FlockSize = 24

// A Flock is a lock on a range, as fcntl(2) takes it (struct flock).
type Flock struct {
	Start  int64 // l_start
	Len    int64 // l_len; 0 is up to the end
	PID    int32 // l_pid
	Type   int16 // l_type: F_RDLCK and so on
	Whence int16 // l_whence
}

// Decode reads it from FlockSize bytes.
func (f *Flock) Decode(b []byte) {
	f.Start, f.Len = int64(le.Uint64(b)), int64(le.Uint64(b[8:]))
	f.PID = int32(le.Uint32(b[16:]))
	f.Type, f.Whence = int16(le.Uint16(b[20:])), int16(le.Uint16(b[22:]))
}

// Encode writes it to FlockSize bytes.
func (f *Flock) Encode(b []byte) {
	le.PutUint64(b, uint64(f.Start))
	le.PutUint64(b[8:], uint64(f.Len))
	le.PutUint32(b[16:], uint32(f.PID))
	le.PutUint16(b[20:], uint16(f.Type))
	le.PutUint16(b[22:], uint16(f.Whence))
}
