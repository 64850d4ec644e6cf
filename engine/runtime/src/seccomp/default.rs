//! Our own default profile, for hosts that have no `/usr/share/containers/seccomp.json`.
//!
//! Equivalent to the one of containers-common 0.64 and newer: what an ordinary program needs is allowed; what is known
//! and refused fails with EPERM; what nobody here knows fails with ENOSYS, so that programs fall back to older calls.

use super::profile::{Action, Architectures, Comparison, Condition, Operator, Profile, Rule, find_call};
use super::{Arch, FilterFlags};
use crate::capabilities::{CapSet, Capability};

const EPERM: Action = Action::Errno(1);
const EINVAL: Action = Action::Errno(22);
const ENOSYS: Action = Action::Errno(38);

/// Allowed for everybody.
#[rustfmt::skip]
const ALLOWED: &[&str] = &[
    "_llseek", "_newselect", "accept", "accept4", "access", "adjtimex", "alarm", "bind", "brk", "capget",
    "capset", "chdir", "chmod", "chown", "chown32", "clock_adjtime", "clock_adjtime64", "clock_getres",
    "clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep",
    "clock_nanosleep_time64", "clone", "clone3", "close", "close_range", "connect", "copy_file_range",
    "creat", "dup", "dup2", "dup3", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old",
    "epoll_pwait", "epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "execve",
    "execveat", "exit", "exit_group", "faccessat", "faccessat2", "fadvise64", "fadvise64_64", "fallocate",
    "fanotify_init", "fanotify_mark", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32",
    "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock", "fork",
    "fremovexattr", "fsconfig", "fsetxattr", "fsmount", "fsopen", "fspick", "fstat", "fstat64",
    "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "futex", "futex_time64",
    "futimesat", "get_mempolicy", "get_robust_list", "get_thread_area", "getcpu", "getcwd", "getdents",
    "getdents64", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups",
    "getgroups32", "getitimer", "getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getpriority",
    "getrandom", "getresgid", "getresgid32", "getresuid", "getresuid32", "getrlimit", "getrusage",
    "getsid", "getsockname", "getsockopt", "gettid", "gettimeofday", "getuid", "getuid32", "getxattr",
    "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "io_cancel", "io_destroy",
    "io_getevents", "io_setup", "io_submit", "ioctl", "ioprio_get", "ioprio_set", "ipc", "keyctl", "kill",
    "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "lchown", "lchown32",
    "lgetxattr", "link", "linkat", "listen", "listxattr", "llistxattr", "lremovexattr", "lseek",
    "lsetxattr", "lstat", "lstat64", "madvise", "mbind", "membarrier", "memfd_create", "memfd_secret",
    "mincore", "mkdir", "mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap", "mmap2",
    "mount", "mount_setattr", "move_mount", "mprotect", "mq_getsetattr", "mq_notify", "mq_open",
    "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64", "mq_unlink",
    "mremap", "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall", "munmap",
    "name_to_handle_at", "nanosleep", "newfstatat", "open", "open_tree", "openat", "openat2", "pause",
    "pidfd_getfd", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "pivot_root", "pkey_alloc",
    "pkey_free", "pkey_mprotect", "poll", "ppoll", "ppoll_time64", "prctl", "pread64", "preadv",
    "preadv2", "prlimit64", "process_mrelease", "process_vm_readv", "process_vm_writev", "pselect6",
    "pselect6_time64", "ptrace", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink",
    "readlinkat", "readv", "reboot", "recv", "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg",
    "remap_file_pages", "removexattr", "rename", "renameat", "renameat2", "restart_syscall", "rmdir",
    "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo",
    "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
    "sched_getparam", "sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64",
    "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield",
    "seccomp", "select", "semctl", "semget", "semop", "semtimedop", "semtimedop_time64", "send",
    "sendfile", "sendfile64", "sendmmsg", "sendmsg", "sendto", "set_mempolicy", "set_robust_list",
    "set_thread_area", "set_tid_address", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32", "setgid",
    "setgid32", "setgroups", "setgroups32", "setitimer", "setns", "setpgid", "setpriority", "setregid",
    "setregid32", "setresgid", "setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32",
    "setrlimit", "setsid", "setsockopt", "setuid", "setuid32", "setxattr", "shmat", "shmctl", "shmdt",
    "shmget", "shutdown", "sigaltstack", "signal", "signalfd", "signalfd4", "sigprocmask", "sigreturn",
    "socketcall", "socketpair", "splice", "stat", "stat64", "statfs", "statfs64", "statx", "symlink",
    "symlinkat", "sync", "sync_file_range", "syncfs", "sysinfo", "syslog", "tee", "tgkill", "time",
    "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64",
    "timer_settime", "timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64",
    "timerfd_settime", "timerfd_settime64", "times", "tkill", "truncate", "truncate64", "ugetrlimit",
    "umask", "umount", "umount2", "uname", "unlink", "unlinkat", "unshare", "utime", "utimensat",
    "utimensat_time64", "utimes", "vfork", "wait4", "waitid", "waitpid", "write", "writev",
];

/// Refused for everybody: obsolete, or of use to attackers only.
#[rustfmt::skip]
const REFUSED: &[&str] = &[
    "bdflush", "cachestat", "futex_requeue", "futex_wait", "futex_waitv", "futex_wake", "io_pgetevents",
    "io_pgetevents_time64", "kexec_file_load", "kexec_load", "map_shadow_stack", "migrate_pages",
    "move_pages", "nfsservctl", "nice", "oldfstat", "oldlstat", "oldolduname", "oldstat", "olduname",
    "pciconfig_iobase", "pciconfig_read", "pciconfig_write", "sgetmask", "ssetmask", "swapoff", "swapon",
    "sysfs", "uselib", "userfaultfd", "ustat", "vm86", "vm86old", "vmsplice",
];

