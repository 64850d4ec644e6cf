//! Programs that decide about devices of a control group.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// `BPF_PROG_LOAD` and `BPF_PROG_ATTACH`, from `linux/bpf.h`.
const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
/// `BPF_PROG_TYPE_CGROUP_DEVICE` and `BPF_CGROUP_DEVICE`.
const TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;
/// `BPF_F_ALLOW_MULTI`: groups below may have programs of their own, and all must agree.
const ALLOW_MULTI: u32 = 1 << 1;

/// One instruction: the kernel's `struct bpf_insn`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BpfInstruction {
    /// Operation.
    pub code: u8,
    /// Registers: the destination in the low four bits, the source in the high four.
    pub registers: u8,
    /// Offset of a jump, in instructions after the next, or into memory, in bytes.
    pub offset: i16,
    /// Operand.
    pub immediate: i32,
}

/// The part of `union bpf_attr` that `BPF_PROG_LOAD` reads, up to `prog_flags`; the kernel takes the rest as zero.
#[repr(C)]
struct LoadAttributes {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
}

/// The part of `union bpf_attr` that `BPF_PROG_ATTACH` reads.
#[repr(C)]
struct AttachAttributes {
    target_fd: u32,
    attach_bpf_fd: u32,
    attach_type: u32,
    attach_flags: u32,
}

/// `int bpf(BPF_PROG_LOAD, union bpf_attr *attr, unsigned int size)`
///
/// Loads a program that decides about devices. It needs `CAP_BPF` and `CAP_NET_ADMIN`, or `CAP_SYS_ADMIN`, in the initial
/// user namespace.
///
/// # Errors
/// The kernel's error: `EPERM` without the capabilities, `ENOSYS` or `EINVAL` where the kernel has no such programs, or
/// does not take this one.
///
/// See <https://man7.org/linux/man-pages/man2/bpf.2.html>.
pub fn load_device_program(program: &[BpfInstruction]) -> io::Result<OwnedFd> {
    let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
    // The kernel's own licences decide about helper functions only, and none is called.
    let license = c"Apache-2.0";
    let attributes = LoadAttributes {
        prog_type: TYPE_CGROUP_DEVICE,
        insn_cnt: u32::try_from(program.len()).map_err(|_| invalid())?,
        insns: program.as_ptr().addr() as u64,
        license: license.as_ptr().addr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: 0,
    };
    // SAFETY: `attributes` has the size passed; in it are the address and number of instructions that outlive the call, and
    // of a null-terminated text. The kernel copies and checks both.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const attributes, size_of::<LoadAttributes>())
    };
    let number = RawFd::try_from(result).map_err(|_| invalid())?;
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us (close-on-exec, as all of its kind), and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// `int bpf(BPF_PROG_ATTACH, union bpf_attr *attr, unsigned int size)`
///
/// From here on `program` decides about devices that processes in `cgroup`, and in groups below it, open or make; others
/// that are attached there must agree.
///
/// # Errors
/// The kernel's error.
pub fn attach_device_program(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let attributes = AttachAttributes {
        target_fd: cgroup.as_raw_fd().cast_unsigned(),
        attach_bpf_fd: program.as_raw_fd().cast_unsigned(),
        attach_type: ATTACH_CGROUP_DEVICE,
        attach_flags: ALLOW_MULTI,
    };
    // SAFETY: `attributes` has the size passed, and the kernel only reads it; both descriptors are open for the call.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, PROG_ATTACH, &raw const attributes, size_of::<AttachAttributes>())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
