package netbsd

import (
	"errors"
	"fmt"
	"syscall"
)

// An Errno is one of NetBSD's error numbers (intro(2)). 0 is no error and is never used as one.
type Errno int32

// The numbers. Those up to 10 and from 12 to 34 are the same everywhere.
const (
	EPERM           Errno = 1
	ENOENT          Errno = 2
	ESRCH           Errno = 3
	EINTR           Errno = 4
	EIO             Errno = 5
	ENXIO           Errno = 6
	E2BIG           Errno = 7
	ENOEXEC         Errno = 8
	EBADF           Errno = 9
	ECHILD          Errno = 10
	EDEADLK         Errno = 11
	ENOMEM          Errno = 12
	EACCES          Errno = 13
	EFAULT          Errno = 14
	ENOTBLK         Errno = 15
	EBUSY           Errno = 16
	EEXIST          Errno = 17
	EXDEV           Errno = 18
	ENODEV          Errno = 19
	ENOTDIR         Errno = 20
	EISDIR          Errno = 21
	EINVAL          Errno = 22
	ENFILE          Errno = 23
	EMFILE          Errno = 24
	ENOTTY          Errno = 25
	ETXTBSY         Errno = 26
	EFBIG           Errno = 27
	ENOSPC          Errno = 28
	ESPIPE          Errno = 29
	EROFS           Errno = 30
	EMLINK          Errno = 31
	EPIPE           Errno = 32
	EDOM            Errno = 33
	ERANGE          Errno = 34
	EAGAIN          Errno = 35
	EINPROGRESS     Errno = 36
	EALREADY        Errno = 37
	ENOTSOCK        Errno = 38
	EDESTADDRREQ    Errno = 39
	EMSGSIZE        Errno = 40
	EPROTOTYPE      Errno = 41
	ENOPROTOOPT     Errno = 42
	EPROTONOSUPPORT Errno = 43
	ESOCKTNOSUPPORT Errno = 44
	EOPNOTSUPP      Errno = 45
	EPFNOSUPPORT    Errno = 46
	EAFNOSUPPORT    Errno = 47
	EADDRINUSE      Errno = 48
	EADDRNOTAVAIL   Errno = 49
	ENETDOWN        Errno = 50
	ENETUNREACH     Errno = 51
	ENETRESET       Errno = 52
	ECONNABORTED    Errno = 53
	ECONNRESET      Errno = 54
	ENOBUFS         Errno = 55
	EISCONN         Errno = 56
	ENOTCONN        Errno = 57
	ESHUTDOWN       Errno = 58
	ETOOMANYREFS    Errno = 59
	ETIMEDOUT       Errno = 60
	ECONNREFUSED    Errno = 61
	ELOOP           Errno = 62
	ENAMETOOLONG    Errno = 63
	EHOSTDOWN       Errno = 64
	EHOSTUNREACH    Errno = 65
	ENOTEMPTY       Errno = 66
	EPROCLIM        Errno = 67
	EUSERS          Errno = 68
	EDQUOT          Errno = 69
	ESTALE          Errno = 70
	EREMOTE         Errno = 71
	EBADRPC         Errno = 72
	ERPCMISMATCH    Errno = 73
	EPROGUNAVAIL    Errno = 74
	EPROGMISMATCH   Errno = 75
	EPROCUNAVAIL    Errno = 76
	ENOLCK          Errno = 77
	ENOSYS          Errno = 78
	EFTYPE          Errno = 79
	EAUTH           Errno = 80
	ENEEDAUTH       Errno = 81
	EIDRM           Errno = 82
	ENOMSG          Errno = 83
	EOVERFLOW       Errno = 84
	EILSEQ          Errno = 85
	ENOTSUP         Errno = 86
	ECANCELED       Errno = 87
	EBADMSG         Errno = 88
	ENODATA         Errno = 89
	ENOSR           Errno = 90
	ENOSTR          Errno = 91
	ETIME           Errno = 92
	ENOATTR         Errno = 93
	EMULTIHOP       Errno = 94
	ENOLINK         Errno = 95
	EPROTO          Errno = 96

	maxErrno = EPROTO
)

