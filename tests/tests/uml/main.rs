//! Limits that the kernel keeps, and boots: on a machine with a kernel of its own, where all controllers of cgroup v2 are.
//!
//! A boot takes long, so there are few for all checks. Each check has a name, and a failure of one does not hide the others.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod apparmor;
mod boots;
mod limits;
mod process_ids;
mod updates;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use pontoon_tests::{Uml, wait};

use boots::*;
use limits::*;

/// The busybox image, as it is called here.
const B: &str = "localhost/busybox";

/// Pulls the image from the directory where the machine has it.
const PULL: &str = "pontoon tag \"$(pontoon pull -q oci:/srv/busybox:work)\" localhost/busybox";

/// What the checks found.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn check(&mut self, name: &str, check: impl FnOnce()) {
        let started = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(check));
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        eprintln!("check: {name} ... {verdict} ({:.1} s)", started.elapsed().as_secs_f64());
        if let Err(panic) = result {
            let message = panic.downcast_ref::<String>().map(String::as_str);
            let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
            self.0.push(format!("{name}:\n{}", message.unwrap_or("a panic without a message")));
        }
    }

    fn report(self) {
        assert!(self.0.is_empty(), "{} checks failed\n\n{}", self.0.len(), self.0.join("\n\n"));
    }
}

#[test]
fn limits_hold_and_reboots_are_survived() {
    if !Uml::is_possible() {
        return;
    }
    let mut found = Findings::default();
    let mut uml = Uml::boot();
    uml.alice(PULL).ok();
    uml.root(PULL).ok();
    found.check("limits are in the container's group", || limits(&uml));
    found.check("limits that nobody asked for", || limits_by_default(&uml));
    found.check("what is not delegated is refused", || not_delegated(&uml));
    found.check("processor time is short", || processor_time(&uml));
    found.check("memory is short", || memory(&uml));
    found.check("memory is short for one of several processes", || memory_of_one(&uml));
    found.check("processes are few", || processes(&uml));
    found.check("limits change while it runs", || update(&uml));
    found.check("a pod has limits", || pods(&uml));
    found.check("a pod of Kubernetes has limits", || played(&uml));
    found.check("a service has limits", || service(&uml));
    found.check("root's containers have limits", || limits_of_root(&uml));
    found.check("what the kernel does not have is refused", || not_offered(&uml));
    found.check("root's writes are slow", || slow_writes(&uml));
    found.check("root's containers are under a profile", || apparmor::profiles(&uml));
    found.check("an ordinary user's are under none", || apparmor::ordinary_user(&uml));
    found.check("numbers of processes are used again at once", || process_ids::nobody_else_is_hit(&uml));
    found.check("before the reboot", || before_the_reboot(&uml));
    uml.reboot();
    found.check("what was to start has started", || after_the_reboot(&uml));
    found.check("what was delegated is not refused", || delegated(&uml));
    found.check("the clock jumps", || clock(&uml));
    found.check("an update is under way", || updates::before_the_cut(&uml));
    uml.cut_power();
    uml.start();
    found.check("a cut update counts for nothing", || updates::after_the_cut(&uml));
    for cut in 0..cuts() {
        found.check("before the power cut", || before_the_cut(&uml));
        // A little later each time.
        wait::rest(Duration::from_millis(2500 + 337 * cut));
        uml.cut_power();
        uml.start();
        found.check("after the power cut", || after_the_cut(&uml));
    }
    found.report();
}

/// Power cuts. `CUTS=20` for a long run.
fn cuts() -> u64 {
    std::env::var("CUTS").ok().and_then(|it| it.parse().ok()).unwrap_or(1)
}

/// `pontoon run --rm` of a shell script, without a network.
fn run(options: &str, script: &str) -> String {
    format!("pontoon run --rm --network none {options} {B} sh -c '{script}'")
}

/// Prints each of these files of the container's own group as `NAME VALUE`.
fn show(files: &str) -> String {
    format!("cd /sys/fs/cgroup; for f in {files}; do echo $f $(cat $f); done")
}
