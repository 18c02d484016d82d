package bridge

import (
	"fmt"

	"github.com/hanwen/go-fuse/v2/fuse"
)

const (
	protocolMajor = 7
	protocolMinor = 45 // the latest whose requests are known here
	minorLeast    = 27 // Linux 4.18; before, requests have other shapes

	maxBackground = 64
)

// Capabilities that are asked for where the kernel has them.
const wantedCaps = fuse.CAP_ASYNC_READ | fuse.CAP_BIG_WRITES | fuse.CAP_MAX_PAGES | // requests of 1 MiB
	fuse.CAP_ASYNC_DIO | fuse.CAP_DIRECT_IO_ALLOW_MMAP |
	fuse.CAP_READDIRPLUS | fuse.CAP_READDIRPLUS_AUTO |
	fuse.CAP_PARALLEL_DIROPS |
	fuse.CAP_NO_OPEN_SUPPORT | fuse.CAP_NO_OPENDIR_SUPPORT |
	fuse.CAP_EXPORT_SUPPORT | // handles: "." and ".." are looked up
	fuse.CAP_EXPLICIT_INVAL_DATA | // cached data is good until notes says otherwise
	fuse.CAP_CACHE_SYMLINKS |
	fuse.CAP_HANDLE_KILLPRIV_V2 | // no getxattr before each write
	fuse.CAP_IOCTL_DIR

// init answers INIT, the first request: which protocol, which capabilities, how big a request may be.
func (c *call) init() error {
	var in fuse.InitIn
	copy(bytesOf(&in), c.in) // older kernels send less
	err := c.b.agree(&in)
	if err == nil {
		out := reply[fuse.InitOut](c)
		*out = fuse.InitOut{
			Major:               protocolMajor,
			Minor:               min(in.Minor, protocolMinor),
			MaxReadAhead:        maxTransfer,
			Flags:               uint32(c.b.caps),
			Flags2:              uint32(c.b.caps >> 32),
			MaxBackground:       maxBackground,
			CongestionThreshold: maxBackground * 3 / 4,
			MaxWrite:            maxTransfer,
			TimeGran:            1,
			MaxPages:            maxTransfer / pageSize,
		}
	}
	select {
	case c.b.ready <- err:
	default:
	}
	return err
}

// agree chooses the capabilities.
func (b *Bridge) agree(in *fuse.InitIn) error {
	if in.Major != protocolMajor || in.Minor < minorLeast {
		return fmt.Errorf("kernel speaks FUSE protocol %d.%d, %d.%d is needed (Linux 4.18)", in.Major, in.Minor, protocolMajor, minorLeast)
	}
	want := uint64(wantedCaps)
	if b.options.Locks {
		want |= fuse.CAP_POSIX_LOCKS | fuse.CAP_FLOCK_LOCKS
		want &^= fuse.CAP_NO_OPEN_SUPPORT
	}
	if b.options.WriteBack {
		want |= fuse.CAP_WRITEBACK_CACHE
	}
	b.minor = in.Minor
	b.caps = in.Flags64() & want
	if in.Flags64()&fuse.CAP_INIT_EXT != 0 {
		b.caps |= fuse.CAP_INIT_EXT
	} else {
		b.caps &= 1<<32 - 1
	}
	return nil
}

// can reports whether a capability was agreed upon.
func (b *Bridge) can(c uint64) bool { return b.caps&c != 0 }
