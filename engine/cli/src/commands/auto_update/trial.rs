//! A unit with other images: it is restarted, watched, and put back where it was if it is not well.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::{Duration, Instant, SystemTime};

use pontoon_lifecycle::create::image_config;
use pontoon_lifecycle::health;
use pontoon_lifecycle::list;
use pontoon_lifecycle::record::ContainerRecord;
use pontoon_lifecycle::status;
use pontoon_lifecycle::stop::{self, Ending};
use pontoon_lifecycle::unit::{self, Change, Member, Trying, UnitRecord, Version};
use pontoon_monitor::ends::{self, EndNote};
use pontoon_monitor::health::HealthPlan;
use pontoon_monitor::state::FailureReport;
use pontoon_storage::Store;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::Failure;
use super::manager::{Manager, Trouble};
use crate::behalf::Deed;

/// Where no health check tells whether a container is well, it must live so long.
const PROBATION: Duration = Duration::from_secs(5);
/// Time between two looks at a container: nobody tells of its health.
const INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };
/// What health checks may take beyond their own times, on a machine that is slow to start them.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a startup check that never gives up is waited for.
const ENDLESS: Duration = Duration::from_secs(30 * 60);

/// How a trial ended.
#[derive(Debug)]
pub(in super::super) enum Verdict {
    /// The unit runs the new images and is well.
    Well,
    /// It was not, for this reason, and runs again what it ran before.
    Undone(String),
    /// It was not, and does not run what it ran before either; or that was not asked for.
    Broken(String),
    /// Somebody stopped or restarted it meanwhile, so that nobody knows. If it is `up`, it runs again what it ran before;
    /// else it stays as it was left, and starts with that.
    Disturbed {
        /// What came between.
        why: String,
        /// Whether the unit runs.
        up: bool,
    },
}

/// Why a trial did not end well.
#[derive(Debug, PartialEq, Eq)]
enum Ill {
    /// The unit is not well.
    Bad(String),
    /// Somebody else has had a hand in it, and perhaps has ended this run of a container.
    Disturbed(String, Option<EndNote>),
}

impl From<Trouble> for Ill {
    fn from(trouble: Trouble) -> Self {
        match trouble.is_canceled {
            true => Self::Disturbed(trouble.text, None),
            false => Self::Bad(trouble.text),
        }
    }
}

/// A unit, and the containers that belong together in it.
#[derive(Debug)]
pub(in super::super) struct Ground<'a> {
    pub store: &'a Store,
    pub manager: &'a Manager,
    /// The unit whose restart restarts all of them. Its lock is held by whoever made this.
    pub unit: &'a str,
    /// Each container: the unit that makes it, and its image's name.
    pub parts: BTreeSet<(String, String)>,
}

