package netbsd

// The numbers of the system calls that a rump kernel may be asked for (syscalls.master).
const (
	SYS_READ                = 3
	SYS_WRITE               = 4
	SYS_OPEN                = 5
	SYS_CLOSE               = 6
	SYS_LINK                = 9
	SYS_UNLINK              = 10
	SYS_CHDIR               = 12
	SYS_FCHDIR              = 13
	SYS_MKNOD               = 14
	SYS_CHMOD               = 15
	SYS_CHOWN               = 16
	SYS_GETPID_WITH_PPID    = 20
	SYS_UNMOUNT             = 22
	SYS_SETUID              = 23
	SYS_GETUID_WITH_EUID    = 24
	SYS_GETEUID             = 25
	SYS_RECVMSG             = 27
	SYS_SENDMSG             = 28
	SYS_RECVFROM            = 29
	SYS_ACCEPT              = 30
	SYS_GETPEERNAME         = 31
	SYS_GETSOCKNAME         = 32
	SYS_ACCESS              = 33
	SYS_CHFLAGS             = 34
	SYS_FCHFLAGS            = 35
	SYS_SYNC                = 36
	SYS_GETPPID             = 39
	SYS_DUP                 = 41
	SYS_PIPE                = 42
	SYS_GETEGID             = 43
	SYS_KTRACE              = 45
	SYS_GETGID_WITH_EGID    = 47
	SYS___GETLOGIN          = 49
	SYS___SETLOGIN          = 50
	SYS_IOCTL               = 54
	SYS_REVOKE              = 56
	SYS_SYMLINK             = 57
	SYS_READLINK            = 58
	SYS_UMASK               = 60
	SYS_CHROOT              = 61
	SYS_GETGROUPS           = 79
	SYS_SETGROUPS           = 80
	SYS_GETPGRP             = 81
	SYS_SETPGID             = 82
	SYS_DUP2                = 90
	SYS_FCNTL               = 92
	SYS_SELECT              = 93
	SYS_FSYNC               = 95
	SYS_CONNECT             = 98
	SYS_BIND                = 104
	SYS_SETSOCKOPT          = 105
	SYS_LISTEN              = 106
	SYS_GETSOCKOPT          = 118
	SYS_READV               = 120
	SYS_WRITEV              = 121
	SYS_FCHOWN              = 123
	SYS_FCHMOD              = 124
	SYS_SETREUID            = 126
	SYS_SETREGID            = 127
	SYS_RENAME              = 128
	SYS_FLOCK               = 131
	SYS_MKFIFO              = 132
	SYS_SENDTO              = 133
	SYS_SHUTDOWN            = 134
	SYS_SOCKETPAIR          = 135
	SYS_MKDIR               = 136
	SYS_RMDIR               = 137
	SYS_UTIMES              = 138
	SYS_SETSID              = 147
	SYS_NFSSVC              = 155
	SYS_PREAD               = 173
	SYS_PWRITE              = 174
	SYS_SETGID              = 181
	SYS_SETEGID             = 182
	SYS_SETEUID             = 183
	SYS_PATHCONF            = 191
	SYS_FPATHCONF           = 192
	SYS_GETRLIMIT           = 194
	SYS_SETRLIMIT           = 195
	SYS_LSEEK               = 199
	SYS_TRUNCATE            = 200
	SYS_FTRUNCATE           = 201
	SYS___SYSCTL            = 202
	SYS_FUTIMES             = 206
	SYS_GETPGID             = 207
	SYS_REBOOT              = 208
	SYS_POLL                = 209
	SYS_TIMER_CREATE        = 235
	SYS_TIMER_DELETE        = 236
	SYS_TIMER_GETOVERRUN    = 239
	SYS_FDATASYNC           = 241
	SYS_MODCTL              = 246
	SYS__KSEM_INIT          = 247
	SYS__KSEM_OPEN          = 248
	SYS__KSEM_UNLINK        = 249
	SYS__KSEM_CLOSE         = 250
	SYS__KSEM_POST          = 251
	SYS__KSEM_WAIT          = 252
	SYS__KSEM_TRYWAIT       = 253
	SYS__KSEM_GETVALUE      = 254
	SYS__KSEM_DESTROY       = 255
	SYS__KSEM_TIMEDWAIT     = 256
	SYS___POSIX_RENAME      = 270
	SYS_LCHMOD              = 274
	SYS_LCHOWN              = 275
	SYS_LUTIMES             = 276
	SYS___POSIX_CHOWN       = 283
	SYS___POSIX_FCHOWN      = 284
	SYS___POSIX_LCHOWN      = 285
	SYS_GETSID              = 286
	SYS_FKTRACE             = 288
	SYS_PREADV              = 289
	SYS_PWRITEV             = 290
	SYS___GETCWD            = 296
	SYS_FCHROOT             = 297
	SYS_LCHFLAGS            = 304
	SYS_ISSETUGID           = 305
	SYS_UTRACE              = 306
	SYS_KQUEUE              = 344
	SYS_KEVENT              = 345
	SYS_FSYNC_RANGE         = 354
	SYS_GETVFSSTAT          = 356
	SYS_STATVFS1            = 357
	SYS_FSTATVFS1           = 358
	SYS_EXTATTRCTL          = 360
	SYS_EXTATTR_SET_FILE    = 361
	SYS_EXTATTR_GET_FILE    = 362
	SYS_EXTATTR_DELETE_FILE = 363
	SYS_EXTATTR_SET_FD      = 364
	SYS_EXTATTR_GET_FD      = 365
	SYS_EXTATTR_DELETE_FD   = 366
	SYS_EXTATTR_SET_LINK    = 367
	SYS_EXTATTR_GET_LINK    = 368
	SYS_EXTATTR_DELETE_LINK = 369
	SYS_EXTATTR_LIST_FD     = 370
	SYS_EXTATTR_LIST_FILE   = 371
	SYS_EXTATTR_LIST_LINK   = 372
	SYS_PSELECT             = 373
	SYS_POLLTS              = 374
	SYS_SETXATTR            = 375
	SYS_LSETXATTR           = 376
	SYS_FSETXATTR           = 377
	SYS_GETXATTR            = 378
	SYS_LGETXATTR           = 379
	SYS_FGETXATTR           = 380
	SYS_LISTXATTR           = 381
	SYS_LLISTXATTR          = 382
	SYS_FLISTXATTR          = 383
	SYS_REMOVEXATTR         = 384
	SYS_LREMOVEXATTR        = 385
	SYS_FREMOVEXATTR        = 386
	SYS___STAT30            = 387
	SYS___FSTAT30           = 388
	SYS___LSTAT30           = 389
	SYS___GETDENTS30        = 390
	SYS___SOCKET30          = 394
	SYS___GETFH30           = 395
	SYS___FHOPEN40          = 396
	SYS___FHSTATVFS140      = 397
	SYS___FHSTAT40          = 398
	SYS_AIO_CANCEL          = 399
	SYS_AIO_ERROR           = 400
	SYS_AIO_FSYNC           = 401
	SYS_AIO_READ            = 402
	SYS_AIO_RETURN          = 403
	SYS_AIO_WRITE           = 405
	SYS_LIO_LISTIO          = 406
	SYS___MOUNT50           = 410
	SYS___POSIX_FADVISE50   = 416
	SYS___SELECT50          = 417
	SYS___GETTIMEOFDAY50    = 418
	SYS___SETTIMEOFDAY50    = 419
	SYS___UTIMES50          = 420
	SYS___ADJTIME50         = 421
	SYS___FUTIMES50         = 423
	SYS___LUTIMES50         = 424
	SYS___SETITIMER50       = 425
	SYS___GETITIMER50       = 426
	SYS___CLOCK_GETTIME50   = 427
	SYS___CLOCK_SETTIME50   = 428
	SYS___CLOCK_GETRES50    = 429
	SYS___NANOSLEEP50       = 430
	SYS___KEVENT50          = 435
	SYS___PSELECT50         = 436
	SYS___POLLTS50          = 437
	SYS___AIO_SUSPEND50     = 438
	SYS___STAT50            = 439
	SYS___FSTAT50           = 440
	SYS___LSTAT50           = 441
	SYS___TIMER_SETTIME50   = 446
	SYS___TIMER_GETTIME50   = 447
	SYS___MKNOD50           = 450
	SYS___FHSTAT50          = 451
	SYS_PIPE2               = 453
	SYS_DUP3                = 454
	SYS_KQUEUE1             = 455
	SYS_PACCEPT             = 456
	SYS_LINKAT              = 457
	SYS_RENAMEAT            = 458
	SYS_MKFIFOAT            = 459
	SYS_MKNODAT             = 460
	SYS_MKDIRAT             = 461
	SYS_FACCESSAT           = 462
	SYS_FCHMODAT            = 463
	SYS_FCHOWNAT            = 464
	SYS_FSTATAT             = 466
	SYS_UTIMENSAT           = 467
	SYS_OPENAT              = 468
	SYS_READLINKAT          = 469
	SYS_SYMLINKAT           = 470
	SYS_UNLINKAT            = 471
	SYS_FUTIMENS            = 472
	SYS___QUOTACTL          = 473
	SYS_RECVMMSG            = 475
	SYS_SENDMMSG            = 476
	SYS_CLOCK_NANOSLEEP     = 477
	SYS_POSIX_FALLOCATE     = 479
	SYS_FDISCARD            = 480
)

