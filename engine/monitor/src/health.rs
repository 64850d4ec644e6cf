//! Health checks: what is run when, and what its outcomes make of a container.
//!
//! The rules are those of podman-run(1): failures count from the end of the start period on (a success ends it early), as
//! many as `retries` in a row make a container unhealthy, one success makes it healthy again. A startup check comes before
//! all others until it has passed often enough.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is checked, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthPlan {
    /// The check.
    pub check: Check,
    /// Failures in a row that make the container unhealthy.
    pub retries: u32,
    /// Time after the start in which failures do not count, in nanoseconds.
    pub start_period: u64,
    /// The check that comes first.
    pub startup: Option<Startup>,
    /// What becomes of a container that is unhealthy.
    pub on_failure: OnFailure,
    /// A directory for the log, in place of the container's runtime directory.
    pub log_directory: Option<std::path::PathBuf>,
    /// Every outcome goes to the events, too (`events_logger`).
    #[serde(default)]
    pub log_to_events: bool,
    /// Outcomes that are kept; 0 is all of them.
    pub max_log_count: usize,
    /// Bytes of each output that are kept; 0 is all of them, up to [`MAX_OUTPUT`].
    pub max_log_size: usize,
    /// What tells, beside the check, whether it serves.
    #[serde(default)]
    pub readiness: Option<Readiness>,
    /// Successes in a row that make it healthy; 0 is 1.
    #[serde(default)]
    pub successes: u32,
    /// Seconds that it has to end in when it is to end for being unhealthy, in place of its usual time.
    #[serde(default)]
    pub grace: Option<u32>,
}

/// Something that tells whether a container is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Program and arguments.
    pub args: Vec<String>,
    /// They are the words of a probe by our own program ([`crate::plan::MonitorPlan::prober`]), which is in nothing of the
    /// container but its network.
    #[serde(default)]
    pub is_probe: bool,
    /// Time between two runs, in nanoseconds; 0 runs it on demand only.
    pub interval: u64,
    /// Time that it may take, in nanoseconds.
    pub timeout: u64,
}

/// A check for the time until a container is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Startup {
    /// The check.
    pub check: Check,
    /// Failures until the container is restarted; 0 waits for ever.
    pub retries: u32,
    /// Successes until the container counts as up.
    pub successes: u32,
    /// Time before the first check, in nanoseconds.
    #[serde(default)]
    pub delay: u64,
    /// Seconds that the container has to end in if it does not come up, in place of its usual time.
    #[serde(default)]
    pub grace: Option<u32>,
}

/// A check that says whether a container serves, and has no other consequence (Kubernetes' readiness probe).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// The check.
    pub check: Check,
    /// Failures in a row after which it does not serve any more.
    pub retries: u32,
    /// Successes in a row after which it does.
    pub successes: u32,
    /// Time before the first check, in nanoseconds.
    pub delay: u64,
}

/// `--health-on-failure`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Nothing but the status changes.
    #[default]
    None,
    /// It is killed.
    Kill,
    /// It is started anew.
    Restart,
    /// It is stopped.
    Stop,
}

/// Output that is kept of one check at most, however much is asked for.
pub const MAX_OUTPUT: usize = 64 << 10;

/// Most outcomes that are kept where all are asked for.
const MAX_COUNT: usize = 1000;

/// What checks have said; Podman's form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HealthRecord {
    /// `starting`, `healthy` or `unhealthy`.
    pub status: String,
    /// Failures since the last success.
    pub failing_streak: u32,
    /// The last outcomes, the oldest first.
    pub log: VecDeque<Outcome>,
    /// Whether it serves, where a check of its own tells that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
}

/// One outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Outcome {
    /// When it began, RFC 3339.
    pub start: String,
    /// When it ended.
    pub end: String,
    /// Exit code; -1 if it took too long.
    pub exit_code: i32,
    /// What it wrote.
    pub output: String,
}

/// What follows from an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Nothing,
    /// The container is healthy, and was not before.
    Healthy,
    /// The container is unhealthy, and something is to be done about it.
    Unhealthy(OnFailure),
}

/// The state of a container's health.
#[derive(Debug)]
pub struct Health {
    plan: HealthPlan,
    record: HealthRecord,
    /// Successes and failures of the startup check, as long as it is the one that counts.
    starting_up: Option<(u32, u32)>,
    /// Outcomes of the readiness check in a row that are not what was said last.
    readiness_streak: u32,
    /// Successes in a row, as long as they do not make it healthy.
    passing_streak: u32,
}

impl Health {
    /// A container that has just been started.
    #[must_use]
    pub fn new(plan: HealthPlan) -> Self {
        Self {
            record: HealthRecord {
                status: "starting".to_owned(),
                ready: plan.readiness.as_ref().map(|_| false),
                ..HealthRecord::default()
            },
            starting_up: plan.startup.as_ref().map(|_| (0, 0)),
            readiness_streak: 0,
            passing_streak: 0,
            plan,
        }
    }

