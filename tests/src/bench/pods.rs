//! Pods, and containers on networks with names.

use super::life::Deed;
use super::{Bench, Row};

/// About a pod `crew` with three containers, and a network `net`. `$e` is the engine, `$i` the image.
const DEEDS: [Deed<'static>; 6] = [
    ("pod create", 0.3, "$e pod rm -f -i alone", "$e pod create --name alone"),
    ("pod rm -f", 0.3, "$e pod create --name gone", "$e pod rm -f gone"),
    ("pod start, three containers", 0.3, "$e pod stop -t 0 crew", "$e pod start crew"),
    ("pod stop -t 0, three containers", 0.3, "$e pod start crew", "$e pod stop -t 0 crew"),
    ("network create", 0.3, "$e network rm -f new", "$e network create new"),
    ("run --rm on a bridge", 0.2, "", "$e run --rm --network net $i true"),
];

/// What an engine runs beside the payloads, by the beginnings of the names of its programs.
const ENGINES: [(&str, &str); 2] = [
    ("pontoon", "pontoon|pasta|passt"),
    ("podman", "conmon|aardvark|netavark|rootlessport|pasta|passt|catatonit|podman"),
];

impl Bench {
    /// Everything about them.
    pub(super) fn pods(&mut self) {
        self.script(
            "for e in pontoon podman; do $e pod create --name crew
             for n in 1 2 3; do $e create --pod crew --stop-timeout 0 $i sleep 10000; done
             $e pod start crew; $e network create net; done",
        );
        for deed in DEEDS {
            self.deed(self.rounds, deed);
        }
        self.script("for e in pontoon podman; do $e pod rm -f -t 0 -a; $e network rm -f new; done");
        self.memory_of_ten();
        self.script("for e in pontoon podman; do $e network rm -f net; done");
    }

    /// Memory of everything that ten containers on a network need besides what they run, each page shared out among those that have it.
    fn memory_of_ten(&mut self) {
        eprintln!("bench: memory of ten containers on a network");
        let mut took = Vec::new();
        for (engine, names) in ENGINES {
            self.script(&format!(
                "for n in $(seq 10); do {engine} run -d --name ten$n --network net --stop-timeout 0 $i sleep 10000; done"
            ));
            let sum = self.host.root(&format!(
                "for p in /proc/[0-9]*; do grep -qsE '^({names})' $p/comm && cat $p/smaps_rollup; done |
                 awk '/^Pss:/ {{sum += $2}} END {{print sum / 1024}}'"
            ));
            took.push(sum.ok().text().parse::<f64>().expect("a number"));
            self.script(&format!("{engine} rm -f -t 0 $(seq -f ten%g 10)"));
            if engine == "pontoon" {
                // Else what is left of it for some seconds would count for the other.
                self.script("systemctl --user stop pontoon-network.service");
            }
        }
        self.rows.push(Row {
            work: "memory besides ten containers (20 MB)".into(),
            ours: took[0],
            theirs: took[1],
            unit: "MB",
            budget: 20.0 / took[1],
        });
    }
}
