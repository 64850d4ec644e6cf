//! Our times beside Podman's, in alternating runs on one host, as ratios with the budgets of the design.
//!
//! A benchmark tells; it never fails for being slow.

mod floors;
mod kube;
mod life;
mod networks;
mod pods;

use std::time::Duration;

use crate::host::{BootOptions, TestHost};
use crate::root::Kind;
use crate::{image, registry, stage};

/// One line of the table.
struct Row {
    work: String,
    ours: f64,
    theirs: f64,
    unit: &'static str,
    budget: f64,
}

struct Bench {
    host: TestHost,
    rounds: usize,
    rows: Vec<Row>,
    floors: Vec<Row>,
}

const B: &str = crate::shared::B;

/// What can be measured by itself, by its name.
type Part = (&'static str, fn(&mut Bench));

const PARTS: [Part; 12] = [
    ("commands", Bench::commands),
    ("crun", Bench::bare_crun),
    ("generator", Bench::generator),
    ("memory", Bench::memory),
    ("life", Bench::life),
    ("many", Bench::many),
    ("pods", Bench::pods),
    ("kube", Bench::kube),
    ("networks", Bench::networks),
    ("units", Bench::units),
    ("floors", Bench::floors),
    ("pull", Bench::pull),
];

/// Runs all of it, or the parts that are named, and prints the table. The word `quick` measures less often and leaves the long
/// pulls out.
pub fn run(words: &[&str]) -> i32 {
    let quick = words.contains(&"quick");
    let asked: Vec<&str> = words.iter().copied().filter(|it| *it != "quick").collect();
    if let Some(unknown) = asked.iter().find(|it| PARTS.iter().all(|(name, _)| name != *it)) {
        let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        eprintln!("there is no `{unknown}`, but: {}", names.join(", "));
        return 2;
    }
    let mut images = vec![image::BUSYBOX];
    let is_wanted = |name| if asked.is_empty() { !(quick && name == "pull") } else { asked.contains(&name) };
    if is_wanted("pull") {
        images.push(image::BIG);
    }
    let dir = image::provide(&images);
    let host =
        TestHost::boot(BootOptions { kind: Kind::WithPodman, binds: vec![(dir, image::INSIDE.into())] });
    stage::install(&host);
    host.copy_in(&stage::payload(), "/usr/local/bin/payload");
    registry::serve(&host);
    for one in &images {
        image::push(&host, *one);
    }
    let mut bench = Bench { host, rounds: if quick { 7 } else { 25 }, rows: Vec::new(), floors: Vec::new() };
    bench.host.alice(&format!("pontoon pull -q {B} && podman pull -q --tls-verify=false {B}")).ok();
    for (name, part) in PARTS {
        if is_wanted(name) {
            part(&mut bench);
        }
    }
    bench.print();
    0
}

impl Bench {
    /// Times lines in turn; medians in milliseconds.
    fn time(&self, rounds: usize, lines: &[&str]) -> Vec<f64> {
        self.time_with(None, rounds, lines)
    }

    /// Times lines in turn, with a variable in their environment: set once, since a program that sets it for each would be
    /// measured, too.
    fn time_with(&self, variable: Option<&str>, rounds: usize, lines: &[&str]) -> Vec<f64> {
        let variable = variable.into_iter().flat_map(|it| ["env".to_owned(), it.to_owned()]);
        let mut words: Vec<String> = variable.collect();
        words.extend(["payload".to_owned(), "time".to_owned(), rounds.to_string()]);
        words.extend(lines.iter().map(|line| (*line).to_owned()));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = self.host.entry("alice").limit(Duration::from_secs(1800)).run(&words).ok();
        let medians: Vec<f64> = output
            .stdout
            .lines()
            .map(|line| {
                let mut times: Vec<f64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
                times.sort_by(f64::total_cmp);
                times[times.len() / 2] / 1000.0
            })
            .collect();
        assert_eq!(medians.len(), lines.len(), "{output:?}");
        medians
    }

    fn compare(&mut self, work: &str, budget: f64, rounds: usize, ours: &str, theirs: &str) {
        eprintln!("bench: {work}");
        let medians = self.time(rounds, &[ours, theirs]);
        self.push(work, budget, &medians);
    }

    fn push(&mut self, work: &str, budget: f64, medians: &[f64]) {
        self.rows.push(Row { work: work.into(), ours: medians[0], theirs: medians[1], unit: "ms", budget });
    }

    fn commands(&mut self) {
        let rounds = self.rounds;
        let both = |words: &str| (format!("pontoon {words}"), format!("podman {words}"));
        for (work, words, budget) in [
            ("run --rm --network none", format!("run --rm --network none {B} true"), 0.10),
            ("run --rm (pasta)", format!("run --rm {B} true"), 0.15),
        ] {
            let (ours, theirs) = both(&words);
            self.compare(work, budget, rounds, &ours, &theirs);
        }
        self.host
            .alice(&format!("for engine in pontoon podman; do $engine run -d --name bench --stop-timeout 0 {B} sleep 10000; done"))
            .ok();
        for (work, words, budget) in
            [("exec", "exec bench true", 0.06), ("ps", "ps", 0.05), ("--version", "--version", 0.03)]
        {
            let (ours, theirs) = both(words);
            self.compare(work, budget, rounds, &ours, &theirs);
        }
        self.host.alice("for engine in pontoon podman; do $engine rm -f -t 0 bench; done").ok();
    }

    /// `run --network none` beside crun alone on an unpacked tree.
    fn bare_crun(&mut self) {
        eprintln!("bench: bare crun");
        self.host
            .alice(&format!(
                "set -e; mkdir -p ~/bundle/rootfs; cd ~/bundle; podman create --name export {B} true >/dev/null
                 podman export export | tar -C rootfs -x --no-same-owner --exclude=dev; podman rm export >/dev/null
                 crun spec --rootless; jq '.process.terminal=false | .process.args=[\"true\"] | .root.readonly=true' config.json >new && mv new config.json"
            ))
            .ok();
        let medians = self.time(
            self.rounds,
            &[
                &format!("pontoon run --rm --network none {B} true"),
                "crun run --bundle /home/alice/bundle bare",
            ],
        );
        self.rows.push(Row {
            work: "run --rm --network none, beside bare crun".into(),
            ours: medians[0],
            theirs: medians[1],
            unit: "ms",
            budget: 1.4,
        });
    }

    fn generator(&mut self) {
        for (count, budget) in [(1, 0.5), (201, 0.2), (2001, 0.2)] {
            self.write_units(count);
            let rounds = if count > 1000 { self.rounds.min(10) } else { self.rounds };
            let run = |program: &str, out: &str| format!("{program} --user --no-kmsg-log /tmp/{out}");
            self.host.alice("mkdir -p /tmp/ours /tmp/theirs").ok();
            let work = format!("generator, {count} files");
            eprintln!("bench: {work}");
            let ours = run("/usr/libexec/pontoon/pontoon-generator", "ours");
            let theirs = run("/usr/libexec/podman/quadlet", "theirs");
            let directory = format!("QUADLET_UNIT_DIRS=/home/alice/units{count}");
            let medians = self.time_with(Some(&directory), rounds, &[&ours, &theirs]);
            self.push(&work, budget, &medians);
        }
    }

    fn write_units(&self, count: usize) {
        let write = format!(
            "mkdir -p ~/units{count} ~/out; for i in $(seq {count}); do printf '[Unit]\\nDescription=Number %s\\n[Container]\\nImage=localhost/i%s\\nPublishPort=80%s:80\\nEnvironment=A=%s\\nVolume=/tmp:/t\\n[Install]\\nWantedBy=default.target\\n' $i $i $i $i >~/units{count}/u$i.container; done"
        );
        self.host.alice(&write).ok();
    }

    /// Memory that each supervisor has for itself alone: its written pages. What is only read of the program, all share.
    fn memory(&mut self) {
        eprintln!("bench: memory of the supervisor");
        self.host
            .alice(&format!("for engine in pontoon podman; do $engine run -d --network none --name mem --stop-timeout 0 {B} sleep 10000; done"))
            .ok();
        let private = |name: &str| -> f64 {
            let sum = self.host.root(&format!(
                "awk '/^Private_Dirty/ {{sum += $2}} END {{print sum / 1024}}' /proc/$(pgrep -n -x {name})/smaps_rollup"
            ));
            sum.ok().text().parse().expect("a number")
        };
        let (ours, theirs) = (private("pontoon-monitor"), private("conmon"));
        self.rows.push(Row {
            work: "private memory of the monitor (0.6 MB)".into(),
            ours,
            theirs,
            unit: "MB",
            budget: 0.6 / theirs,
        });
        self.host.alice("for engine in pontoon podman; do $engine rm -f -t 0 mem; done").ok();
    }

    /// Many units started at once, until all are active.
    fn units(&mut self) {
        let count = if self.rounds > 10 { 100 } else { 20 };
        eprintln!("bench: {count} units at once");
        let [ours, theirs] = ["pontoon", "podman"].map(|engine| self.start_units(engine, count));
        let work = format!("{count} units started at once");
        self.rows.push(Row { work, ours, theirs, unit: "ms", budget: 0.15 });
    }

    /// Starts the services that an engine's generator writes, and stops them; how long the start took, in milliseconds.
    fn start_units(&self, engine: &str, count: usize) -> f64 {
        let generator = match engine {
            "pontoon" => "/usr/libexec/pontoon/pontoon-generator",
            _ => "/usr/libexec/podman/quadlet",
        };
        self.host
            .alice(&format!(
                "set -e; rm -rf ~/many ~/.config/systemd/user; mkdir -p ~/many ~/.config/systemd/user
                 for i in $(seq {count}); do printf '[Container]\\nImage={B}\\nNetwork=none\\nStopTimeout=0\\nExec=sleep 10000\\n[Quadlet]\\nDefaultDependencies=false\\n' >~/many/many$i.container; done
                 QUADLET_UNIT_DIRS=$HOME/many {generator} --user --no-kmsg-log ~/.config/systemd/user; systemctl --user daemon-reload"
            ))
            .ok();
        let all = |deed: &str| {
            let entry = self.host.entry("alice").limit(Duration::from_secs(600));
            entry.sh(&format!("systemctl --user {deed} $(seq -f many%g {count})")).ok();
        };
        let start = std::time::Instant::now();
        all("start");
        let took = start.elapsed().as_secs_f64() * 1000.0;
        all("stop");
        self.host.alice("rm -rf ~/.config/systemd/user; systemctl --user daemon-reload").ok();
        took
    }

    /// A large image from the registry: time and resident memory.
    fn pull(&mut self) {
        eprintln!("bench: pull of a large image");
        let reference = image::BIG.reference();
        let mut times = [Vec::new(), Vec::new()];
        let mut peaks = [0.0_f64, 0.0];
        for _ in 0..3 {
            for (index, engine) in ["pontoon", "podman --log-level error"].iter().enumerate() {
                let _ = self.host.alice(&format!("{engine} rmi -f {reference} >/dev/null 2>&1; sync"));
                let tls = if index == 1 { "--tls-verify=false" } else { "" };
                let output = self
                    .host
                    .entry("alice")
                    .limit(Duration::from_secs(600))
                    .sh(&format!("/usr/bin/time -f '%e %M' {engine} pull -q {tls} {reference} 2>&1 >/dev/null | tail -1"))
                    .ok();
                let numbers: Vec<f64> =
                    output.text().split(' ').filter_map(|word| word.parse().ok()).collect();
                assert_eq!(numbers.len(), 2, "{output:?}");
                times[index].push(numbers[0] * 1000.0);
                peaks[index] = peaks[index].max(numbers[1] / 1024.0);
            }
        }
        let best = |list: &[f64]| list.iter().copied().fold(f64::INFINITY, f64::min);
        let size = self.host.alice(&format!("podman images --format '{{{{.Size}}}}' {reference}")).ok();
        self.rows.push(Row {
            work: format!("pull of {}", size.text()),
            ours: best(&times[0]),
            theirs: best(&times[1]),
            unit: "ms",
            budget: 0.4,
        });
        self.rows.push(Row {
            work: "resident memory of that pull (64 MB)".into(),
            ours: peaks[0],
            theirs: peaks[1],
            unit: "MB",
            budget: 64.0 / peaks[1],
        });
    }

    fn print(&self) {
        table(["work", "pontoon"], &self.rows);
        if !self.floors.is_empty() {
            table(["the least on this host", "bare"], &self.floors);
        }
        let size = self.host.root("du -cb /usr/bin/pontoon /usr/libexec/pontoon/* | tail -1 | cut -f1").ok();
        let bytes: f64 = size.text().parse().expect("a number");
        println!("{:<66} {:>7.1} MB (budget 20 MB)", "installed programs", bytes / 1e6);
    }
}

/// Prints rows below the words for their work and for the left one of both times.
fn table([work, ours]: [&str; 2], rows: &[Row]) {
    println!("{work:<66} {ours:>10} {:>10} {:>7} {:>7}", "podman", "ratio", "budget");
    for row in rows {
        let ratio = row.ours / row.theirs;
        let verdict = if ratio <= row.budget { "" } else { "  over" };
        println!(
            "{:<66} {:>7.1} {} {:>7.1} {} {:>7.3} {:>7.2}{verdict}",
            row.work, row.ours, row.unit, row.theirs, row.unit, ratio, row.budget
        );
    }
}
