//! Whether somebody else than root could have written what the system, or all users, would run.

use pontoon_units::search::{Manager, Writers};
use rustix::fs::Stat;

/// Others may write.
const OTHERS_WRITE: u32 = 0o002;

/// Whose files count.
#[derive(Debug, Clone, Copy)]
pub struct Trust {
    writers: Writers,
    manager: Manager,
}

impl Trust {
    /// In a search directory of a manager.
    pub fn new(writers: Writers, manager: Manager) -> Self {
        Self { writers, manager }
    }

    /// Whether a file must be looked at before it counts.
    pub fn is_strict(self) -> bool {
        self.writers == Writers::Root
    }

    /// Why a file or directory does not count.
    pub fn refusal(self, about: &Stat) -> Option<String> {
        if !self.is_strict() {
            return None;
        }
        let own = match self.manager {
            Manager::System => 0,
            Manager::User { uid } => uid,
        };
        if about.st_uid != 0 && about.st_uid != own {
            return Some(format!("it belongs to uid {}, who is not root", about.st_uid));
        }
        (about.st_mode & OTHERS_WRITE != 0).then(|| "anybody may write to it".to_owned())
    }
}