impl<'a> Ground<'a> {
    pub fn of<'m>(
        store: &'a Store,
        manager: &'a Manager,
        unit: &'a str,
        members: impl Iterator<Item = &'m Member>,
    ) -> Self {
        Self { store, manager, unit, parts: members.map(part).collect() }
    }

    /// Lets the unit run other images, by their names. While this goes on its record says so: a command or a machine that goes
    /// down meanwhile leaves a unit that starts with what it ran before. What becomes of the record when all is well is left
    /// to the caller.
    ///
    /// # Errors
    /// If the record cannot be written, or the store not be read.
    pub fn trial(
        &self,
        record: &mut UnitRecord,
        changes: &BTreeMap<String, Change>,
        undoes: bool,
    ) -> Result<Verdict, Failure> {
        // From before the restart on, so that no end is missed. What ends for the restart is no news.
        let ends = self.store.watch_ends(self.unit)?;
        let before: BTreeSet<String> =
            unit::members(self.store)?.into_iter().map(|it| it.container.record.id).collect();
        record.trying = Some(Trying { since: now(), images: changes.clone() });
        self.store.write_unit_record(self.unit, record)?;
        let watched = || self.watch(changes).map_err(|why| ill(why, ends::read(ends.path()), &before));
        let tried = self.restart().map_err(Ill::from).and_then(|()| watched());
        let why = match tried {
            Ok(()) => return Ok(Verdict::Well),
            Err(Ill::Disturbed(why, run)) => return self.leave(record, why, run.as_ref()),
            Err(Ill::Bad(why)) => why,
        };
        if !undoes {
            return Ok(Verdict::Broken(why));
        }
        record.trying = None;
        for (name, change) in changes {
            // What ran before is good as far as anybody knows, and is what the unit takes in place of what is bad.
            record.is_good(name, change.from.clone());
            record.is_bad(name, Version { since: now(), why: why.clone(), ..change.to.clone() });
        }
        self.store.write_unit_record(self.unit, record)?;
        let again = self.restart();
        Ok(match again {
            Ok(()) => Verdict::Undone(why),
            Err(again) => Verdict::Broken(format!("{why}; and with what ran before: {}", again.text)),
        })
    }

    /// Ends a trial without a verdict. Who stopped the unit wants it to stay so; if it was restarted, it is with what ran before.
    fn leave(&self, record: &mut UnitRecord, why: String, run: Option<&EndNote>) -> Result<Verdict, Failure> {
        record.trying = None;
        self.store.write_unit_record(self.unit, record)?;
        let until = Instant::now() + PATIENCE;
        let up = loop {
            // Looked at before the state, which shows an end that the manager sees in between.
            let still_ends = run.is_some_and(|it| self.still_ends(it));
            match self.manager.state(self.unit) {
                Ok(state) if state == "active" && !still_ends => break true,
                Ok(state) if matches!(state.as_str(), "inactive" | "failed") => break false,
                Err(err) => return Ok(Verdict::Broken(format!("{why}; {}", words(&err)))),
                Ok(_) if Instant::now() >= until => break true,
                Ok(_) => drop(poll(&mut [], Some(&INTERVAL))),
            }
        };
        Ok(match if up { self.restart() } else { Ok(()) } {
            Ok(()) => Verdict::Disturbed { why, up },
            Err(again) => Verdict::Broken(format!("{why}; and with what ran before: {}", again.text)),
        })
    }

    /// Whether the manager has yet to see that a run has ended, which the unit had for its main process.
    fn still_ends(&self, run: &EndNote) -> bool {
        let main = self.manager.main_pid(self.unit).ok().and_then(|it| i32::try_from(it).ok());
        if main != Some(run.supervisor) {
            return false;
        }
        // Its supervisor may have started it anew.
        let found = list::find(self.store, &run.id).ok();
        let now = found.and_then(|it| Some(it.status.run()?.started_at));
        now.is_none_or(|it| it == run.started_at)
    }

    /// Restarts the unit and waits until the manager is done with it, and with the units of all its containers.
    pub fn restart(&self) -> Result<(), Trouble> {
        // A pod's unit does not wait for those of its members, which come up behind it. They are asked for with it rather than
        // when it is up: nothing is started that somebody has stopped in between.
        let members: BTreeSet<&str> =
            self.parts.iter().map(|(own, _)| own.as_str()).filter(|own| *own != self.unit).collect();
        let all: Vec<&str> = [self.unit].into_iter().chain(members).collect();
        // One that has failed often is started all the same.
        self.manager.change(Deed::Forget, &all)?;
        self.manager.change(Deed::Restart, &all)
    }

    /// Waits until all containers run the images they are to run and are well; or tells why not.
    fn watch(&self, changes: &BTreeMap<String, Change>) -> Result<(), String> {
        let until = Instant::now() + PROBATION;
        let members = unit::members(self.store).map_err(|err| words(&err))?;
        let mut parts = self.parts.clone();
        if parts.is_empty() {
            // Nothing ran before.
            let of_unit = members.iter().filter(|it| it.unit == self.unit);
            parts.extend(of_unit.map(part));
        }
        let mut found = Vec::new();
        for (own, image) in &parts {
            // A unit that plays Kubernetes objects may have several of one image; those that prepare a pod have ended.
            let is_it = |it: &&Member| {
                let request = &it.container.record.request;
                it.own_unit == *own && request.image == *image && request.init_container.is_none()
            };
            let all: Vec<&Member> = members.iter().filter(is_it).collect();
            if all.is_empty() || all.iter().any(|it| it.container.status.run().is_none()) {
                return Err(format!("`{own}` runs no container of `{image}`"));
            }
            for record in all.iter().map(|it| &it.container.record) {
                if let Some(change) = changes.get(image)
                    && change.to.image != record.image_id
                {
                    return Err(format!(
                        "`{own}` did not make its container anew: `{}` still runs the image {}",
                        record.name,
                        record.image_id.get(..12).unwrap_or(&record.image_id)
                    ));
                }
                // All of them from now on, whichever is looked at first.
                found.push((record, self.follow(&record.id)));
            }
        }
        found.into_iter().try_for_each(|(record, ending)| self.watch_one(record, ending.as_ref(), until))
    }

    /// The end of a container's run, when that comes.
    fn follow(&self, id: &str) -> Option<Ending> {
        stop::follow(&list::find(self.store, id).ok()?.container).ok()
    }

    /// Waits until a container is healthy, or has lived long enough where there is no check.
    fn watch_one(
        &self,
        record: &ContainerRecord,
        ending: Option<&Ending>,
        until: Instant,
    ) -> Result<(), String> {
        let plan = plan(self.store, record);
        let deadline = plan.as_ref().map_or(until, |it| Instant::now() + longest(it));
        let gone = || format!("container `{}` has ended", record.name);
        let mut restarts = None;
        loop {
            if ending.is_some_and(has_come) {
                return Err(gone());
            }
            let found = list::find(self.store, &record.id).map_err(|_| gone())?;
            let run = found.status.run().ok_or_else(gone)?;
            if *restarts.get_or_insert(run.restarts) != run.restarts {
                return Err(gone());
            }
            let is_over = Instant::now() >= deadline;
            if plan.is_some() {
                let health = status::health(found.container.run_path()).unwrap_or_default();
                let last = health.log.back().map(|it| it.output.trim()).filter(|it| !it.is_empty());
                let said = last.map(|it| format!(": {it}")).unwrap_or_default();
                match health.status.as_str() {
                    "healthy" => return Ok(()),
                    "unhealthy" => return Err(format!("container `{}` is unhealthy{said}", record.name)),
                    _ if is_over => {
                        return Err(format!("container `{}` does not get healthy{said}", record.name));
                    }
                    _ => {}
                }
            } else if is_over {
                return Ok(());
            }
            let mut end: Vec<PollFd<'_>> =
                ending.iter().map(|it| PollFd::from_borrowed_fd(it.fd(), PollFlags::IN)).collect();
            let _ = poll(&mut end, Some(&INTERVAL));
        }
    }
}

