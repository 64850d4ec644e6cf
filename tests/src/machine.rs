//! What the machine that runs the tests offers: directories, its cgroup2 mount, and packages installed when they are missing.
//!
//! Knows nothing of what is inside a test host.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The checkout that these tests belong to.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

/// Where everything that is expensive to make is kept between runs: `target/testhost`, or `PONTOON_TESTHOST_DIR`.
pub fn cache() -> PathBuf {
    let dir = std::env::var_os("PONTOON_TESTHOST_DIR")
        .map_or_else(|| workspace().join("target/testhost"), PathBuf::from);
    fs::create_dir_all(&dir).unwrap_or_else(|err| panic!("cannot make {}: {err}", dir.display()));
    dir
}

/// Where cgroup v2 is mounted: `/sys/fs/cgroup` on most machines, below it where cgroup v1 is still about.
pub fn cgroup2() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mountinfo is readable");
    mounts
        .lines()
        .filter_map(|line| {
            let (front, back) = line.split_once(" - ")?;
            back.starts_with("cgroup2 ").then(|| front.split(' ').nth(4).map(PathBuf::from))?
        })
        .next()
        .expect("cgroup v2 is mounted nowhere on this machine; the test host needs it")
}

/// Stops with a clear word where the test host cannot be made.
pub fn require_root() {
    assert!(
        rustix::process::geteuid().is_root(),
        "the test host is made of namespaces, mounts and cgroups of the machine: run this as root (sudo make check)"
    );
}

/// Installs Debian packages whose programs are missing. Each entry is `(program, package)`.
pub fn require_programs(programs: &[(&str, &str)]) {
    let missing: Vec<&str> = programs
        .iter()
        .filter(|(program, _)| find_program(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    install(&missing);
}

/// Installs a Debian package that is more than a program.
pub fn require_package(package: &str) {
    install(&[package]);
}

fn install(missing: &[&str]) {
    if missing.is_empty() {
        return;
    }
    eprintln!("testhost: installing {}", missing.join(" "));
    let apt = |words: &[&str]| {
        let status = Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            // No package may start its service here (invoke-rc.d(8)).
            .env("RUNLEVEL", "1")
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .unwrap_or_else(|err| {
                panic!("cannot run apt-get, and {} are missing: {err}", missing.join(", "))
            });
        status.success()
    };
    let mut words = vec!["install", "--yes", "--no-install-recommends"];
    words.extend(missing);
    // Lists may be stale or absent; fetching them is only needed then.
    if !apt(&words) {
        assert!(apt(&["update"]), "apt-get update failed");
        assert!(apt(&words), "apt-get could not install {}", missing.join(", "));
    }
}

/// Installs what the rooms' own tests meet real counterparts of. They fail where one is missing only if this could see to it.
pub fn require_peers() {
    const PEERS: [(&str, &str); 10] = [
        ("newuidmap", "uidmap"),
        ("pasta", "passt"),
        ("slirp4netns", "slirp4netns"),
        ("umoci", "umoci"),
        ("skopeo", "skopeo"),
        ("docker-registry", "docker-registry"),
        ("openssl", "openssl"),
        ("htpasswd", "apache2-utils"),
        ("ip", "iproute2"),
        ("nft", "nftables"),
    ];
    if rustix::process::geteuid().is_root() {
        require_programs(&PEERS);
    }
    for (program, package) in PEERS {
        if find_program(program).is_none() {
            eprintln!("{program} is missing (Debian's package {package}): tests that need it are left out");
        }
    }
}

/// The first executable of that name on `PATH` or in the administrator's directories.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"])
        .map(|dir| Path::new(dir).join(name))
        .find(|file| file.is_file())
}

/// Whether this machine itself was booted by systemd (`man sd_booted`).
pub fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}
