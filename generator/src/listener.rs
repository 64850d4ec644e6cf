//! Who is told what happens while directories are searched.

/// Somebody who wants to know.
pub trait Listener {
    /// Something that likely means not what was meant.
    fn warning(&mut self, text: &str);

    /// What is being done.
    fn debug(&mut self, text: &str) {
        let _ = text;
    }
}
