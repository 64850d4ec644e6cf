//! The log as a file: a line for each line of the payload, with its time and stream.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use pontoon_monitor::{time, whole};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::Stream;

/// A file that is put aside when it has reached its size.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    max_size: Option<u64>,
}

impl LogFile {
    /// Opens, or makes, the file at `path`; `max_size` is in bytes.
    ///
    /// # Errors
    /// If it cannot be opened, or is no regular file.
    pub fn open(path: &Path, max_size: Option<u64>) -> io::Result<Self> {
        let file = open_file(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size, max_size })
    }

    /// Appends a line, or a part of one. What cannot be written is lost.
    pub fn keep(&mut self, stream: Stream, line: &[u8], partial: bool) {
        let name = if stream == Stream::Output { "stdout" } else { "stderr" };
        let kind = if partial { 'P' } else { 'F' };
        let mut entry = format!("{} {name} {kind} ", time::rfc3339(time::now())).into_bytes();
        entry.extend(line);
        entry.push(b'\n');
        if self.max_size.is_some_and(|max| self.size > 0 && self.size + entry.len() as u64 > max)
            && let Ok(fresh) = begin_anew(&self.path)
        {
            (self.file, self.size) = (fresh, 0);
        }
        if whole::append(&self.file, &entry).is_ok() {
            self.size += entry.len() as u64;
        }
    }
}

/// Puts a full log aside, as `.log.1`, and gives the fresh one. Who looks at the log meanwhile finds the one or the other.
fn begin_anew(path: &Path) -> io::Result<File> {
    let fresh_path = path.with_extension("log.new");
    let aside = path.with_extension("log.1");
    // What is there was left by somebody who got no further: a fresh log, or a full one whose name was changed already.
    match std::fs::symlink_metadata(&fresh_path) {
        Ok(left) if left.len() > 0 => {
            std::fs::rename(&fresh_path, &aside)?;
            let fresh = open_file(path)?;
            if fresh.metadata()?.len() == 0 {
                return Ok(fresh);
            }
        }
        Ok(_) => std::fs::remove_file(&fresh_path)?,
        Err(err) if err.kind() == io::ErrorKind::NotFound => {}
        Err(err) => return Err(err),
    }
    let fresh = open_file(&fresh_path)?;
    if renameat_with(CWD, &fresh_path, CWD, path, RenameFlags::EXCHANGE).is_ok() {
        std::fs::rename(&fresh_path, aside)?;
    } else {
        // A file system that cannot exchange names has a moment without a log.
        std::fs::rename(path, aside)?;
        std::fs::rename(&fresh_path, path)?;
    }
    Ok(fresh)
}

fn open_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // A pipe without a reader would keep us waiting, and nothing but a file can be read again.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path);
    let not_a_file = || io::Error::other(format!("`{}` is no regular file", path.display()));
    let file = match file {
        Err(err) if err.raw_os_error() == Some(libc::ENXIO) => return Err(not_a_file()),
        other => other?,
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_a_file()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_is_put_aside_and_never_missing() {
        let directory = std::env::temp_dir().join(format!("pontoon-full-log-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("ctr.log");
        let mut log = LogFile::open(&path, Some(10_000)).unwrap();
        let watcher = std::thread::spawn({
            let path = path.clone();
            move || (0..20_000).filter(|_| std::fs::metadata(&path).is_err()).count()
        });
        while !watcher.is_finished() {
            log.keep(Stream::Output, b"a line", false);
        }
        assert_eq!(watcher.join().unwrap(), 0);
        let mut names: Vec<_> =
            std::fs::read_dir(&directory).unwrap().map(|it| it.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["ctr.log", "ctr.log.1"]);
        assert!(std::fs::metadata(directory.join("ctr.log.1")).unwrap().len() <= 10_000);
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_full_log_that_cannot_be_put_aside_is_not_lost() {
        let directory = std::env::temp_dir().join(format!("pontoon-stuck-log-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        let aside = directory.join("ctr.log.1");
        std::fs::create_dir_all(aside.join("in the way")).unwrap();
        let path = directory.join("ctr.log");
        let mut log = LogFile::open(&path, Some(100)).unwrap();
        for line in ["one", "two", "three", "four"] {
            log.keep(Stream::Output, line.repeat(10).as_bytes(), false);
        }
        std::fs::remove_dir_all(&aside).unwrap();
        log.keep(Stream::Output, b"last", false);
        let of = |path: &Path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.lines().map(|it| it.rsplit(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(of(&aside), ["one", "two", "three", "four"].map(|it| it.repeat(10)));
        assert_eq!(of(&path), ["last"]);
        assert!(!directory.join("ctr.log.new").exists());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
