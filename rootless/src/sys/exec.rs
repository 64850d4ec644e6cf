//! Becoming another program.

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// A null-terminated array of C strings, as `execve` wants its arguments and environment.
#[derive(Debug)]
pub struct CStringArray {
    /// Owns the texts that `pointers` points into; never changed after construction.
    _strings: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl CStringArray {
    /// Takes the strings over.
    #[must_use]
    pub fn new(strings: Vec<CString>) -> Self {
        let pointers = strings.iter().map(|it| it.as_ptr()).chain([ptr::null()]).collect();
        Self { _strings: strings, pointers }
    }
}

/// `int execve(const char *pathname, char *const argv[], char *const envp[])`
///
/// Returns only if it failed.
///
/// See <https://man7.org/linux/man-pages/man2/execve.2.html>.
pub fn exec_path(path: &CStr, arguments: &CStringArray, environment: &CStringArray) -> io::Error {
    // SAFETY: all three point to null-terminated strings; both arrays end with a null pointer and own what they point to.
    unsafe { libc::execve(path.as_ptr(), arguments.pointers.as_ptr(), environment.pointers.as_ptr()) };
    io::Error::last_os_error()
}

/// `int execveat(int dirfd, "", char *const argv[], char *const envp[], AT_EMPTY_PATH)`
///
/// Runs the program that `fd` is open on. Returns only if it failed.
pub fn exec_fd(fd: BorrowedFd<'_>, arguments: &CStringArray, environment: &CStringArray) -> io::Error {
    // SAFETY: `fd` is open for the length of the call; the empty path is a null-terminated literal; both arrays end with a
    // null pointer and own what they point to.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            fd.as_raw_fd(),
            c"".as_ptr(),
            arguments.pointers.as_ptr(),
            environment.pointers.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    io::Error::last_os_error()
}
