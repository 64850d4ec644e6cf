//! Lines that are in a file as a whole, or not at all.

use std::fs::File;
use std::io::{self, Seek, Write};

/// Appends a line to a file that was opened for that. Half a line would have the next one in it: where a disk is full, whole ones
/// are lost.
///
/// # Errors
/// The kernel's error: then nothing of it is there.
pub fn append(file: &File, line: &[u8]) -> io::Result<()> {
    write_counted(file, line).map_err(|(written, err)| {
        take_back(file, written);
        err
    })
}

/// Writes all of it, or gives how much of it was written, and what was in the way.
fn write_counted(mut to: impl Write, bytes: &[u8]) -> Result<(), (u64, io::Error)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|it| !it.is_empty()) {
        match to.write(rest) {
            Ok(0) => return Err((written as u64, io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err((written as u64, err)),
        }
    }
    Ok(())
}

/// Takes away what was written last; not if somebody else has written behind it.
fn take_back(mut file: &File, count: u64) {
    if count > 0
        && let Ok(end) = file.stream_position()
        && file.metadata().is_ok_and(|it| it.len() == end)
    {
        let _ = file.set_len(end.saturating_sub(count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_written_whole_leaves_nothing() {
        let written = |room: usize| {
            let mut space = [0u8; 8];
            write_counted(&mut space[..room], b"whole").map_err(|(written, _)| written)
        };
        assert_eq!((written(4), written(5)), (Err(4), Ok(())));
        let path = std::env::temp_dir().join(format!("pontoon-half-line-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let open = || File::options().append(true).create(true).open(&path).unwrap();
        let (one, other) = (open(), open());
        append(&one, b"before\n").unwrap();
        (&one).write_all(b"half").unwrap();
        take_back(&one, 4);
        append(&other, b"after\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before\nafter\n");
        // What others have written is theirs.
        (&one).write_all(b"half").unwrap();
        append(&other, b"of another\n").unwrap();
        take_back(&one, 4);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before\nafter\nhalfof another\n");
        std::fs::remove_file(&path).unwrap();
    }
}
