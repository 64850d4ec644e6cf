//! The least that some work takes on this host, whoever does it: what is left of it when all that is an engine's own is taken
//! away. A budget below that cannot be met here; how far we are above it is ours to answer for.

use super::{B, Bench, Row};

/// A service whose program only sleeps, as many times as there are instances.
const SLEEPER: &str = "[Service]\\nType=exec\\nDelegate=yes\\nKillMode=mixed\\nExecStart=sleep 10000\\n";

impl Bench {
    /// Measures the floors, each beside Podman's time for the whole work.
    pub(super) fn floors(&mut self) {
        let rounds = self.rounds;
        let image = B;
        self.floor(
            "--version",
            "an empty static program",
            0.03,
            rounds,
            "payload nothing",
            "podman --version",
        );
        let run = format!("podman run --rm --network none {image} true");
        let scope = "systemd-run --user --scope -q -- true";
        self.floor("run, network none", "a scope of the user's manager", 0.10, rounds, scope, &run);
        let namespaces = "unshare -Ur --map-auto -n true";
        self.floor("run, network none", "namespaces with mapped ids", 0.10, rounds, namespaces, &run);
        self.floor_of_the_generator();
        self.floor_of_units();
    }

    fn floor(&mut self, work: &str, rest: &str, budget: f64, rounds: usize, bare: &str, theirs: &str) {
        eprintln!("bench: the least for {work}: {rest}");
        let medians = self.time(rounds, &[bare, theirs]);
        self.floor_is(work, rest, medians[0], medians[1], budget);
    }

    fn floor_is(&mut self, work: &str, rest: &str, ours: f64, theirs: f64, budget: f64) {
        self.floors.push(Row { work: format!("{work}: {rest}"), ours, theirs, unit: "ms", budget });
    }

    /// The kernel calls that read the files and write the services, and nothing else.
    fn floor_of_the_generator(&mut self) {
        for count in [201, 2001] {
            eprintln!("bench: the least for the generator, {count} files");
            self.write_units(count);
            let directory = format!("QUADLET_UNIT_DIRS=/home/alice/units{count}");
            let rounds = if count > 1000 { self.rounds.min(10) } else { self.rounds };
            let bare = "payload bare-generator --user --no-kmsg-log /tmp/bare";
            let theirs = "/usr/libexec/podman/quadlet --user --no-kmsg-log /tmp/theirs";
            self.host.alice("mkdir -p /tmp/bare /tmp/theirs").ok();
            let medians = self.time_with(Some(&directory), rounds, &[bare, theirs]);
            self.floor_is(
                &format!("generator, {count} files"),
                "its kernel calls",
                medians[0],
                medians[1],
                0.2,
            );
        }
    }

    /// Units that run a program without a container, and a network namespace for each.
    fn floor_of_units(&mut self) {
        let count = if self.rounds > 10 { 100 } else { 20 };
        eprintln!("bench: the least for {count} units at once");
        let theirs = self.start_units("podman", count);
        let shown = self.script(&format!(
            "mkdir -p ~/.config/systemd/user; printf '{SLEEPER}' >~/.config/systemd/user/floor@.service; systemctl --user daemon-reload
             begin=${{EPOCHREALTIME/./}}; systemctl --user start $(seq -f floor@%g {count}); echo $((${{EPOCHREALTIME/./}} - begin))
             systemctl --user stop $(seq -f floor@%g {count}); rm ~/.config/systemd/user/floor@.service; systemctl --user daemon-reload
             begin=${{EPOCHREALTIME/./}}; for n in $(seq {count}); do unshare -Urn true; done; echo $((${{EPOCHREALTIME/./}} - begin))"
        ));
        let times: Vec<f64> =
            shown.lines().filter_map(|it| it.parse::<f64>().ok()).map(|it| it / 1000.0).collect();
        let [units, namespaces] = times[..] else { panic!("two times: {shown}") };
        let work = format!("{count} units at once");
        self.floor_is(&work, "units of sleep, and namespaces", units + namespaces, theirs, 0.15);
    }
}
