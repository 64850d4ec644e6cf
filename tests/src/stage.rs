//! The product as `make install` lays it out, built once per run and copied into test hosts.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::host::TestHost;
use crate::machine;

static STAGE: OnceLock<PathBuf> = OnceLock::new();

/// Whether the original stands in for the product (`PONTOON_ORIGINAL=1`): to see that a test says what Podman does.
pub fn is_original() -> bool {
    std::env::var_os("PONTOON_ORIGINAL").is_some()
}

/// The directory that holds `usr/bin/pontoon` and the rest.
///
/// `PONTOON_STAGE` names one that is there already; otherwise `make install` makes `target/stage`.
pub fn provide() -> PathBuf {
    STAGE
        .get_or_init(|| {
            if let Some(stage) = std::env::var_os("PONTOON_STAGE") {
                return PathBuf::from(stage);
            }
            let stage = machine::workspace().join("target/stage");
            let status = make()
                .current_dir(machine::workspace())
                .args(["--silent", "install", "PREFIX=/usr"])
                .arg(format!("DESTDIR={}", stage.display()))
                .stdin(Stdio::null())
                .status()
                .expect("make runs");
            assert!(status.success(), "`make install` failed");
            stage
        })
        .clone()
}

/// make, whatever make it was that started us.
fn make() -> Command {
    let mut command = Command::new("make");
    for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"] {
        command.env_remove(name);
    }
    // What Cargo says of this test. Build scripts that look at it would run again, and all that hangs on
    // them would be built twice.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|it| name.to_string_lossy().starts_with(it)) {
            command.env_remove(name);
        }
    }
    command
}

static PAYLOAD: OnceLock<PathBuf> = OnceLock::new();

/// The static program that tests put into containers (see [`crate::payload`]).
pub fn payload() -> PathBuf {
    PAYLOAD
        .get_or_init(|| {
            let output = make()
                .current_dir(machine::workspace())
                .args(["--silent", "payload"])
                .stdin(Stdio::null())
                .stderr(Stdio::inherit())
                .output()
                .expect("make runs");
            assert!(output.status.success(), "`make payload` failed");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            PathBuf::from(text.lines().last().expect("make payload says where it is").trim())
        })
        .clone()
}

/// Installs the product into a host and lets both managers run its generators.
pub fn install(host: &TestHost) {
    if is_original() {
        host.write("root", "/usr/bin/pontoon", "#!/bin/sh\nexec podman \"$@\"\n");
        host.root("chmod 755 /usr/bin/pontoon").ok();
        return;
    }
    host.copy_in(&provide(), "/");
    host.root("systemctl daemon-reload").ok();
    host.alice("systemctl --user daemon-reload").ok();
}
