//! What `inspect` finds of the names it was given: all that is there is shown, and all that is not is told after it.

use pontoon_cli::exit::ExitStatus;
use pontoon_cli::format::TemplateError;

use super::Failure;

/// The names of which there is nothing, with why.
#[derive(Debug, Default)]
pub(super) struct Missing(Vec<Failure>);

impl Missing {
    /// Tells them; success if there are none.
    pub(super) fn told(mut self) -> Result<ExitStatus, Failure> {
        let last = self.0.pop();
        self.0.iter().for_each(Failure::print);
        last.map_or(Ok(ExitStatus::Success), Err)
    }
}

/// Looks up each of the names.
///
/// # Errors
/// A template that cannot be filled is one fault, however many names there are.
pub(super) fn each<T>(
    names: &[String],
    mut look_up: impl FnMut(&str) -> Result<T, Failure>,
) -> Result<(Vec<T>, Missing), Failure> {
    let (mut found, mut missing) = (Vec::new(), Missing::default());
    for name in names {
        match look_up(name) {
            Ok(it) => found.push(it),
            Err(failure) if failure.error.is::<TemplateError>() => return Err(failure),
            Err(failure) => missing.0.push(failure),
        }
    }
    Ok((found, missing))
}
