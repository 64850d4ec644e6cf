//! What went wrong on a bus, told once.

/// An error of the bus or of whoever answered on it.
///
/// zbus's own errors say the same words again in their source, so that a chain of causes would repeat itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Fault {
    /// Its D-Bus name, if the other side answered with it.
    pub name: Option<String>,
    /// What was said.
    pub words: String,
}

impl From<&zbus::Error> for Fault {
    fn from(error: &zbus::Error) -> Self {
        let whole = error.to_string();
        match error {
            zbus::Error::MethodError(name, words, _) => Self {
                name: Some(name.to_string()),
                words: words.clone().unwrap_or_else(|| name.to_string()),
            },
            zbus::Error::FDO(_) => match whole.split_once(": ") {
                Some((name, words)) => Self { name: Some(name.to_owned()), words: words.to_owned() },
                None => Self { name: None, words: whole },
            },
            _ => Self { name: None, words: whole },
        }
    }
}

impl Fault {
    /// Whether the other side answered with that error.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name)
    }
}