// An errnoInfo is what is known of one number. host is 0 where the host has none.
type errnoInfo struct {
	name string
	host syscall.Errno
	text string // as strerror(3) has it
}

var errnos = [maxErrno + 1]errnoInfo{
	EPERM:           {"EPERM", syscall.EPERM, "Operation not permitted"},
	ENOENT:          {"ENOENT", syscall.ENOENT, "No such file or directory"},
	ESRCH:           {"ESRCH", syscall.ESRCH, "No such process"},
	EINTR:           {"EINTR", syscall.EINTR, "Interrupted system call"},
	EIO:             {"EIO", syscall.EIO, "Input/output error"},
	ENXIO:           {"ENXIO", syscall.ENXIO, "Device not configured"},
	E2BIG:           {"E2BIG", syscall.E2BIG, "Argument list too long"},
	ENOEXEC:         {"ENOEXEC", syscall.ENOEXEC, "Exec format error"},
	EBADF:           {"EBADF", syscall.EBADF, "Bad file descriptor"},
	ECHILD:          {"ECHILD", syscall.ECHILD, "No child processes"},
	EDEADLK:         {"EDEADLK", syscall.EDEADLK, "Resource deadlock avoided"},
	ENOMEM:          {"ENOMEM", syscall.ENOMEM, "Cannot allocate memory"},
	EACCES:          {"EACCES", syscall.EACCES, "Permission denied"},
	EFAULT:          {"EFAULT", syscall.EFAULT, "Bad address"},
	ENOTBLK:         {"ENOTBLK", syscall.ENOTBLK, "Block device required"},
	EBUSY:           {"EBUSY", syscall.EBUSY, "Device busy"},
	EEXIST:          {"EEXIST", syscall.EEXIST, "File exists"},
	EXDEV:           {"EXDEV", syscall.EXDEV, "Cross-device link"},
	ENODEV:          {"ENODEV", syscall.ENODEV, "Operation not supported by device"},
	ENOTDIR:         {"ENOTDIR", syscall.ENOTDIR, "Not a directory"},
	EISDIR:          {"EISDIR", syscall.EISDIR, "Is a directory"},
	EINVAL:          {"EINVAL", syscall.EINVAL, "Invalid argument"},
	ENFILE:          {"ENFILE", syscall.ENFILE, "Too many open files in system"},
	EMFILE:          {"EMFILE", syscall.EMFILE, "Too many open files"},
	ENOTTY:          {"ENOTTY", syscall.ENOTTY, "Inappropriate ioctl for device"},
	ETXTBSY:         {"ETXTBSY", syscall.ETXTBSY, "Text file busy"},
	EFBIG:           {"EFBIG", syscall.EFBIG, "File too large"},
	ENOSPC:          {"ENOSPC", syscall.ENOSPC, "No space left on device"},
	ESPIPE:          {"ESPIPE", syscall.ESPIPE, "Illegal seek"},
	EROFS:           {"EROFS", syscall.EROFS, "Read-only file system"},
	EMLINK:          {"EMLINK", syscall.EMLINK, "Too many links"},
	EPIPE:           {"EPIPE", syscall.EPIPE, "Broken pipe"},
	EDOM:            {"EDOM", syscall.EDOM, "Numerical argument out of domain"},
	ERANGE:          {"ERANGE", syscall.ERANGE, "Result too large or too small"},
	EAGAIN:          {"EAGAIN", syscall.EAGAIN, "Resource temporarily unavailable"},
	EINPROGRESS:     {"EINPROGRESS", syscall.EINPROGRESS, "Operation now in progress"},
	EALREADY:        {"EALREADY", syscall.EALREADY, "Operation already in progress"},
	ENOTSOCK:        {"ENOTSOCK", syscall.ENOTSOCK, "Socket operation on non-socket"},
	EDESTADDRREQ:    {"EDESTADDRREQ", syscall.EDESTADDRREQ, "Destination address required"},
	EMSGSIZE:        {"EMSGSIZE", syscall.EMSGSIZE, "Message too long"},
	EPROTOTYPE:      {"EPROTOTYPE", syscall.EPROTOTYPE, "Protocol wrong type for socket"},
	ENOPROTOOPT:     {"ENOPROTOOPT", syscall.ENOPROTOOPT, "Protocol option not available"},
	EPROTONOSUPPORT: {"EPROTONOSUPPORT", syscall.EPROTONOSUPPORT, "Protocol not supported"},
	ESOCKTNOSUPPORT: {"ESOCKTNOSUPPORT", syscall.ESOCKTNOSUPPORT, "Socket type not supported"},
	EOPNOTSUPP:      {"EOPNOTSUPP", syscall.EOPNOTSUPP, "Operation not supported"},
	EPFNOSUPPORT:    {"EPFNOSUPPORT", syscall.EPFNOSUPPORT, "Protocol family not supported"},
	EAFNOSUPPORT:    {"EAFNOSUPPORT", syscall.EAFNOSUPPORT, "Address family not supported by protocol family"},
	EADDRINUSE:      {"EADDRINUSE", syscall.EADDRINUSE, "Address already in use"},
	EADDRNOTAVAIL:   {"EADDRNOTAVAIL", syscall.EADDRNOTAVAIL, "Can't assign requested address"},
	ENETDOWN:        {"ENETDOWN", syscall.ENETDOWN, "Network is down"},
	ENETUNREACH:     {"ENETUNREACH", syscall.ENETUNREACH, "Network is unreachable"},
	ENETRESET:       {"ENETRESET", syscall.ENETRESET, "Network dropped connection on reset"},
	ECONNABORTED:    {"ECONNABORTED", syscall.ECONNABORTED, "Software caused connection abort"},
	ECONNRESET:      {"ECONNRESET", syscall.ECONNRESET, "Connection reset by peer"},
	ENOBUFS:         {"ENOBUFS", syscall.ENOBUFS, "No buffer space available"},
	EISCONN:         {"EISCONN", syscall.EISCONN, "Socket is already connected"},
	ENOTCONN:        {"ENOTCONN", syscall.ENOTCONN, "Socket is not connected"},
	ESHUTDOWN:       {"ESHUTDOWN", syscall.ESHUTDOWN, "Can't send after socket shutdown"},
	ETOOMANYREFS:    {"ETOOMANYREFS", syscall.ETOOMANYREFS, "Too many references: can't splice"},
	ETIMEDOUT:       {"ETIMEDOUT", syscall.ETIMEDOUT, "Operation timed out"},
	ECONNREFUSED:    {"ECONNREFUSED", syscall.ECONNREFUSED, "Connection refused"},
	ELOOP:           {"ELOOP", syscall.ELOOP, "Too many levels of symbolic links"},
	ENAMETOOLONG:    {"ENAMETOOLONG", syscall.ENAMETOOLONG, "File name too long"},
	EHOSTDOWN:       {"EHOSTDOWN", syscall.EHOSTDOWN, "Host is down"},
	EHOSTUNREACH:    {"EHOSTUNREACH", syscall.EHOSTUNREACH, "No route to host"},
	ENOTEMPTY:       {"ENOTEMPTY", syscall.ENOTEMPTY, "Directory not empty"},
	EPROCLIM:        {"EPROCLIM", 0, "Too many processes"},
	EUSERS:          {"EUSERS", syscall.EUSERS, "Too many users"},
	EDQUOT:          {"EDQUOT", syscall.EDQUOT, "Disc quota exceeded"},
	ESTALE:          {"ESTALE", syscall.ESTALE, "Stale NFS file handle"},
	EREMOTE:         {"EREMOTE", syscall.EREMOTE, "Too many levels of remote in path"},
	EBADRPC:         {"EBADRPC", 0, "RPC struct is bad"},
	ERPCMISMATCH:    {"ERPCMISMATCH", 0, "RPC version wrong"},
	EPROGUNAVAIL:    {"EPROGUNAVAIL", 0, "RPC prog. not avail"},
	EPROGMISMATCH:   {"EPROGMISMATCH", 0, "Program version wrong"},
	EPROCUNAVAIL:    {"EPROCUNAVAIL", 0, "Bad procedure for program"},
	ENOLCK:          {"ENOLCK", syscall.ENOLCK, "No locks available"},
	ENOSYS:          {"ENOSYS", syscall.ENOSYS, "Function not implemented"},
	EFTYPE:          {"EFTYPE", 0, "Inappropriate file type or format"},
	EAUTH:           {"EAUTH", 0, "Authentication error"},
	ENEEDAUTH:       {"ENEEDAUTH", 0, "Need authenticator"},
	EIDRM:           {"EIDRM", syscall.EIDRM, "Identifier removed"},
	ENOMSG:          {"ENOMSG", syscall.ENOMSG, "No message of desired type"},
	EOVERFLOW:       {"EOVERFLOW", syscall.EOVERFLOW, "Value too large to be stored in data type"},
	EILSEQ:          {"EILSEQ", syscall.EILSEQ, "Illegal byte sequence"},
	ENOTSUP:         {"ENOTSUP", syscall.ENOTSUP, "Not supported"},
	ECANCELED:       {"ECANCELED", syscall.ECANCELED, "Operation canceled"},
	EBADMSG:         {"EBADMSG", syscall.EBADMSG, "Bad or Corrupt message"},
	ENODATA:         {"ENODATA", syscall.ENODATA, "No message available"},
	ENOSR:           {"ENOSR", syscall.ENOSR, "No STREAM resources"},
	ENOSTR:          {"ENOSTR", syscall.ENOSTR, "Not a STREAM"},
	ETIME:           {"ETIME", syscall.ETIME, "STREAM ioctl timeout"},
	ENOATTR:         {"ENOATTR", syscall.ENODATA, "Attribute not found"},
	EMULTIHOP:       {"EMULTIHOP", syscall.EMULTIHOP, "Multihop attempted"},
	ENOLINK:         {"ENOLINK", syscall.ENOLINK, "Link has been severed"},
	EPROTO:          {"EPROTO", syscall.EPROTO, "Protocol error"},
}

