//! The life of containers that are there already, and of many: what a person's day and a script's loop consist of.

use std::time::Duration;

use super::{B, Bench, Row};

/// One deed: what it is called, its budget, what is done before it without being timed, and the deed.
pub(super) type Deed<'a> = (&'static str, f64, &'a str, &'a str);

/// About a container `life` that runs. `$e` is the engine, `$i` the image.
const DEEDS: [Deed<'static>; 6] = [
    ("inspect", 0.3, "", "$e inspect life"),
    ("stop -t 0", 0.3, "$e start life", "$e stop -t 0 life"),
    ("start of a container", 0.3, "$e stop -t 0 life", "$e start life"),
    ("rm -f", 0.3, "$e run -d --name gone --stop-timeout 0 $i sleep 10000", "$e rm -f gone"),
    ("commit of 8 MB", 0.3, "", "$e commit -q life committed"),
    ("diff", 0.3, "", "$e diff life"),
];

/// About large files; few rounds.
const LARGE: [Deed; 3] = [
    ("cp of 1 GB, in", 0.3, "$e exec life rm -rf /tmp/large", "$e cp /tmp/large life:/tmp/large"),
    ("cp of 1 GB, out", 0.3, "rm -f /tmp/out", "$e cp life:/tmp/large /tmp/out"),
    ("logs of 1 GB", 0.3, "", "$e logs talker"),
];

/// A line of 99 letters, ten million times.
const TALK: &str = "yes $(printf '%099d' 0) | head -c 1000000000";

impl Bench {
    /// Everything about single containers; the large files only if there is time.
    pub(super) fn life(&mut self) {
        self.script(
            "for e in pontoon podman; do $e run -d --name life --stop-timeout 0 $i sleep 10000
             $e exec life sh -c 'dd if=/dev/urandom of=/var/file bs=1M count=8 2>/dev/null'; done",
        );
        let rounds = self.rounds;
        for deed in DEEDS {
            self.deed(rounds, deed);
        }
        if rounds > 10 {
            self.script(&format!(
                "head -c 1000000000 /dev/urandom >/tmp/large
                 for e in pontoon podman; do $e run --name talker --log-driver k8s-file $i sh -c \"{TALK}\" >/dev/null; done"
            ));
            for deed in LARGE {
                self.deed(3, deed);
            }
        }
        self.script(
            "for e in pontoon podman; do $e rm -f -t 0 -a; $e rmi -f committed; done; rm -f /tmp/large /tmp/out",
        );
    }

    /// Many containers, started one after the other, and looked at all together.
    pub(super) fn many(&mut self) {
        let count = if self.rounds > 10 { 100 } else { 20 };
        eprintln!("bench: {count} starts in a loop");
        let (mut took, mut looked) = (Vec::new(), Vec::new());
        for engine in ["pontoon", "podman"] {
            let shown = self.script(&format!(
                "e={engine}; begin=${{EPOCHREALTIME/./}}
                 for n in $(seq {count}); do $e run -d --name many$n --stop-timeout 0 $i sleep 10000 >/dev/null; done
                 echo $((${{EPOCHREALTIME/./}} - begin))
                 looks() {{ for n in 1 2 3 4 5 6 7 8 9 10; do $e stats --no-stream >/dev/null 2>&1; done; }}
                 TIMEFORMAT='%U %S'; for m in 1 2 3 4 5; do {{ time looks; }} 2>&1; done
                 $e rm -f -t 0 -a >/dev/null"
            ));
            let mut lines = shown.lines();
            took.push(lines.next().and_then(|it| it.parse::<f64>().ok()).expect("a number") / 1000.0);
            let mut cpu: Vec<f64> = lines
                .map(|line| line.split(' ').filter_map(|it| it.parse::<f64>().ok()).sum::<f64>())
                .collect();
            cpu.sort_by(f64::total_cmp);
            // Of ten at a time: the kernel counts processor time in steps of some milliseconds.
            looked.push(cpu[cpu.len() / 2] * 1000.0 / 10.0);
        }
        let row = |work: String, times: &[f64], budget| Row {
            work,
            ours: times[0],
            theirs: times[1],
            unit: "ms",
            budget,
        };
        self.rows.push(row(format!("{count} starts in a loop"), &took, 0.15));
        self.rows.push(row(format!("processor time of stats, {count} containers"), &looked, 0.1));
    }

    /// Times a deed of both engines in turn.
    pub(super) fn deed(&mut self, rounds: usize, (work, budget, before, deed): Deed<'_>) {
        eprintln!("bench: {work}");
        let shown = self.script(&format!(
            "for n in $(seq {rounds}); do for e in pontoon podman; do {{ :
             {before}
             }} >/dev/null 2>&1
             begin=${{EPOCHREALTIME/./}}; {deed} >/dev/null 2>&1 || echo failed: $e {work} >&2; end=${{EPOCHREALTIME/./}}
             echo $e $((end - begin)); done; done"
        ));
        let median = |engine: &str| {
            let of_engine =
                shown.lines().filter_map(|line| line.strip_prefix(engine)?.trim().parse::<f64>().ok());
            let mut times: Vec<f64> = of_engine.collect();
            times.sort_by(f64::total_cmp);
            times[times.len() / 2] / 1000.0
        };
        let (ours, theirs) = (median("pontoon"), median("podman"));
        self.rows.push(Row { work: work.into(), ours, theirs, unit: "ms", budget });
    }

    pub(super) fn script(&self, script: &str) -> String {
        let entry = self.host.entry("alice").limit(Duration::from_secs(1800));
        let output = entry.sh(&format!("i={B}; {script}")).ok();
        assert!(!output.stderr.contains("failed: "), "{output:?}");
        output.stdout
    }
}