/// Allowed with a capability, refused without it.
const BY_CAPABILITY: &[(&str, &[&str])] = &[
    ("CAP_DAC_READ_SEARCH", &["open_by_handle_at"]),
    ("CAP_SYS_ADMIN", &["lookup_dcookie", "quotactl", "quotactl_fd", "setdomainname", "sethostname"]),
    ("CAP_SYS_CHROOT", &["chroot"]),
    ("CAP_SYS_MODULE", &["delete_module", "finit_module", "init_module", "query_module"]),
    ("CAP_SYS_PACCT", &["acct"]),
    ("CAP_SYS_PTRACE", &["kcmp", "process_madvise"]),
    ("CAP_SYS_RAWIO", &["ioperm", "iopl"]),
    ("CAP_SYS_TIME", &["clock_settime", "clock_settime64", "settimeofday", "stime"]),
    ("CAP_SYS_TTY_CONFIG", &["vhangup"]),
];

/// Allowed on some architectures.
const BY_ARCHITECTURE: &[(&[&str], &[&str])] = &[
    (&["ppc64le"], &["sync_file_range2", "swapcontext"]),
    (
        &["arm", "arm64"],
        &[
            "arm_fadvise64_64",
            "arm_sync_file_range",
            "breakpoint",
            "cacheflush",
            "set_tls",
            "sync_file_range2",
        ],
    ),
    (&["amd64"], &["arch_prctl", "modify_ldt"]),
    (&["s390x"], &["s390_pci_mmio_read", "s390_pci_mmio_write", "s390_runtime_instr"]),
    (&["riscv64"], &["riscv_flush_icache"]),
];

/// Personalities that change nothing dangerous: Linux, 32-bit uname, 2.6 uname, both, and asking.
const PERSONALITIES: [u64; 5] = [0, 0x0008, 0x2_0000, 0x2_0008, 0xffff_ffff];

const AF_NETLINK: u64 = 16;
const AF_VSOCK: u64 = 40;
const NETLINK_AUDIT: u64 = 9;

impl Profile {
    /// Our own table, equivalent to the default of containers-common.
    #[must_use]
    pub fn default_profile() -> Self {
        let mut rules = vec![rule(REFUSED, EPERM), rule(ALLOWED, Action::Allow)];
        for personality in PERSONALITIES {
            rules.push(rule(&["personality"], Action::Allow).on(0, Operator::Equal, personality));
        }
        for (arches, names) in BY_ARCHITECTURE {
            let mut allowed = rule(names, Action::Allow);
            allowed.includes.arches = arches.iter().map(|&arch| arch.to_owned()).collect();
            rules.push(allowed);
        }
        for (capability, names) in BY_CAPABILITY {
            rules.push(rule(names, Action::Allow).with(&[capability]));
            rules.push(rule(names, EPERM).without(&[capability]));
        }
        rules.extend([
            rule(&["bpf"], Action::Allow).with(&["CAP_SYS_ADMIN"]),
            rule(&["bpf"], Action::Allow).with(&["CAP_BPF"]),
            rule(&["bpf"], EPERM).without(&["CAP_SYS_ADMIN", "CAP_BPF"]),
            rule(&["perf_event_open"], EPERM).without(&["CAP_SYS_ADMIN"]),
            rule(&["perf_event_open"], Action::Allow).with(&["CAP_PERFMON"]),
        ]);
        rules.extend(socket_rules());
        Self {
            default_action: ENOSYS,
            architectures: Architectures::Map(vec![
                (Arch::X86_64, vec![Arch::X86, Arch::X32]),
                (Arch::Aarch64, vec![Arch::Arm]),
            ]),
            rules,
            flags: FilterFlags::default(),
            unknown: Vec::new(),
            listener_path: None,
        }
    }
}

/// No vsock, which reaches past every namespace, and no audit socket for those who may not write to it.
fn socket_rules() -> [Rule; 5] {
    let socket = |action| rule(&["socket"], action);
    let may_audit = &["CAP_AUDIT_WRITE"];
    [
        socket(EPERM).on(0, Operator::Equal, AF_VSOCK),
        socket(EINVAL)
            .on(0, Operator::Equal, AF_NETLINK)
            .on(2, Operator::Equal, NETLINK_AUDIT)
            .without(may_audit),
        socket(Action::Allow)
            .on(0, Operator::Equal, AF_NETLINK)
            .on(2, Operator::NotEqual, NETLINK_AUDIT)
            .without(may_audit),
        socket(Action::Allow).on(0, Operator::NotEqual, AF_NETLINK).without(may_audit),
        socket(Action::Allow).on(0, Operator::NotEqual, AF_VSOCK).with(may_audit),
    ]
}

fn rule(names: &[&str], action: Action) -> Rule {
    Rule {
        calls: names.iter().filter_map(|name| find_call(name)).collect(),
        action,
        comparisons: Vec::new(),
        includes: Condition::default(),
        excludes: Condition::default(),
    }
}

fn capabilities(names: &[&str]) -> CapSet {
    names.iter().filter_map(|name| Capability::parse(name).ok()).collect()
}

impl Rule {
    fn on(mut self, index: u8, operator: Operator, value: u64) -> Self {
        self.comparisons.push(Comparison { index, operator, value, value_two: 0 });
        self
    }

    fn with(mut self, names: &[&str]) -> Self {
        self.includes.caps = capabilities(names);
        self
    }

    fn without(mut self, names: &[&str]) -> Self {
        self.excludes.caps = capabilities(names);
        self
    }
}
