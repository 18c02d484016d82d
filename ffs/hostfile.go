package ffs

import "rump/rumpfs/blockdev"

var _ blockdev.HostFile = (*FS)(nil)

// HostFile says where the volume lies in a file of the host, if it does: extents can be read from there.
func (fs *FS) HostFile() (fd uintptr, offset int64, ok bool) {
	if h, is := fs.dev.(blockdev.HostFile); is {
		return h.HostFile()
	}
	return 0, 0, false
}