    /// What is checked, and how.
    #[must_use]
    pub fn plan(&self) -> &HealthPlan {
        &self.plan
    }

    /// Checks in another way from now on. What was said so far stays; a startup check that has passed does not come again.
    pub fn change(&mut self, plan: HealthPlan) {
        if plan.startup.is_none() {
            self.starting_up = None;
        }
        if plan.readiness.is_some() != self.record.ready.is_some() {
            self.record.ready = plan.readiness.as_ref().map(|_| false);
        }
        self.plan = plan;
    }

    /// Whether the startup check has not passed yet.
    #[must_use]
    pub fn is_starting_up(&self) -> bool {
        self.starting_up.is_some()
    }

    /// Whether it serves, as far as checks can tell: that is what the readiness check says, else the check itself.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let is_on_demand = self.plan.check.interval == 0;
        let is_well = is_on_demand || self.record.status == "healthy";
        !self.is_starting_up() && self.record.ready.unwrap_or(is_well)
    }

    /// Time before the first check, in nanoseconds.
    #[must_use]
    pub fn delay(&self) -> u64 {
        self.plan.startup.as_ref().filter(|_| self.is_starting_up()).map_or(0, |it| it.delay)
    }

    /// Seconds that it has to end in, if the check that is due says so.
    #[must_use]
    pub fn grace(&self) -> Option<u32> {
        match (&self.plan.startup, self.starting_up) {
            (Some(startup), Some(_)) => startup.grace,
            _ => self.plan.grace,
        }
    }

    /// Takes an outcome of the readiness check.
    pub fn take_readiness(&mut self, passed: bool) {
        let (Some(readiness), Some(ready)) = (&self.plan.readiness, &mut self.record.ready) else { return };
        if *ready == passed {
            self.readiness_streak = 0;
            return;
        }
        self.readiness_streak += 1;
        let needed = if passed { readiness.successes } else { readiness.retries };
        if self.readiness_streak >= needed.max(1) {
            *ready = passed;
            self.readiness_streak = 0;
        }
    }

    /// The check that is due.
    #[must_use]
    pub fn check(&self) -> &Check {
        match (&self.plan.startup, self.starting_up) {
            (Some(startup), Some(_)) => &startup.check,
            _ => &self.plan.check,
        }
    }

    /// What has been said so far.
    #[must_use]
    pub fn record(&self) -> &HealthRecord {
        &self.record
    }

    /// Takes an outcome. `running_for` is how long the container has been running when the check ended.
    pub fn take(&mut self, mut outcome: Outcome, running_for: Duration) -> Verdict {
        let passed = outcome.exit_code == 0;
        let size = if self.plan.max_log_size == 0 { MAX_OUTPUT } else { self.plan.max_log_size };
        let end = (0..=size.min(outcome.output.len())).rev().find(|it| outcome.output.is_char_boundary(*it));
        outcome.output.truncate(end.unwrap_or(0));
        self.record.log.push_back(outcome);
        let count = if self.plan.max_log_count == 0 { MAX_COUNT } else { self.plan.max_log_count };
        while self.record.log.len() > count {
            self.record.log.pop_front();
        }
        if let (Some(startup), Some((successes, failures))) = (&self.plan.startup, &mut self.starting_up) {
            return if passed {
                *successes += 1;
                if *successes < startup.successes.max(1) {
                    return Verdict::Nothing;
                }
                // It is up, and so it is well: nobody waits an interval more for the check that comes now.
                self.starting_up = None;
                "healthy".clone_into(&mut self.record.status);
                Verdict::Healthy
            } else {
                *failures += 1;
                *successes = 0;
                let used_up = startup.retries > 0 && *failures >= startup.retries;
                if used_up { Verdict::Unhealthy(OnFailure::Restart) } else { Verdict::Nothing }
            };
        }
        if passed {
            self.record.failing_streak = 0;
            self.passing_streak = self.passing_streak.saturating_add(1);
            if self.passing_streak < self.plan.successes {
                return Verdict::Nothing;
            }
            let before = std::mem::replace(&mut self.record.status, "healthy".to_owned());
            return if before == "healthy" { Verdict::Nothing } else { Verdict::Healthy };
        }
        self.passing_streak = 0;
        let excused =
            self.record.status == "starting" && running_for < Duration::from_nanos(self.plan.start_period);
        if excused {
            return Verdict::Nothing;
        }
        self.record.failing_streak += 1;
        if self.record.failing_streak < self.plan.retries.max(1) {
            return Verdict::Nothing;
        }
        "unhealthy".clone_into(&mut self.record.status);
        Verdict::Unhealthy(self.plan.on_failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> HealthPlan {
        HealthPlan {
            check: Check { args: vec!["regular".to_owned()], is_probe: false, interval: 1, timeout: 1 },
            retries: 2,
            start_period: 10_000_000_000,
            startup: None,
            on_failure: OnFailure::Kill,
            log_directory: None,
            log_to_events: false,
            max_log_count: 2,
            max_log_size: 3,
            readiness: None,
            successes: 0,
            grace: None,
        }
    }

    fn outcome(exit_code: i32) -> Outcome {
        Outcome { exit_code, output: "äöü".to_owned(), ..Outcome::default() }
    }

    #[test]
    fn failures_count_after_the_start_period_and_in_a_row() {
        let plan = plan();
        let mut health = Health::new(plan.clone());
        let mut take = |code, seconds| {
            let verdict = health.take(outcome(code), Duration::from_secs(seconds));
            (verdict, health.record.status.clone(), health.record.failing_streak)
        };
        assert_eq!(take(1, 1), (Verdict::Nothing, "starting".to_owned(), 0));
        assert_eq!(take(1, 11), (Verdict::Nothing, "starting".to_owned(), 1));
        assert_eq!(take(0, 12), (Verdict::Healthy, "healthy".to_owned(), 0));
        assert_eq!(take(0, 13), (Verdict::Nothing, "healthy".to_owned(), 0));
        assert_eq!(take(1, 14), (Verdict::Nothing, "healthy".to_owned(), 1));
        assert_eq!(take(7, 15), (Verdict::Unhealthy(OnFailure::Kill), "unhealthy".to_owned(), 2));
        assert_eq!(take(0, 16), (Verdict::Healthy, "healthy".to_owned(), 0));
    }

    #[test]
    fn a_success_ends_the_start_period() {
        let plan = plan();
        let mut health = Health::new(plan.clone());
        assert_eq!(health.take(outcome(0), Duration::from_secs(1)), Verdict::Healthy);
        assert_eq!(health.take(outcome(1), Duration::from_secs(2)), Verdict::Nothing);
        assert_eq!(health.record().failing_streak, 1);
    }

    #[test]
    fn little_is_kept() {
        let plan = plan();
        let mut health = Health::new(plan.clone());
        for code in 1..=5 {
            health.take(outcome(code), Duration::ZERO);
        }
        let kept: Vec<_> = health.record().log.iter().map(|it| (it.exit_code, it.output.as_str())).collect();
        assert_eq!(kept, [(4, "ä"), (5, "ä")]);
    }

    #[test]
    fn a_startup_check_comes_first() {
        let startup = Check { args: vec!["startup".to_owned()], is_probe: false, interval: 1, timeout: 1 };
        let plan = HealthPlan {
            startup: Some(Startup { check: startup, retries: 2, successes: 2, delay: 5, grace: Some(3) }),
            start_period: 0,
            grace: Some(4),
            ..plan()
        };
        let mut health = Health::new(plan.clone());
        let take = |health: &mut Health, code| health.take(outcome(code), Duration::ZERO);
        assert_eq!((health.delay(), health.grace()), (5, Some(3)));
        for code in [0, 1, 0] {
            assert_eq!(take(&mut health, code), Verdict::Nothing);
            assert_eq!(health.check().args, ["startup"]);
        }
        assert_eq!(take(&mut health, 0), Verdict::Healthy);
        assert_eq!(
            (health.check().args[0].as_str(), health.record().status.as_str()),
            ("regular", "healthy")
        );
        assert_eq!((health.delay(), health.grace()), (0, Some(4)));
        let mut health = Health::new(plan.clone());
        assert_eq!(take(&mut health, 1), Verdict::Nothing);
        assert_eq!(take(&mut health, 1), Verdict::Unhealthy(OnFailure::Restart));
    }

    #[test]
    fn several_successes_in_a_row_make_it_healthy() {
        let mut health = Health::new(HealthPlan { successes: 2, retries: 1, start_period: 0, ..plan() });
        let said: Vec<String> = [0, 1, 0, 0, 0, 1, 0, 0]
            .into_iter()
            .map(|code| {
                health.take(outcome(code), Duration::ZERO);
                health.record().status.clone()
            })
            .collect();
        assert_eq!(
            said,
            ["starting", "unhealthy", "unhealthy", "healthy", "healthy", "unhealthy", "unhealthy", "healthy"]
        );
    }

    #[test]
    fn readiness_goes_with_what_is_said_in_a_row() {
        let plain = plan();
        let readiness = Readiness { check: plain.check.clone(), retries: 2, successes: 2, delay: 0 };
        let mut health = Health::new(HealthPlan { readiness: Some(readiness), ..plain.clone() });
        let said: Vec<bool> = [true, false, true, true, false, true, false, false]
            .into_iter()
            .map(|passed| {
                health.take_readiness(passed);
                health.is_ready()
            })
            .collect();
        assert_eq!(said, [false, false, false, true, true, true, true, false]);
        // Without such a check it is the other one that tells.
        let mut health = Health::new(plain);
        assert_eq!((health.is_ready(), health.record().ready), (false, None));
        health.take(outcome(0), Duration::ZERO);
        assert!(health.is_ready());
    }
}
