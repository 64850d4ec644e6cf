//! The UML host: a whole Linux kernel as a process of this machine (user-mode-linux), with the Debian of the test host on it.
//!
//! It has what namespaces cannot give: a cgroup v2 hierarchy with all controllers that the kernel knows, boots, and power
//! cuts. Userland is several times slower there than here, and a boot takes about fifteen seconds.

mod disk;
mod fresh;
mod kernel;
mod line;

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub use fresh::Fresh;

use crate::image::Image;
use crate::output::Output;
use crate::root::Kind;
use crate::{host, machine, root, stage, wait};
use line::Line;

/// How much memory it sees. Pages that it never touches cost nothing.
const MEMORY: &str = "2G";

/// How long a command may take there.
const LIMIT: Duration = Duration::from_secs(120);

/// How long a shutdown may take: what runs is given two minutes by user managers (`man user@.service`).
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(240);

/// Debian's kernel of this kind has nf_tables without the family `inet`, so that bridges have no rules: root's containers, too, are
/// connected by pasta.
const ROOTS_NETWORK: &str = "mkdir -p /etc/containers/containers.conf.d && \
    printf '[containers]\\nnetns=\"pasta\"\\n' >/etc/containers/containers.conf.d/network.conf && sync";

/// A machine with a disk and a serial line. Dropping it cuts its power and removes what changed on the disk.
#[derive(Debug)]
pub struct Uml {
    run: PathBuf,
    kernel: PathBuf,
    disk: PathBuf,
    power: Option<Power>,
}

/// What there is while it is on.
#[derive(Debug)]
struct Power {
    keeper: Child,
    line: Mutex<Line>,
}

static SERIAL: AtomicU32 = AtomicU32::new(0);

impl Uml {
    /// Whether there can be such a machine here; says why not.
    ///
    /// Its kernel (until 6.15) sets the registers of its processes by ptrace, all that it was shown. Of a processor with AMX a
    /// process that has no leave to use that is shown fewer than the host's kernel wants to be given (xstateregs_set in its
    /// arch/x86/kernel/fpu/regset.c), and the first program ends with `ptrace set fp regs failed, errno = 14`.
    pub fn is_possible() -> bool {
        let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let has_amx = processor.split_whitespace().any(|it| it == "amx_tile");
        if has_amx {
            eprintln!(
                "LEFT OUT: user-mode-linux does not run on a processor with AMX; what needs it is not tested here"
            );
        }
        !has_amx
    }

    /// Boots a fresh machine with the product installed and waits until its systemd is up.
    pub fn boot() -> Self {
        Self::boot_with(&[])
    }

