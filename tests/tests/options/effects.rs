//! Each line of the table is run, and its effect looked at.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pontoon_tests::{Output, wait};

use crate::row::{Line, Seen};
use crate::{Place, rows};

/// Runs all lines; fails with all that was seen otherwise than the table says.
pub fn check(place: &Place) {
    let controllers =
        place.sh("cat /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers");
    let controllers: Vec<&str> = controllers.stdout.split_whitespace().collect();
    let mut faults = Vec::new();
    for row in rows::all() {
        for (number, line) in row.lines.iter().enumerate() {
            let name = format!("row{}-{number}", row.option.trim_start_matches('-'));
            // What takes too long panics, and must not hide what else there is.
            let attempt = AssertUnwindSafe(|| Try { place, line, name: &name }.effect(&controllers));
            let seen = catch_unwind(attempt).unwrap_or_else(|_| Err("see above".to_owned()));
            faults.extend(seen.err().map(|what| format!("`{}`: {what}", line.words)));
        }
    }
    assert!(faults.is_empty(), "{} faults\n\n{}", faults.len(), faults.join("\n\n"));
}

/// One line, run.
struct Try<'a> {
    place: &'a Place,
    line: &'a Line,
    name: &'a str,
}

impl Try<'_> {
    fn effect(&self, controllers: &[&str]) -> Result<(), String> {
        match self.line.seen {
            Seen::Inside(script, prints) => printed(&self.inside(script), prints),
            Seen::Outside(script, prints) => {
                let seen = printed(&self.outside(script), prints);
                self.remove();
                seen
            }
            Seen::Becomes(script, look, prints) => {
                let seen = match self.outside(script) {
                    started if started.code == 0 => {
                        wait::until(&format!("`{}` to take effect", self.line.words), || {
                            let seen = self.outside(look);
                            if seen.text() == prints { Ok(()) } else { Err(format!("{seen:?}")) }
                        });
                        Ok(())
                    }
                    failed => Err(format!("{failed:?}")),
                };
                self.remove();
                seen
            }
            Seen::Limit(controller, script, prints) if controllers.contains(&controller) => {
                printed(&self.inside(script), prints)
            }
            Seen::Limit(controller, ..) => {
                let refused = self.inside("true");
                let mut options = self.line.words.split(' ').filter(|word| word.starts_with('-'));
                let named = options.any(|option| refused.stderr.contains(option));
                let named = named && refused.stderr.contains(controller);
                if refused.code == 125 && named { Ok(()) } else { Err(format!("{refused:?}")) }
            }
        }
    }

    fn inside(&self, script: &str) -> Output {
        let quoted = script.replace('\'', "'\\''");
        self.place
            .sh_with(&format!("pontoon run --rm {} @B sh -c '{quoted}'", self.line.words), self.line.variable)
    }

    fn outside(&self, script: &str) -> Output {
        let script = script.replace("@O", self.line.words).replace("@N", self.name);
        self.place.sh_with(&format!("set -e\n{script}"), self.line.variable)
    }

    fn remove(&self) {
        let _ = self.place.sh(&format!("pontoon rm -f -i -t 0 {}", self.name));
    }
}

fn printed(output: &Output, prints: &str) -> Result<(), String> {
    if output.code == 0 && output.stdout.trim_end() == prints {
        return Ok(());
    }
    Err(format!("expected\n{prints}\n{output:?}"))
}
