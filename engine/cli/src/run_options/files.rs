//! Files of lines that options name.

use std::path::Path;

use super::OptionError;

/// Largest such file: far more than an environment can hold, and no endless device.
const MAX_SIZE: u64 = 4 * 1024 * 1024;

/// Reads a file and gives each line with its number to `line`; the line's end is taken away.
pub(super) fn each_line(
    option: &'static str,
    path: &Path,
    mut line: impl FnMut(&str) -> Result<(), String>,
) -> Result<(), OptionError> {
    let text = read(option, path)?;
    for (index, bytes) in text.split(|byte| *byte == b'\n').enumerate() {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let fault = |why: String| OptionError::Line { path: path.to_owned(), line: index + 1, why };
        let text = std::str::from_utf8(bytes).map_err(|_| fault("the line is not valid UTF-8".to_owned()))?;
        if text.contains('\0') {
            return Err(fault("the line holds a NUL byte".to_owned()));
        }
        line(text).map_err(fault)?;
    }
    Ok(())
}

fn read(option: &'static str, path: &Path) -> Result<Vec<u8>, OptionError> {
    use std::io::Read as _;
    let unreadable = |source| OptionError::Unreadable { option, path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = Vec::new();
    // A file in /proc or a pipe tells no size, so the limit holds while reading.
    file.take(MAX_SIZE + 1).read_to_end(&mut text).map_err(unreadable)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MAX_SIZE) {
        return Err(unreadable(std::io::Error::from(std::io::ErrorKind::FileTooLarge)));
    }
    Ok(text)
}
