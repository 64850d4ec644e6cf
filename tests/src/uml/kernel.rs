//! The kernel: Debian's package of it, unpacked beside the C library that it wants, whatever Debian this machine is.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::{machine, root};

const PACKAGES: &str = "user-mode-linux,libc6";

/// A root file system with `/usr/bin/linux.uml` and all that it needs to run.
pub fn provide() -> PathBuf {
    let roots = machine::cache().join("roots");
    fs::create_dir_all(&roots).expect("the cache is writable");
    let kernel = roots.join(format!("kernel-{}", root::key(&[root::SUITE, PACKAGES])));
    root::provide_locked(&kernel, make);
    kernel
}

/// Where that root has the kernel's modules.
pub fn modules(kernel: &Path) -> PathBuf {
    kernel.join("usr/lib/uml/modules")
}

fn make(new: &Path) {
    machine::require_programs(&[("mmdebstrap", "mmdebstrap")]);
    eprintln!("testhost: fetching the kernel of the UML host");
    let output = root::mmdebstrap()
        // Of two given, the last counts.
        .args(["--variant=extract", &format!("--include={PACKAGES}"), root::SUITE])
        .arg(new)
        .stdin(Stdio::null())
        .output()
        .expect("mmdebstrap runs");
    assert!(
        output.status.success(),
        "mmdebstrap failed ({}):\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    // What a package of Debian's base would bring.
    symlink("usr/lib64", new.join("lib64")).expect("a fresh tree");
    for dir in ["proc", "dev", "tmp"] {
        fs::create_dir_all(new.join(dir)).expect("a fresh tree");
    }
}
