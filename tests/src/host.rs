//! A test host: a Debian with systemd as its first process, booted in namespaces of this machine in about two seconds.
//!
//! Every host is its own: an upper directory of its own over the shared root, its own network, its own cgroup. It ends with
//! the process that booted it, whatever way that one ends: the keeper (`host/keeper.sh`) holds the other end of a pipe.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::enter::Entry;
use crate::output::Output;
use crate::root::{self, Kind};
use crate::{machine, network, wait};

/// How a host is booted.
#[derive(Debug, Clone, Default)]
pub struct BootOptions {
    /// Which packages it has.
    pub kind: Kind,
    /// What else it sees of this machine, read-only: `(path here, path there)`.
    pub binds: Vec<(PathBuf, String)>,
}

/// A running host. Dropping it powers it off and removes all of it.
#[derive(Debug)]
pub struct TestHost {
    keeper: Child,
    run: PathBuf,
    cgroup: PathBuf,
    pid: u32,
}

static SERIAL: AtomicU32 = AtomicU32::new(0);

impl TestHost {
    /// Boots a host and waits until its systemd and alice's user manager are up.
    pub fn boot(options: BootOptions) -> Self {
        machine::require_root();
        let root = root::provide(options.kind);
        let run = fresh_run(&SERIAL.fetch_add(1, Ordering::Relaxed).to_string());
        let binds: String =
            options.binds.iter().map(|(here, there)| format!("{} {there}\n", here.display())).collect();
        fs::write(run.join("binds"), binds).expect("a fresh file");
        let cgroup = machine::cgroup2().join(run.file_name().expect("a name"));

        let log = fs::File::create(run.join("log")).expect("a fresh file");
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("host");
        let keeper = Command::new("bash")
            .arg(scripts.join("keeper.sh"))
            .args([&run, &cgroup, &root])
            .arg(scripts.join("boot.sh"))
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            // A group of its own: Ctrl-C reaches us, and our end reaches it.
            .process_group(0)
            .spawn()
            .expect("bash runs");

        let mut host = Self { keeper, run, cgroup, pid: 0 };
        host.pid = wait::until_within("the test host's systemd to start", Duration::from_secs(60), || {
            match fs::read_to_string(host.run.join("pid")) {
                Ok(pid) => Ok(pid.trim().parse().expect("a pid")),
                Err(_) => Err(host.log()),
            }
        });
        host.wait_for_systemd();
        network::set_up(&host);
        host
    }

    /// systemd's pid as this machine sees it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The host's cgroup as this machine sees it.
    pub fn cgroup(&self) -> &Path {
        &self.cgroup
    }

