//! Root file systems made of Debian packages by mmdebstrap, kept under a key that stands for everything they are made of.
//!
//! A finished root is never written again: each test host lays its own upper directory over it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::machine;

/// Debian's release of every test host.
pub const SUITE: &str = "trixie";

/// What the product's host has: systemd, the helpers the product may call, and tools of the tests. No container engine.
const PRODUCT: &[&str] = &[
    "systemd",
    "systemd-sysv",
    "dbus",
    "dbus-user-session",
    "libpam-systemd",
    "passwd",
    "uidmap",
    "passt",
    "slirp4netns",
    "fuse-overlayfs",
    "iproute2",
    "procps",
    "psmisc",
    "curl",
    "ca-certificates",
    "openssl",
    "nftables",
    "busybox-static",
    "kmod",
    "strace",
    "jq",
    "acl",
    "attr",
    "apparmor",
    "netcat-openbsd",
    // A registry that lies (host/liar.py).
    "python3",
    "tzdata",
    // Independent peers: they serve, copy and make images; neither of them runs a container.
    "docker-registry",
    "skopeo",
    "umoci",
];

/// What the bench host and the comparing tests have in addition.
const ORIGINAL: &[&str] = &["podman", "crun", "buildah", "catatonit", "aardvark-dns", "iperf3", "time"];

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// No container engine but ours.
    #[default]
    Product,
    /// Podman beside ours: for benchmarks, and for seeing what the original does.
    WithPodman,
}

impl Kind {
    fn packages(self) -> Vec<&'static str> {
        match self {
            Self::Product => PRODUCT.to_vec(),
            Self::WithPodman => [PRODUCT, ORIGINAL].concat(),
        }
    }
}

/// What is done to the fresh tree, by the machine's shell with the tree as `$1`.
const CUSTOMIZE: &str = include_str!("../host/customize.sh");

/// The root of that kind, made if it is not there yet.
pub fn provide(kind: Kind) -> PathBuf {
    machine::require_root();
    let packages = kind.packages();
    let key = key(&[SUITE, &packages.join(","), CUSTOMIZE]);
    let roots = machine::cache().join("roots");
    fs::create_dir_all(&roots).expect("the cache is writable");
    let root = roots.join(&key);
    provide_locked(&root, |new| debootstrap(&packages, new));
    root
}

/// Makes `target` with `make` unless it exists; of several processes that want it, one works and the others wait.
///
/// `make` gets a temporary path, which becomes `target` by rename when it is done.
pub fn provide_locked(target: &Path, make: impl FnOnce(&Path)) {
    if target.exists() {
        return;
    }
    let lock = File::create(target.with_extension("lock")).expect("the cache is writable");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("flock works");
    if target.exists() {
        return;
    }
    let new = target.with_extension("new");
    remove(&new);
    make(&new);
    fs::rename(&new, target).expect("a rename within the cache");
}

/// A short name for these texts taken together.
pub fn key(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().iter().take(6).fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// Removes a file or a tree, if it is there.
pub fn remove(path: &Path) {
    let gone =
        if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    if let Err(err) = gone {
        assert!(err.kind() == std::io::ErrorKind::NotFound, "cannot remove {}: {err}", path.display());
    }
}

fn debootstrap(packages: &[&str], target: &Path) {
    machine::require_programs(&[("mmdebstrap", "mmdebstrap"), ("unshare", "util-linux"), ("ip", "iproute2")]);
    eprintln!("testhost: making a Debian {SUITE} root of {} packages", packages.len());
    let log = target.with_extension("log");
    let script = target.with_extension("customize");
    fs::write(&script, CUSTOMIZE).expect("the cache is writable");
    let status = mmdebstrap()
        .arg(format!("--include={}", packages.join(",")))
        .arg(format!("--customize-hook=sh {} \"$1\"", script.display()))
        .arg(SUITE)
        .arg(target)
        .stdin(Stdio::null())
        .stderr(File::create(&log).expect("the cache is writable"))
        .status()
        .expect("mmdebstrap runs");
    remove(&script);
    assert!(
        status.success(),
        "mmdebstrap failed ({status}); its log is {}:\n{}",
        log.display(),
        fs::read_to_string(&log).unwrap_or_default()
    );
}

/// mmdebstrap as every caller wants it.
pub fn mmdebstrap() -> Command {
    let mut command = Command::new("mmdebstrap");
    command
        .args(["--mode=root", "--variant=minbase", "--format=directory"])
        // Machines whose clock or mirror snapshot is off: the signatures are still checked.
        .args(["--aptopt=Acquire::Check-Valid-Until \"false\"", "--aptopt=Acquire::Check-Date \"false\""])
        .args(["--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*"])
        .args([
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        ]);
    command
}
