//! What the kernel has no more of, or may not give us: what to do about it, for all errors that do not know better.

use std::error::Error;
use std::io;

use rustix::io::Errno;

/// What to do about an error whose innermost cause is that something has run short.
#[must_use]
pub fn hint(error: &(dyn Error + 'static)) -> Option<String> {
    let mut innermost = None;
    let mut next = Some(error);
    while let Some(error) = next {
        innermost = errno_of(error).or(innermost);
        next = error.source();
    }
    hint_for(innermost?).map(str::to_owned)
}

/// What to do about something that has run short.
#[must_use]
pub fn hint_for(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::MFILE => {
            "too many files are open at once: `ulimit -n`, or LimitNOFILE= of the unit, allows more"
        }
        Errno::NFILE => {
            "the whole machine has too many files open: `sysctl fs.file-max` as root tells and allows more"
        }
        Errno::NOMEM => "memory is short: see `free`, and MemoryMax= of the unit and the slices around it",
        Errno::AGAIN => {
            "where a process was to be made, there are too many: `ulimit -u`, or TasksMax= of the unit or slice, allows more"
        }
        Errno::NOSPC => {
            "a file system is full (`df` and `df -i` show which); `pontoon image prune` frees what no container uses"
        }
        Errno::DQUOT => "your disk quota is used up",
        Errno::FBIG => "no file may become that large: `ulimit -f`, or LimitFSIZE= of the unit, allows more",
        _ => return None,
    })
}

/// The kernel's word, where an error is that.
fn errno_of(error: &(dyn Error + 'static)) -> Option<Errno> {
    if let Some(errno) = error.downcast_ref::<Errno>() {
        return Some(*errno);
    }
    if let Some(errno) = error.downcast_ref::<nix::errno::Errno>() {
        return Errno::from_io_error(&io::Error::from(*errno));
    }
    let error = error.downcast_ref::<io::Error>()?;
    Errno::from_io_error(error).or_else(|| errno_of(error.get_ref()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot do it")]
    struct Tried(#[source] io::Error);

    #[test]
    fn the_innermost_cause_says_what_has_run_short() {
        let full = io::Error::from(Errno::MFILE);
        assert!(hint(&Tried(full)).is_some_and(|it| it.contains("ulimit -n")));
        let inside = io::Error::other(Errno::NOMEM);
        assert!(hint(&Tried(inside)).is_some_and(|it| it.contains("MemoryMax=")));
        assert!(hint(&nix::errno::Errno::EAGAIN).is_some_and(|it| it.contains("TasksMax=")));
        assert!(hint(&Errno::FBIG).is_some_and(|it| it.contains("ulimit -f")));
        assert_eq!(hint(&Tried(io::Error::from(Errno::NOENT))), None);
        assert_eq!(hint(&Tried(io::Error::other("words"))), None);
    }
}
