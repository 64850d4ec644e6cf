//! Who wanted containers to end while an update of their unit is tried: told in a file, since a container that is removed leaves
//! nothing else behind.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A run of a container that ends, or was told to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndNote {
    /// The container's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Pid of its supervisor.
    pub supervisor: i32,
    /// When the run was started, nanoseconds since 1970.
    pub started_at: u64,
    /// Somebody else than itself or its health check wanted it to end (a command, a service manager), so that its end says
    /// nothing of it.
    pub by_others: bool,
}

/// Adds a note to a file that somebody has made who wants to know. Where it is gone, nobody wants to any more.
///
/// # Errors
/// If the file is there and cannot be written.
pub fn add(path: &Path, note: &EndNote) -> io::Result<()> {
    let mut file = match OpenOptions::new().append(true).open(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let mut line = serde_json::to_vec(note)?;
    line.push(b'\n');
    // In one piece: several supervisors write to it.
    file.write_all(&line)
}

/// The notes of a file, the first that came first; what cannot be read is passed over.
#[must_use]
pub fn read(path: &Path) -> Vec<EndNote> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_kept_in_their_order_and_only_where_somebody_wants_them() {
        let path = std::env::temp_dir().join(format!("pontoon-ends-{}", std::process::id()));
        let note = |id: &str, by_others| EndNote { id: id.to_owned(), by_others, ..EndNote::default() };
        add(&path, &note("a", true)).unwrap();
        assert!(!path.exists());
        std::fs::write(&path, "").unwrap();
        add(&path, &note("a", false)).unwrap();
        add(&path, &note("b", true)).unwrap();
        assert_eq!(read(&path), [note("a", false), note("b", true)]);
        std::fs::write(&path, "{\"id\":\"c\",\"new\":1}\n{").unwrap();
        assert_eq!(read(&path), [note("c", false)]);
        std::fs::remove_file(&path).unwrap();
    }
}
