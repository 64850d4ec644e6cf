//! Which program the services start.
//!
//! Knows where the generator is installed, not what the program does.

use std::env;
use std::path::{Path, PathBuf};

/// Where a distribution's package puts it.
const USUAL: &str = "/usr/bin/pontoon";

/// The program: what the environment says, or the one installed beside this generator.
pub fn program() -> String {
    // `PODMAN` is how the original is told, so that set-ups made for it go on working.
    for name in ["PONTOON", "PODMAN"] {
        if let Some(path) = env::var(name).ok().filter(|path| !path.is_empty()) {
            return path;
        }
    }
    let beside = env::current_exe().ok().and_then(|own| beside(&own)).filter(|path| path.is_file());
    beside.and_then(|path| path.into_os_string().into_string().ok()).unwrap_or_else(|| USUAL.to_owned())
}

/// `PREFIX/bin/pontoon` for a generator anywhere in `PREFIX/lib` or `PREFIX/libexec`, or the program itself.
fn beside(own: &Path) -> Option<PathBuf> {
    if own.file_name().is_some_and(|name| name == "pontoon") {
        return Some(own.to_owned());
    }
    let library = own.ancestors().skip(1).find(|path| path.ends_with("lib") || path.ends_with("libexec"))?;
    Some(library.parent()?.join("bin/pontoon"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(own: &str, expected: Option<&str>) {
        assert_eq!(beside(Path::new(own)), expected.map(PathBuf::from));
    }

    #[test]
    fn the_program_is_in_the_prefix_the_generator_is_in() {
        check("/usr/lib/systemd/system-generators/pontoon-system-generator", Some("/usr/bin/pontoon"));
        check("/usr/local/libexec/pontoon/pontoon-generator", Some("/usr/local/bin/pontoon"));
        check("/opt/x/lib/systemd/user-generators/pontoon-user-generator", Some("/opt/x/bin/pontoon"));
        check("/home/me/target/debug/pontoon-generator", None);
        check("/opt/x/bin/pontoon", Some("/opt/x/bin/pontoon"));
    }
}
