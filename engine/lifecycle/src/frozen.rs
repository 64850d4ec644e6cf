//! Processes that stand still while we look at what they have written, and not a moment longer.

use pontoon_monitor::state::RunState;
use pontoon_rootless::afterwards::Afterwards;

use crate::pause::{self, PauseError};

/// A run whose processes stand still. They go on when this is dropped, and also when we are killed.
#[derive(Debug)]
pub struct Frozen<'a> {
    state: &'a RunState,
    is_over: bool,
    /// Goes last: until they go on, a child of ours is there to see to it.
    _afterwards: Afterwards,
}

impl<'a> Frozen<'a> {
    /// Freezes them, and waits until it is so. Called with a single thread only.
    ///
    /// # Errors
    /// See [`PauseError`].
    pub fn new(state: &'a RunState) -> Result<Self, PauseError> {
        let go_on = || {
            // Nobody is left who could be told.
            let _ = pause::set(state, false);
        };
        let afterwards = Afterwards::new(go_on).map_err(PauseError::Child)?;
        let frozen = Self { state, is_over: false, _afterwards: afterwards };
        pause::set(state, true)?;
        Ok(frozen)
    }

    /// Lets them go on. Of those that have ended meanwhile there is nothing to be said.
    ///
    /// # Errors
    /// See [`PauseError`].
    pub fn go_on(mut self) -> Result<(), PauseError> {
        self.is_over = true;
        match pause::set(self.state, false) {
            Err(_) if !pause::has_group(self.state) => Ok(()),
            other => other,
        }
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            // Why there is an end of it is what there is to tell.
            let _ = pause::set(self.state, false);
        }
    }
}
