//! The program that services start: ours, under the name by which we were called.

use std::env;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::{Context, Failure};

/// The absolute path of this program. Where we stand in for Podman under its name, that is what the services call.
pub(super) fn program(context: &Context) -> Result<String, Failure> {
    let own = env::current_exe()
        .map_err(|err| Failure::from(err).while_doing("cannot tell where this program is".to_owned()))?;
    let found = called(context.name(), &own).unwrap_or(own);
    found.into_os_string().into_string().map_err(|path| {
        Failure::new(format!("the program's path `{}` is not UTF-8", PathBuf::from(path).display()), None)
    })
}

/// The path by which we were called, if it leads to our own file: a link keeps its name.
fn called(name: &str, own: &Path) -> Option<PathBuf> {
    let is_own = |path: &PathBuf| {
        let (Ok(theirs), Ok(ours)) = (path.metadata(), own.metadata()) else { return false };
        (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino())
    };
    let word = PathBuf::from(env::args_os().next()?);
    if word.components().count() > 1 {
        return std::path::absolute(word).ok().filter(is_own);
    }
    let places = env::var_os("PATH")?;
    env::split_paths(&places).map(|place| place.join(name)).find(|path| path.is_absolute() && is_own(path))
}