    /// A path of the host as this machine can open it. Symbolic links in it are resolved here, not there.
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.pid))
    }

    /// A command to run inside; finish with [`Entry::run`] or [`Entry::start`].
    pub fn entry<'h>(&'h self, user: &str) -> Entry<'h> {
        Entry::new(self, user)
    }

    /// Runs one command as that user.
    #[must_use = "a command's result must be looked at: `.ok()`, `.fails(CODE)`"]
    pub fn run_as(&self, user: &str, words: &[&str]) -> Output {
        self.entry(user).run(words)
    }

    /// Runs a shell script (bash) as that user.
    #[must_use = "a command's result must be looked at: `.ok()`, `.fails(CODE)`"]
    pub fn sh_as(&self, user: &str, script: &str) -> Output {
        self.entry(user).sh(script)
    }

    /// Runs a shell script as alice.
    #[must_use = "a command's result must be looked at: `.ok()`, `.fails(CODE)`"]
    pub fn alice(&self, script: &str) -> Output {
        self.sh_as("alice", script)
    }

    /// Runs a shell script as root.
    #[must_use = "a command's result must be looked at: `.ok()`, `.fails(CODE)`"]
    pub fn root(&self, script: &str) -> Output {
        self.sh_as("root", script)
    }

    /// Writes a file as that user, directories above it included.
    pub fn write(&self, user: &str, path: &str, content: impl AsRef<[u8]>) {
        self.entry(user)
            .stdin(content.as_ref())
            .run(&["sh", "-c", "mkdir -p \"$(dirname \"$0\")\" && cat >\"$0\"", path])
            .ok();
    }

    /// Copies a file or a tree of this machine into the host, owned by root.
    pub fn copy_in(&self, here: &Path, there: &str) {
        let target = self.path(there);
        fs::create_dir_all(target.parent().expect("an absolute path")).expect("the host is writable");
        let status = Command::new("cp")
            .args(["-aT", "--no-preserve=ownership"])
            .args([here, &target])
            .status()
            .expect("cp runs");
        assert!(status.success(), "cannot copy {} into the test host", here.display());
    }

    /// Powers the host off and waits until nothing of it is left.
    pub fn power_off(self) {
        drop(self);
    }

    fn wait_for_systemd(&self) {
        // `--wait` lets systemd tell us; "degraded" is for the caller to judge.
        wait::until("systemd of the test host to come up", || {
            let state = self.run_as("root", &["systemctl", "is-system-running", "--wait"]);
            match state.text() {
                "running" => Ok(()),
                "degraded" => {
                    let failed = self.run_as("root", &["systemctl", "--failed", "--no-legend"]);
                    panic!("the test host came up degraded:\n{failed:?}")
                }
                _ => Err(format!("{state:?}\n{}", self.log())),
            }
        });
        self.root("systemctl start user@1000.service").ok();
        // Sessions as a login would make them, for the processes that tests send in.
        for (user, uid) in [("alice", 1000), ("bob", 1001), ("carol", 1002), ("dave", 1003)] {
            self.root(&format!(
                "systemd-run --quiet --unit=login-{user} --slice=user-{uid}.slice --scope \
                 sh -c 'exec sleep infinity' </dev/null >/dev/null 2>&1 &"
            ))
            .ok();
            let group = self.cgroup.join(format!("user.slice/user-{uid}.slice/login-{user}.scope"));
            wait::until_true("a login scope", || group.is_dir());
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.run.join("log")).unwrap_or_default()
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        // A clean end first, so that what only shows at power-off is seen; then the keeper takes the rest apart.
        if self.pid != 0 && !std::thread::panicking() {
            let _ = self.entry("root").limit(Duration::from_secs(20)).run(&["systemctl", "poweroff"]);
        }
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A fresh directory for one host, after what earlier ones have left was taken away.
pub(crate) fn fresh_run(name: &str) -> PathBuf {
    let runs = machine::cache().join("run");
    fs::create_dir_all(&runs).expect("the cache is writable");
    sweep(&runs);
    // It carries the pid, so that a later sweep can see whether the owner still lives.
    let run = runs.join(format!("pontoon-{}-{name}", std::process::id()));
    root::remove(&run);
    fs::create_dir(&run).expect("a fresh directory");
    run
}

/// Takes away what hosts of processes that are gone have left (a keeper that was killed itself).
fn sweep(runs: &Path) {
    let owner_lives = |name: &str| {
        let owner = name.strip_prefix("pontoon-").and_then(|rest| rest.split('-').next());
        owner.is_some_and(|pid| Path::new("/proc").join(pid).exists())
    };
    for entry in fs::read_dir(runs).expect("the cache is readable").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if owner_lives(&name) {
            continue;
        }
        let cgroup = machine::cgroup2().join(&name);
        if cgroup.is_dir() {
            let _ = fs::write(cgroup.join("cgroup.kill"), "1");
            // Another process may be taking the same group apart; then it is gone soon.
            wait::until_true("leftover processes to end", || {
                fs::read_to_string(cgroup.join("cgroup.events"))
                    .map_or(true, |events| events.contains("populated 0"))
            });
            let _ = Command::new("find")
                .arg(&cgroup)
                .args(["-depth", "-type", "d", "-exec", "rmdir", "{}", ";"])
                .stderr(Stdio::null())
                .status();
        }
        // Its keeper may be doing the same; what is left then is taken away at the next boot.
        let _ = fs::remove_dir_all(entry.path());
    }
}