// Error is the text that NetBSD has for the number.
func (e Errno) Error() string {
	if i := e.info(); i != nil {
		return i.text
	}
	return fmt.Sprintf("Unknown error: %d", int32(e))
}

// Name is the symbol, "ENOENT", or "" for a number that has none.
func (e Errno) Name() string {
	if i := e.info(); i != nil {
		return i.name
	}
	return ""
}

func (e Errno) info() *errnoInfo {
	if e <= 0 || e > maxErrno {
		return nil
	}
	return &errnos[e]
}

// Host is the host's number for the same outcome; EIO where it has none.
func (e Errno) Host() syscall.Errno {
	if i := e.info(); i != nil && i.host != 0 {
		return i.host
	}
	return syscall.EIO
}

// Is makes errors.Is(err, syscall.ENOENT) and errors.Is(err, fs.ErrNotExist) hold.
func (e Errno) Is(target error) bool {
	var host syscall.Errno
	if i := e.info(); i == nil || i.host == 0 {
		return false
	} else if host = i.host; errors.Is(target, host) {
		return true
	}
	return host.Is(target)
}

// hostErrnos is the reverse of errnos for numbers that differ.
var hostErrnos = func() map[syscall.Errno]Errno {
	m := make(map[syscall.Errno]Errno, len(errnos))
	for no := maxErrno; no > 0; no-- {
		if h := errnos[no].host; h != 0 {
			m[h] = no // where the host has one number for two, the first is meant
		}
	}
	m[syscall.ENODATA] = ENOATTR // what the host's file systems mean by it
	return m
}()

// FromHost is NetBSD's number for one of the host's. ok is false if there is none that says the same; then it is the nearest.
func FromHost(no syscall.Errno) (e Errno, ok bool) {
	if e, ok := hostErrnos[no]; ok {
		return e, true
	}
	switch no {
	case syscall.ENOMEDIUM, syscall.EMEDIUMTYPE:
		return ENXIO, false
	case syscall.ENOKEY, syscall.EKEYEXPIRED, syscall.EKEYREVOKED, syscall.EKEYREJECTED:
		return EPERM, false
	case syscall.ERESTART:
		return EINTR, false
	}
	return EIO, false
}