/// What it means that a unit is not well, by what its supervisors have noted of ends: what ended first is why the others did.
/// `before` are the containers that were there before the restart.
fn ill(why: String, ends: Vec<EndNote>, before: &BTreeSet<String>) -> Ill {
    let first = ends.into_iter().find(|it| !before.contains(&it.id));
    match first.filter(|it| it.by_others) {
        Some(run) => Ill::Disturbed(format!("container `{}` was stopped from outside", run.name), Some(run)),
        None => Ill::Bad(why),
    }
}

/// Whether a container has ended.
fn has_come(ending: &Ending) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(ending.fd(), PollFlags::IN)];
    matches!(poll(&mut fds, Some(&Timespec::default())), Ok(1..))
}

fn part(member: &Member) -> (String, String) {
    (member.own_unit.clone(), member.container.record.request.image.clone())
}

/// Seconds since 1970.
pub(in super::super) fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// The health check of a container, if it has one that is run by itself.
fn plan(store: &Store, record: &ContainerRecord) -> Option<HealthPlan> {
    let image = store.find_image(&record.image_id).ok()?;
    let config = image_config(store, &image).ok()?;
    health::plan(&record.request.health, &record.request.annotations, &config)
        .ok()
        .flatten()
        .filter(|it| it.check.interval > 0)
}

/// The time after which a check must have said something.
fn longest(plan: &HealthPlan) -> Duration {
    let nanos = |check: &pontoon_monitor::health::Check, times: u32| {
        Duration::from_nanos(check.interval.saturating_add(check.timeout)).saturating_mul(times)
    };
    let startup = match &plan.startup {
        None => Duration::ZERO,
        Some(startup) if startup.retries == 0 => ENDLESS,
        Some(startup) => nanos(&startup.check, startup.retries.saturating_add(startup.successes)),
    };
    let checks = nanos(&plan.check, plan.retries.saturating_add(1));
    Duration::from_nanos(plan.start_period)
        .saturating_add(startup)
        .saturating_add(checks)
        .saturating_add(PATIENCE)
}

/// An error with its causes, in one line.
pub(in super::super) fn words(err: &(dyn Error + 'static)) -> String {
    FailureReport::new(err, None, 125).chain.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of ends, each of them `+` and a container's id if it was by others, else `-` and the id.
    #[track_caller]
    fn check(ends: &[&str], disturbed_by: Option<&str>) {
        let note = |text: &&str| EndNote {
            id: text[1..].to_owned(),
            name: text[1..].to_owned(),
            by_others: text.starts_with('+'),
            ..EndNote::default()
        };
        let notes: Vec<EndNote> = ends.iter().map(note).collect();
        let becomes = ill("why".to_owned(), notes, &BTreeSet::from(["old".to_owned()]));
        match (becomes, disturbed_by) {
            (Ill::Bad(why), None) => assert_eq!(why, "why", "{ends:?}"),
            (Ill::Disturbed(why, Some(run)), Some(id)) => {
                assert_eq!(run.id, id, "{ends:?}");
                assert_eq!(why, format!("container `{id}` was stopped from outside"));
            }
            (other, _) => panic!("{ends:?}: {other:?}"),
        }
    }

    #[test]
    fn what_somebody_stops_is_no_verdict_whatever_ends_with_it() {
        check(&[], None);
        check(&["-web"], None);
        check(&["+web"], Some("web"));
        check(&["+old", "+web"], Some("web"));
        check(&["+old", "-web"], None);
        // A member that fails has the others stopped; one that is stopped may have them fail.
        check(&["-web", "+db"], None);
        check(&["+db", "-web"], Some("db"));
    }
}