    /// The same, with further images, as OCI layouts whose only image is called `work`, in `/srv/NAME`.
    pub fn boot_with(images: &[Image]) -> Self {
        machine::require_root();
        machine::require_programs(&[("unshare", "util-linux"), ("tar", "tar")]);
        let kind = if stage::is_original() { Kind::WithPodman } else { Kind::Product };
        let kernel = kernel::provide();
        let disk = disk::provide(kind, &kernel);
        let run = host::fresh_run(&format!("uml{}", SERIAL.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(run.join("kernel")).expect("a fresh directory");
        disk::furnish(&run.join("furniture"), images);
        let mut uml = Self { run, kernel, disk, power: None };
        uml.start();
        if !stage::is_original() {
            uml.root(ROOTS_NETWORK).ok();
        }
        // Of what is installed now, the managers read nothing when they started.
        uml.root("systemctl daemon-reload").ok();
        uml.alice("systemctl --user daemon-reload").ok();
        uml
    }

    /// Makes what a boot needs and what is kept between runs.
    pub fn prepare() {
        machine::require_root();
        disk::provide(Kind::Product, &kernel::provide());
        disk::prepare_furniture();
    }

    /// Runs a shell script (bash) as alice.
    #[must_use = "a command's result must be looked at: `.ok()`, `.fails(CODE)`"]
    #[track_caller]
    pub fn alice(&self, script: &str) -> Output {
        self.sh_as("alice", script)
    }

    /// Runs a shell script as root.
    #[must_use = "a command's result must be looked at: `.ok()`, `.fails(CODE)`"]
    #[track_caller]
    pub fn root(&self, script: &str) -> Output {
        self.sh_as("root", script)
    }

    /// Runs a shell script as that user, after all others have ended. One that takes too long fails the test.
    #[must_use = "a command's result must be looked at: `.ok()`, `.fails(CODE)`"]
    #[track_caller]
    pub fn sh_as(&self, user: &str, script: &str) -> Output {
        let power = self.power.as_ref().expect("the machine is on");
        let answer = power.line.lock().expect("an earlier command had its answer").ask(user, script, LIMIT);
        let Some((code, stdout, stderr)) = answer else {
            panic!("no answer from the UML host to:\n$ {script}\nIts console:\n{}", self.console());
        };
        let output = Output { command: script.to_owned(), code, stdout, stderr };
        assert!(code != 124, "took longer than {LIMIT:?}:\n{output:?}");
        output
    }

    /// Shuts the machine down as systemd does it and starts it anew from the same disk; tells whether it went down to the end.
    pub fn reboot(&mut self) -> bool {
        let power = self.power.as_ref().expect("the machine is on");
        let mut line = power.line.lock().expect("an earlier command had its answer");
        line.send("root", "systemctl poweroff", LIMIT);
        let end = Instant::now() + SHUTDOWN_LIMIT;
        let (is_off, has_fallen) = loop {
            let is_off = line.ended_within(Duration::from_secs(1));
            let has_fallen = self.has_fallen();
            if is_off || has_fallen || Instant::now() > end {
                break (is_off, has_fallen);
            }
        };
        drop(line);
        assert!(is_off || has_fallen, "the UML host does not power off; its console:\n{}", self.console());
        if has_fallen {
            println!("the UML host's kernel has fallen over while it went down: taken for a power cut");
        }
        self.cut_power();
        self.start();
        !has_fallen
    }

    /// Stops the machine as an unplugged cable would. What had not reached the disk is lost.
    pub fn cut_power(&mut self) {
        if let Some(mut power) = self.power.take() {
            drop(power.keeper.stdin.take());
            let _ = power.keeper.wait();
        }
    }

    /// Starts the machine, which is off, and waits until its systemd is up.
    pub fn start(&mut self) {
        assert!(self.power.is_none(), "the machine is on");
        let console = File::options().create(true).append(true).open(self.run.join("console"));
        let console = console.expect("the cache is writable");
        console.set_len(0).expect("the cache is writable");
        let input = self.run.join("in");
        root::remove(&input);
        let status = Command::new("mkfifo").arg(&input).status().expect("mkfifo runs");
        assert!(status.success(), "mkfifo failed");
        // For both directions, as then neither this nor the keeper waits for the other.
        let input = File::options().read(true).write(true).open(&input).expect("a fresh fifo");
        let mut keeper = Command::new("bash")
            .arg(files().join("keeper.sh"))
            .args([&self.run, &self.kernel, &self.disk])
            .arg(MEMORY)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(console)
            // A group of its own: Ctrl-C reaches us, and our end reaches it.
            .process_group(0)
            .spawn()
            .expect("bash runs");
        let output = keeper.stdout.take().expect("piped");
        let mut line = Line::new(input, output);
        let is_ready = line.is_ready_within(LIMIT);
        self.power = Some(Power { keeper, line: Mutex::new(line) });
        assert!(is_ready, "the UML host does not boot; its console:\n{}", self.console());
        self.is_running("root", "systemctl");
        // Started at boot, but nothing of the system waits until it is done.
        wait::until_true("alice's manager", || self.alice("systemctl --user show-environment").code == 0);
        self.is_running("alice", "systemctl --user");
    }

    /// Waits until all that a manager starts by itself has started; demands that nothing failed.
    fn is_running(&self, user: &str, systemctl: &str) {
        let state = self.sh_as(user, &format!("{systemctl} is-system-running --wait"));
        if state.text() != "running" {
            let failed = self.sh_as(user, &format!("{systemctl} --failed --no-legend --no-pager"));
            let whose = if user == "root" { "" } else { "--user" };
            let said = self.sh_as(
                user,
                &format!(
                    "journalctl {whose} -b --no-pager -o cat -n 60 \
                     $({systemctl} --failed --no-legend --plain | sed 's/ .*//; s/^/--unit=/')"
                ),
            );
            panic!("{user}'s manager on the UML host is {}:\n{failed:?}\n{said:?}", state.text());
        }
    }

    /// The machine's own kernel (6.12) falls over where a fork is cut off by SIGKILL at its very end, and stays so. What ran on it
    /// has to come back from that as from a power cut.
    fn has_fallen(&self) -> bool {
        let console = self.console();
        let words = ["Kernel panic - not syncing: Kernel mode fault", "copy_process", "exit_mmap"];
        words.iter().all(|word| console.contains(word))
    }

    /// The last that kernel and systemd said since the machine is on.
    fn console(&self) -> String {
        let console = fs::read(self.run.join("console")).unwrap_or_default();
        let console = String::from_utf8_lossy(&console);
        let lines: Vec<&str> = console.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Uml {
    fn drop(&mut self) {
        self.cut_power();
        root::remove(&self.run);
    }
}

/// Where the scripts and files of this host are.
fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("uml")
}