// MaxCalls is one more than the largest number that a system call can have.
const MaxCalls = 512

// A Call describes one system call.
type Call struct {
	Name string
	Args int  // bytes of its argument block: 8 for each argument and each gap
	Old  bool // kept for programs older than 6.0, with structures of theirs
}

// CallOf describes a system call; ok is false for a number that stands for none.
func CallOf(number int) (c Call, ok bool) {
	if number < 0 || number >= MaxCalls {
		return Call{}, false
	}
	c = calls[number]
	return c, c.Name != ""
}

var calls = [MaxCalls]Call{
	SYS_READ:                {"read", 24, false},
	SYS_WRITE:               {"write", 24, false},
	SYS_OPEN:                {"open", 24, false},
	SYS_CLOSE:               {"close", 8, false},
	SYS_LINK:                {"link", 16, false},
	SYS_UNLINK:              {"unlink", 8, false},
	SYS_CHDIR:               {"chdir", 8, false},
	SYS_FCHDIR:              {"fchdir", 8, false},
	SYS_MKNOD:               {"mknod", 24, true},
	SYS_CHMOD:               {"chmod", 16, false},
	SYS_CHOWN:               {"chown", 24, false},
	SYS_GETPID_WITH_PPID:    {"getpid_with_ppid", 0, false},
	SYS_UNMOUNT:             {"unmount", 16, false},
	SYS_SETUID:              {"setuid", 8, false},
	SYS_GETUID_WITH_EUID:    {"getuid_with_euid", 0, false},
	SYS_GETEUID:             {"geteuid", 0, false},
	SYS_RECVMSG:             {"recvmsg", 24, false},
	SYS_SENDMSG:             {"sendmsg", 24, false},
	SYS_RECVFROM:            {"recvfrom", 48, false},
	SYS_ACCEPT:              {"accept", 24, false},
	SYS_GETPEERNAME:         {"getpeername", 24, false},
	SYS_GETSOCKNAME:         {"getsockname", 24, false},
	SYS_ACCESS:              {"access", 16, false},
	SYS_CHFLAGS:             {"chflags", 16, false},
	SYS_FCHFLAGS:            {"fchflags", 16, false},
	SYS_SYNC:                {"sync", 0, false},
	SYS_GETPPID:             {"getppid", 0, false},
	SYS_DUP:                 {"dup", 8, false},
	SYS_PIPE:                {"pipe", 0, false},
	SYS_GETEGID:             {"getegid", 0, false},
	SYS_KTRACE:              {"ktrace", 32, false},
	SYS_GETGID_WITH_EGID:    {"getgid_with_egid", 0, false},
	SYS___GETLOGIN:          {"__getlogin", 16, false},
	SYS___SETLOGIN:          {"__setlogin", 8, false},
	SYS_IOCTL:               {"ioctl", 24, false},
	SYS_REVOKE:              {"revoke", 8, false},
	SYS_SYMLINK:             {"symlink", 16, false},
	SYS_READLINK:            {"readlink", 24, false},
	SYS_UMASK:               {"umask", 8, false},
	SYS_CHROOT:              {"chroot", 8, false},
	SYS_GETGROUPS:           {"getgroups", 16, false},
	SYS_SETGROUPS:           {"setgroups", 16, false},
	SYS_GETPGRP:             {"getpgrp", 0, false},
	SYS_SETPGID:             {"setpgid", 16, false},
	SYS_DUP2:                {"dup2", 16, false},
	SYS_FCNTL:               {"fcntl", 24, false},
	SYS_SELECT:              {"select", 40, true},
	SYS_FSYNC:               {"fsync", 8, false},
	SYS_CONNECT:             {"connect", 24, false},
	SYS_BIND:                {"bind", 24, false},
	SYS_SETSOCKOPT:          {"setsockopt", 40, false},
	SYS_LISTEN:              {"listen", 16, false},
	SYS_GETSOCKOPT:          {"getsockopt", 40, false},
	SYS_READV:               {"readv", 24, false},
	SYS_WRITEV:              {"writev", 24, false},
	SYS_FCHOWN:              {"fchown", 24, false},
	SYS_FCHMOD:              {"fchmod", 16, false},
	SYS_SETREUID:            {"setreuid", 16, false},
	SYS_SETREGID:            {"setregid", 16, false},
	SYS_RENAME:              {"rename", 16, false},
	SYS_FLOCK:               {"flock", 16, false},
	SYS_MKFIFO:              {"mkfifo", 16, false},
	SYS_SENDTO:              {"sendto", 48, false},
	SYS_SHUTDOWN:            {"shutdown", 16, false},
	SYS_SOCKETPAIR:          {"socketpair", 32, false},
	SYS_MKDIR:               {"mkdir", 16, false},
	SYS_RMDIR:               {"rmdir", 8, false},
	SYS_UTIMES:              {"utimes", 16, true},
	SYS_SETSID:              {"setsid", 0, false},
	SYS_NFSSVC:              {"nfssvc", 16, false},
	SYS_PREAD:               {"pread", 40, false},
	SYS_PWRITE:              {"pwrite", 40, false},
	SYS_SETGID:              {"setgid", 8, false},
	SYS_SETEGID:             {"setegid", 8, false},
	SYS_SETEUID:             {"seteuid", 8, false},
	SYS_PATHCONF:            {"pathconf", 16, false},
	SYS_FPATHCONF:           {"fpathconf", 16, false},
	SYS_GETRLIMIT:           {"getrlimit", 16, false},
	SYS_SETRLIMIT:           {"setrlimit", 16, false},
	SYS_LSEEK:               {"lseek", 32, false},
	SYS_TRUNCATE:            {"truncate", 24, false},
	SYS_FTRUNCATE:           {"ftruncate", 24, false},
	SYS___SYSCTL:            {"__sysctl", 48, false},
	SYS_FUTIMES:             {"futimes", 16, true},
	SYS_GETPGID:             {"getpgid", 8, false},
	SYS_REBOOT:              {"reboot", 16, false},
	SYS_POLL:                {"poll", 24, false},
	SYS_TIMER_CREATE:        {"timer_create", 24, false},
	SYS_TIMER_DELETE:        {"timer_delete", 8, false},
	SYS_TIMER_GETOVERRUN:    {"timer_getoverrun", 8, false},
	SYS_FDATASYNC:           {"fdatasync", 8, false},
	SYS_MODCTL:              {"modctl", 16, false},
	SYS__KSEM_INIT:          {"_ksem_init", 16, false},
	SYS__KSEM_OPEN:          {"_ksem_open", 40, false},
	SYS__KSEM_UNLINK:        {"_ksem_unlink", 8, false},
	SYS__KSEM_CLOSE:         {"_ksem_close", 8, false},
	SYS__KSEM_POST:          {"_ksem_post", 8, false},
	SYS__KSEM_WAIT:          {"_ksem_wait", 8, false},
	SYS__KSEM_TRYWAIT:       {"_ksem_trywait", 8, false},
	SYS__KSEM_GETVALUE:      {"_ksem_getvalue", 16, false},
	SYS__KSEM_DESTROY:       {"_ksem_destroy", 8, false},
	SYS__KSEM_TIMEDWAIT:     {"_ksem_timedwait", 16, false},
	SYS___POSIX_RENAME:      {"__posix_rename", 16, false},
	SYS_LCHMOD:              {"lchmod", 16, false},
	SYS_LCHOWN:              {"lchown", 24, false},
	SYS_LUTIMES:             {"lutimes", 16, true},
	SYS___POSIX_CHOWN:       {"__posix_chown", 24, false},
	SYS___POSIX_FCHOWN:      {"__posix_fchown", 24, false},
	SYS___POSIX_LCHOWN:      {"__posix_lchown", 24, false},
	SYS_GETSID:              {"getsid", 8, false},
	SYS_FKTRACE:             {"fktrace", 32, false},
	SYS_PREADV:              {"preadv", 40, false},
	SYS_PWRITEV:             {"pwritev", 40, false},
	SYS___GETCWD:            {"__getcwd", 16, false},
	SYS_FCHROOT:             {"fchroot", 8, false},
	SYS_LCHFLAGS:            {"lchflags", 16, false},
	SYS_ISSETUGID:           {"issetugid", 0, false},
	SYS_UTRACE:              {"utrace", 24, false},
	SYS_KQUEUE:              {"kqueue", 0, false},
	SYS_KEVENT:              {"kevent", 48, true},
	SYS_FSYNC_RANGE:         {"fsync_range", 32, false},
	SYS_GETVFSSTAT:          {"getvfsstat", 24, false},
	SYS_STATVFS1:            {"statvfs1", 24, false},
	SYS_FSTATVFS1:           {"fstatvfs1", 24, false},
	SYS_EXTATTRCTL:          {"extattrctl", 40, false},
	SYS_EXTATTR_SET_FILE:    {"extattr_set_file", 40, false},
	SYS_EXTATTR_GET_FILE:    {"extattr_get_file", 40, false},
	SYS_EXTATTR_DELETE_FILE: {"extattr_delete_file", 24, false},
	SYS_EXTATTR_SET_FD:      {"extattr_set_fd", 40, false},
	SYS_EXTATTR_GET_FD:      {"extattr_get_fd", 40, false},
	SYS_EXTATTR_DELETE_FD:   {"extattr_delete_fd", 24, false},
	SYS_EXTATTR_SET_LINK:    {"extattr_set_link", 40, false},
	SYS_EXTATTR_GET_LINK:    {"extattr_get_link", 40, false},
	SYS_EXTATTR_DELETE_LINK: {"extattr_delete_link", 24, false},
	SYS_EXTATTR_LIST_FD:     {"extattr_list_fd", 32, false},
	SYS_EXTATTR_LIST_FILE:   {"extattr_list_file", 32, false},
	SYS_EXTATTR_LIST_LINK:   {"extattr_list_link", 32, false},
	SYS_PSELECT:             {"pselect", 48, true},
	SYS_POLLTS:              {"pollts", 32, true},
	SYS_SETXATTR:            {"setxattr", 40, false},
	SYS_LSETXATTR:           {"lsetxattr", 40, false},
	SYS_FSETXATTR:           {"fsetxattr", 40, false},
	SYS_GETXATTR:            {"getxattr", 32, false},
	SYS_LGETXATTR:           {"lgetxattr", 32, false},
	SYS_FGETXATTR:           {"fgetxattr", 32, false},
	SYS_LISTXATTR:           {"listxattr", 24, false},
	SYS_LLISTXATTR:          {"llistxattr", 24, false},
	SYS_FLISTXATTR:          {"flistxattr", 24, false},
	SYS_REMOVEXATTR:         {"removexattr", 16, false},
	SYS_LREMOVEXATTR:        {"lremovexattr", 16, false},
	SYS_FREMOVEXATTR:        {"fremovexattr", 16, false},
	SYS___STAT30:            {"__stat30", 16, true},
	SYS___FSTAT30:           {"__fstat30", 16, true},
	SYS___LSTAT30:           {"__lstat30", 16, true},
	SYS___GETDENTS30:        {"__getdents30", 24, false},
	SYS___SOCKET30:          {"__socket30", 24, false},
	SYS___GETFH30:           {"__getfh30", 24, false},
	SYS___FHOPEN40:          {"__fhopen40", 24, false},
	SYS___FHSTATVFS140:      {"__fhstatvfs140", 32, false},
	SYS___FHSTAT40:          {"__fhstat40", 24, true},
	SYS_AIO_CANCEL:          {"aio_cancel", 16, false},
	SYS_AIO_ERROR:           {"aio_error", 8, false},
	SYS_AIO_FSYNC:           {"aio_fsync", 16, false},
	SYS_AIO_READ:            {"aio_read", 8, false},
	SYS_AIO_RETURN:          {"aio_return", 8, false},
	SYS_AIO_WRITE:           {"aio_write", 8, false},
	SYS_LIO_LISTIO:          {"lio_listio", 32, false},
	SYS___MOUNT50:           {"__mount50", 40, false},
	SYS___POSIX_FADVISE50:   {"__posix_fadvise50", 40, false},
	SYS___SELECT50:          {"__select50", 40, false},
	SYS___GETTIMEOFDAY50:    {"__gettimeofday50", 16, false},
	SYS___SETTIMEOFDAY50:    {"__settimeofday50", 16, false},
	SYS___UTIMES50:          {"__utimes50", 16, false},
	SYS___ADJTIME50:         {"__adjtime50", 16, false},
	SYS___FUTIMES50:         {"__futimes50", 16, false},
	SYS___LUTIMES50:         {"__lutimes50", 16, false},
	SYS___SETITIMER50:       {"__setitimer50", 24, false},
	SYS___GETITIMER50:       {"__getitimer50", 16, false},
	SYS___CLOCK_GETTIME50:   {"__clock_gettime50", 16, false},
	SYS___CLOCK_SETTIME50:   {"__clock_settime50", 16, false},
	SYS___CLOCK_GETRES50:    {"__clock_getres50", 16, false},
	SYS___NANOSLEEP50:       {"__nanosleep50", 16, false},
	SYS___KEVENT50:          {"__kevent50", 48, false},
	SYS___PSELECT50:         {"__pselect50", 48, false},
	SYS___POLLTS50:          {"__pollts50", 32, false},
	SYS___AIO_SUSPEND50:     {"__aio_suspend50", 24, false},
	SYS___STAT50:            {"__stat50", 16, false},
	SYS___FSTAT50:           {"__fstat50", 16, false},
	SYS___LSTAT50:           {"__lstat50", 16, false},
	SYS___TIMER_SETTIME50:   {"__timer_settime50", 32, false},
	SYS___TIMER_GETTIME50:   {"__timer_gettime50", 16, false},
	SYS___MKNOD50:           {"__mknod50", 24, false},
	SYS___FHSTAT50:          {"__fhstat50", 24, false},
	SYS_PIPE2:               {"pipe2", 16, false},
	SYS_DUP3:                {"dup3", 24, false},
	SYS_KQUEUE1:             {"kqueue1", 8, false},
	SYS_PACCEPT:             {"paccept", 40, false},
	SYS_LINKAT:              {"linkat", 40, false},
	SYS_RENAMEAT:            {"renameat", 32, false},
	SYS_MKFIFOAT:            {"mkfifoat", 24, false},
	SYS_MKNODAT:             {"mknodat", 40, false},
	SYS_MKDIRAT:             {"mkdirat", 24, false},
	SYS_FACCESSAT:           {"faccessat", 32, false},
	SYS_FCHMODAT:            {"fchmodat", 32, false},
	SYS_FCHOWNAT:            {"fchownat", 40, false},
	SYS_FSTATAT:             {"fstatat", 32, false},
	SYS_UTIMENSAT:           {"utimensat", 32, false},
	SYS_OPENAT:              {"openat", 32, false},
	SYS_READLINKAT:          {"readlinkat", 32, false},
	SYS_SYMLINKAT:           {"symlinkat", 24, false},
	SYS_UNLINKAT:            {"unlinkat", 24, false},
	SYS_FUTIMENS:            {"futimens", 16, false},
	SYS___QUOTACTL:          {"__quotactl", 16, false},
	SYS_RECVMMSG:            {"recvmmsg", 40, false},
	SYS_SENDMMSG:            {"sendmmsg", 32, false},
	SYS_CLOCK_NANOSLEEP:     {"clock_nanosleep", 32, false},
	SYS_POSIX_FALLOCATE:     {"posix_fallocate", 32, false},
	SYS_FDISCARD:            {"fdiscard", 32, false},
}
