//! Who is told what happens while directories are searched.

use std::fmt;

/// Somebody who wants to know.
pub trait Listener {
    /// Something that keeps files from being used; without anybody who cares it is a warning.
    fn error(&mut self, text: &str) {
        self.warning(text);
    }

    /// A file that does not count, since one of its name comes before.
    fn shadowed(&mut self, path: &str) {
        let _ = path;
    }

    /// Something that likely means not what was meant.
    fn warning(&mut self, text: &str);

    /// What is being done.
    fn debug(&mut self, text: fmt::Arguments<'_>) {
        let _ = text;
    }
}
