//! A unit file that is being written.

/// A unit file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// Its name, `web.container`.
    pub name: String,
    sections: Vec<(&'static str, Vec<(String, String)>)>,
}

impl File {
    /// A file without a line.
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), sections: Vec::new() }
    }

    /// Adds an assignment; the value is written as it is.
    pub(super) fn push(&mut self, section: &'static str, key: &str, value: String) {
        let index = match self.sections.iter().position(|(name, _)| *name == section) {
            Some(index) => index,
            None => {
                self.sections.push((section, Vec::new()));
                self.sections.len() - 1
            }
        };
        if let Some((_, lines)) = self.sections.get_mut(index) {
            lines.push((key.to_owned(), value));
        }
    }

    /// Makes sure that a section is there.
    pub(super) fn section(&mut self, section: &'static str) {
        if self.sections.iter().all(|(name, _)| *name != section) {
            self.sections.push((section, Vec::new()));
        }
    }

    /// The text: what the thing is comes first, systemd's own sections last.
    pub fn text(&self) -> String {
        let rank = |name: &str| match name {
            "Unit" => 0,
            "Service" => 2,
            "Install" => 3,
            _ => 1,
        };
        let mut sections: Vec<_> = self.sections.iter().collect();
        sections.sort_by_key(|(name, _)| rank(name));
        let mut text = String::new();
        for (name, lines) in sections {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!("[{name}]\n"));
            for (key, value) in lines {
                text.push_str(&format!("{key}={value}\n"));
            }
        }
        text
    }
}
