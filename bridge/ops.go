package bridge

import (
	"errors"
	"strconv"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// The requests, numbered as linux/fuse.h has them.
const (
	opLookup      = 1
	opForget      = 2
	opGetattr     = 3
	opSetattr     = 4
	opReadlink    = 5
	opSymlink     = 6
	opMknod       = 8
	opMkdir       = 9
	opUnlink      = 10
	opRmdir       = 11
	opRename      = 12
	opLink        = 13
	opOpen        = 14
	opRead        = 15
	opWrite       = 16
	opStatfs      = 17
	opRelease     = 18
	opFsync       = 20
	opSetxattr    = 21
	opGetxattr    = 22
	opListxattr   = 23
	opRemovexattr = 24
	opFlush       = 25
	opInit        = 26
	opOpendir     = 27
	opReaddir     = 28
	opReleasedir  = 29
	opFsyncDir    = 30
	opGetlk       = 31
	opSetlk       = 32
	opSetlkw      = 33
	opAccess      = 34
	opCreate      = 35
	opInterrupt   = 36
	opDestroy     = 38
	opIoctl       = 39
	opBatchForget = 42
	opFallocate   = 43
	opReaddirplus = 44
	opRename2     = 45
	opLseek       = 46
	opSyncFS      = 50
	opTmpfile     = 51
	opStatx       = 52
)

var opNames = map[uint32]string{
	opLookup: "lookup", opForget: "forget", opGetattr: "getattr", opSetattr: "setattr", opReadlink: "readlink",
	opSymlink: "symlink", opMknod: "mknod", opMkdir: "mkdir", opUnlink: "unlink", opRmdir: "rmdir", opRename: "rename",
	opLink: "link", opOpen: "open", opRead: "read", opWrite: "write", opStatfs: "statfs", opRelease: "release",
	opFsync: "fsync", opSetxattr: "setxattr", opGetxattr: "getxattr", opListxattr: "listxattr",
	opRemovexattr: "removexattr", opFlush: "flush", opInit: "init", opOpendir: "opendir", opReaddir: "readdir",
	opReleasedir: "releasedir", opFsyncDir: "fsyncdir", opGetlk: "getlk", opSetlk: "setlk", opSetlkw: "setlkw",
	opAccess: "access", opCreate: "create", opInterrupt: "interrupt", opDestroy: "destroy", opIoctl: "ioctl",
	opBatchForget: "batchforget", opFallocate: "fallocate", opReaddirplus: "readdirplus", opRename2: "rename2",
	opLseek: "lseek", opSyncFS: "syncfs", opTmpfile: "tmpfile", opStatx: "statx",
}

func opName(op uint32) string {
	if s := opNames[op]; s != "" {
		return s
	}
	return strconv.Itoa(int(op))
}

// errNoReply says that a request is not answered, or not now.
var errNoReply = errors.New("no reply")

// handle serves a request. Whatever is not here the kernel will not ask again: ENOSYS.
func (c *call) handle(op uint32) error {
	switch op {
	case opLookup:
		return c.lookup()
	case opForget:
		return c.forget()
	case opBatchForget:
		return c.batchForget()
	case opGetattr:
		return c.getattr()
	case opStatx:
		return c.statx()
	case opSetattr:
		return c.setattr()
	case opAccess:
		return c.access()
	case opStatfs:
		return c.statfs()
	case opInterrupt:
		return c.interruptOther()
	case opInit:
		return c.init()
	case opDestroy:
		return nil
	}
	if err, ok := c.handleFile(op); ok {
		return err
	}
	if err, ok := c.handleName(op); ok {
		return err
	}
	return syscall.ENOSYS
}

func (c *call) handleName(op uint32) (error, bool) {
	switch op {
	case opReadlink:
		return c.readlink(), true
	case opSymlink:
		return c.symlink(), true
	case opMknod:
		return c.mknod(), true
	case opMkdir:
		return c.mkdir(), true
	case opCreate:
		return c.createOpen(), true
	case opUnlink:
		return c.unlink(), true
	case opRmdir:
		return c.rmdir(), true
	case opRename:
		return c.rename(false), true
	case opRename2:
		return c.rename(true), true
	case opLink:
		return c.link(), true
	case opReaddir:
		return c.readdir(), true
	case opReaddirplus:
		return c.readdirplus(), true
	case opGetxattr:
		return c.getxattr(), true
	case opSetxattr:
		return c.setxattr(), true
	case opListxattr:
		return c.listxattr(), true
	case opRemovexattr:
		return c.removexattr(), true
	case opTmpfile:
		return syscall.EOPNOTSUPP, true
	}
	return nil, false
}

func (c *call) handleFile(op uint32) (error, bool) {
	switch op {
	case opOpen:
		return c.open(fuse.CAP_NO_OPEN_SUPPORT), true
	case opOpendir:
		return c.open(fuse.CAP_NO_OPENDIR_SUPPORT), true
	case opRead:
		return c.read(), true
	case opWrite:
		return c.write(), true
	case opFsync, opFsyncDir:
		return c.fsync(), true
	case opSyncFS:
		return c.syncfs(), true
	case opLseek:
		return c.lseek(), true
	case opFallocate:
		return c.fallocate(), true
	case opIoctl:
		return c.ioctl(), true
	case opFlush:
		return c.flush(), true
	case opRelease, opReleasedir:
		return c.release(), true
	case opGetlk:
		return c.getlk(), true
	case opSetlk:
		return c.setlk(false), true
	case opSetlkw:
		return c.setlk(true), true
	}
	return nil, false
}

func (c *call) forget() error {
	if in, _, err := view[fuse.ForgetIn](c.in); err == nil {
		c.b.nodes.forget(in.NodeId, in.Nlookup)
	}
	return errNoReply
}

// A forgetOne is one of the numbers of BATCH_FORGET.
type forgetOne struct{ node, lookups uint64 }

// batchIn is BATCH_FORGET; forgetOnes follow.
type batchIn struct {
	fuse.InHeader
	Count, _ uint32
}

func (c *call) batchForget() error {
	in, n, err := view[batchIn](c.in)
	if err != nil {
		return errNoReply
	}
	rest := c.in[n:]
	for range in.Count {
		one, size, err := view[forgetOne](rest)
		if err != nil {
			break
		}
		c.b.nodes.forget(one.node, one.lookups)
		rest = rest[size:]
	}
	return errNoReply
}

// interruptOther answers INTERRUPT. A request that is not here yet, or no longer, is asked about again.
func (c *call) interruptOther() error {
	in, _, err := view[fuse.InterruptIn](c.in)
	if err != nil {
		return errNoReply
	}
	if c.b.crew.interrupt(in.Unique) {
		return errNoReply
	}
	return syscall.EAGAIN
}
