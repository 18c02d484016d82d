// Package bridge shows a kernel's name space, or a part of it, as a FUSE mount on the host, so that the host's own programs
// work on it.
//
// Who may what. The mount is there for the user who made it; other users only with Options.AllowOther. Whoever may use it acts
// as root of the rump process, which has no power over the host: an ordinary user can fill an image with files of any
// owner, mode and date. What is made belongs to the caller all the same, as on any file system of a host, and to the caller's
// group, or that of a set-group-ID directory. With Options.AsCaller the host checks owner and mode first. Set-id bits and
// device nodes have no effect through the mount; the host lets only its root make device nodes.
//
// What is cached. The host keeps names, attributes and file data, and what other doors of the kernel change is dropped
// from its memory by notification (notes), at once but not before the other door's call returns. Writing goes
// through: each write is in the file system when it returns. See Options.WriteBack for the other way.
//
// Numbers, names of extended attributes and file flags are translated; see node.go, xattr.go and ioctl.go. Refused are
// exchanging two names, whiteouts, O_TMPFILE and access control lists.
//
// The protocol is served here, on go-fuse's types of its structures; go-fuse's own server was half as fast (crew).
package bridge
