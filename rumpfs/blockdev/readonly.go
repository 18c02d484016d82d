package blockdev

import "syscall"

// readOnly is a device that refuses to change.
type readOnly struct{ Device }

var (
	_ Device    = readOnly{}
	_ HostFile  = readOnly{}
	_ Discarder = readOnly{}
)

// NewReadOnly returns d with every change refused by EROFS. The host file passes through: it is for reading. Close
// closes d.
func NewReadOnly(d Device) Device {
	if d.ReadOnly() {
		return d
	}
	return readOnly{d}
}

// WriteAt implements Device.
func (r readOnly) WriteAt([]byte, int64) (int, error) { return 0, syscall.EROFS }

// Discard implements Discarder.
func (r readOnly) Discard(off, length int64) error { return syscall.EROFS }

// ReadOnly implements Device.
func (r readOnly) ReadOnly() bool { return true }

// HostFile implements HostFile.
func (r readOnly) HostFile() (fd uintptr, offset int64, ok bool) { return hostFile(r.Device) }
