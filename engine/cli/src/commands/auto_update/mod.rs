//! `auto-update`: newer images for the containers of units, see podman-auto-update(1).
//!
//! What belongs together (a unit's container, a pod's containers) is updated together or not at all. An update counts when the
//! unit is active again and its containers are healthy, or live on for a while where nothing checks them; until then the names
//! of its images lead where they led. What fails is undone, and never tried again by itself.

mod images;
mod manager;
mod task;
mod trial;
mod users;

use std::collections::BTreeMap;

use pontoon_lifecycle::unit::{self, Change, Known, UnitRecord, Version};
use pontoon_monitor::event::{Deed, Kind};
use pontoon_storage::{ImageRecord, Store};

use super::{Context, Failure};
use pontoon_cli::args::AutoUpdateArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::view::auto_update::{self as view, Row};
use pontoon_cli::{message, output};

use images::{Images, Newest, adopt, tidy};
use task::{Outcome, Policy, Task};

pub(super) use images::fetch;
pub(super) use manager::{Manager, Whose};
pub use manager::{Trouble, change};
pub(super) use task::running;
pub(super) use trial::{Ground, Verdict, now, words};

/// `pontoon auto-update`
pub fn auto_update(context: &Context, args: &AutoUpdateArgs) -> Result<ExitStatus, Failure> {
    let manager = Manager::of(context)?;
    let store = context.store()?;
    let (mut tasks, mut faults) = task::gather(&store)?;
    if manager.is_on_behalf() {
        // What the user's own manager runs is not root's business.
        tasks.retain(|unit, _| matches!(manager.whose(unit), Ok(Whose::Ours) | Err(_)));
    }
    context.host.tell_of_other(Kind::System, Deed::AutoUpdate, "", "");
    let mut images = Images::new(context, args)?;
    let mut rows: Vec<Row> = Vec::new();
    for (unit, mut tasks) in tasks {
        let update = Update { store: &store, manager: &manager, unit: &unit, args };
        if let Err(failure) = update.run(&mut images, &mut tasks) {
            faults.push(failure.while_doing(format!("cannot update `{unit}`")));
        }
        rows.extend(tasks.iter().map(Task::row));
    }
    if users::are_meant(context) {
        let (theirs, failed) = users::update(context, args);
        rows.extend(theirs);
        faults.extend(failed);
    }
    output::out(&view::text(&rows, args.format.as_deref())?)?;
    let last = faults.pop();
    faults.iter().for_each(Failure::print);
    last.map_or(Ok(ExitStatus::Success), Err)
}

/// The update of one unit.
struct Update<'a> {
    store: &'a Store,
    manager: &'a Manager,
    unit: &'a str,
    args: &'a AutoUpdateArgs,
}

impl Update<'_> {
    /// Updates the unit, if there is anything to update, and says with each task what came of it.
    fn run(&self, images: &mut Images<'_>, tasks: &mut [Task]) -> Result<(), Failure> {
        let _lock = if self.args.dry_run { None } else { Some(self.store.lock_unit(self.unit)?) };
        let mut record: UnitRecord = self.store.unit_record(self.unit)?.unwrap_or_default();
        if !self.args.dry_run {
            self.recover(&mut record, tasks)?;
        }
        if record.pinned {
            return Ok(());
        }
        if !self.is_ours().map_err(|failure| fail(tasks, |_| true, failure))? {
            return Ok(());
        }
        let newest = self.look(images, &record, tasks)?;
        if self.args.dry_run {
            let pending = tasks.iter_mut().filter(|it| newest.contains_key(it.image()));
            pending.for_each(|it| it.outcome = Outcome::Pending);
            return Ok(());
        }
        let is_news = tasks.iter().fold(false, |is_news, task| {
            let is_ill = task.member.container.health == "unhealthy";
            (!is_ill && record.is_good(task.image(), task.running(self.store))) || is_news
        });
        if is_news {
            self.store.write_unit_record(self.unit, &record)?;
        }
        let changes = self.bring(images, &mut record, tasks, &newest)?;
        if changes.is_empty() {
            return Ok(());
        }
        self.change(images, &mut record, tasks, &changes)
    }

    /// Whether our manager has the unit: it restarts it.
    fn is_ours(&self) -> Result<bool, Failure> {
        match self.manager.whose(self.unit)? {
            Whose::Ours => Ok(true),
            Whose::Systems => {
                let unit = self.unit;
                message::print_warning(&format!(
                    "`{unit}` is a service of the system's; `pontoon auto-update` as root updates it"
                ));
                Ok(false)
            }
            Whose::Nobodys(state) => {
                let text = format!("our service manager does not run it, it is `{state}` there");
                Err(Failure::new(text, Some("it is updated by whoever restarts it".to_owned())))
            }
        }
    }

    /// Takes back what an update has left that was cut off: nobody has seen whether the unit was well with it.
    fn recover(&self, record: &mut UnitRecord, tasks: &mut [Task]) -> Result<(), Failure> {
        let Some(trying) = record.trying.take() else { return Ok(()) };
        for (name, change) in &trying.images {
            record.is_good(name, change.from.clone());
        }
        self.store.write_unit_record(self.unit, record)?;
        let runs_it = |task: &&mut Task| {
            let image = &task.member.container.record.image_id;
            trying.images.get(task.image()).is_some_and(|it| it.to.image == *image)
        };
        if tasks.iter_mut().find(runs_it).is_none() {
            return Ok(());
        }
        let text = format!(
            "the last update of `{}` was cut off; it is restarted with what it ran before",
            self.unit
        );
        message::print_warning(&text);
        let all = unit::members(self.store)?;
        let of_unit = all.iter().filter(|it| it.unit == self.unit);
        let ground = Ground::of(self.store, self.manager, self.unit, of_unit);
        let restarted = ground.restart();
        restarted.map_err(|why| fail(tasks, |_| true, Failure::new(why.text, None)))?;
        // The containers are others now.
        let now = unit::members(self.store)?;
        for member in now {
            let is_it = |task: &&mut Task| {
                task.member.own_unit == member.own_unit
                    && task.image() == member.container.record.request.image
            };
            if let Some(task) = tasks.iter_mut().find(is_it) {
                task.member = member;
            }
        }
        Ok(())
    }

    /// What can be had, by the images' names; without what is known to be bad.
    fn look(
        &self,
        images: &mut Images<'_>,
        record: &UnitRecord,
        tasks: &mut [Task],
    ) -> Result<BTreeMap<String, Newest>, Failure> {
        let mut found = BTreeMap::new();
        let mut failed = None;
        for task in &mut *tasks {
            match images.newest(self.store, task) {
                Ok(None) => {}
                Ok(Some(newest)) => match record.knows(task.image(), newest.known_as()) {
                    Known::Bad(bad) => self.tell_of_bad(task.image(), bad),
                    Known::Good | Known::New => drop(found.insert(task.image().to_owned(), newest)),
                },
                Err(failure) => {
                    task.outcome = Outcome::Failed;
                    failed = Some(failure);
                }
            }
        }
        failed.map_or(Ok(found), Err)
    }

    fn tell_of_bad(&self, name: &str, bad: &Version) {
        message::print_warning(&format!(
            "`{}` stays with what it runs: `{name}` is {} now, which has failed before ({}); `pontoon rollback {} {}` tries \
             it again",
            self.unit, bad.digest, bad.why, self.unit, bad.digest
        ));
    }

    /// Brings all images here; gives what is to change.
    fn bring(
        &self,
        images: &Images<'_>,
        record: &mut UnitRecord,
        tasks: &mut [Task],
        newest: &BTreeMap<String, Newest>,
    ) -> Result<BTreeMap<String, Change>, Failure> {
        let mut changes = BTreeMap::new();
        for (name, newest) in newest {
            let Some(task) = tasks.iter().find(|it| it.image() == name) else { continue };
            let image = match images.bring(self.store, name, newest, task) {
                Ok(image) => image,
                Err(failure) => return Err(fail(tasks, |it| it.image() == name, failure)),
            };
            let from = task.running(self.store);
            let to = Version {
                digest: images::digest_of(newest, &image, name),
                image: image.id.hex().to_owned(),
                ..Version::default()
            };
            if let Known::Bad(bad) = record.knows(name, &to.image) {
                // The same image under another digest.
                let bad = Version { digest: to.digest, ..bad.clone() };
                self.tell_of_bad(name, &bad);
                record.is_bad(name, bad);
                self.store.write_unit_record(self.unit, record)?;
            } else if to.image != from.image {
                self.tell_of_older(name, &image, &from);
                changes.insert(name.clone(), Change { from, to });
            }
        }
        Ok(changes)
    }

    /// Going back may be what the image's maker wants; or somebody who knows a hole in the older one.
    fn tell_of_older(&self, name: &str, image: &ImageRecord, from: &Version) {
        let before = self.store.find_image(&from.image).ok().and_then(|it| it.created);
        if let (Some(now), Some(before)) = (image.created, before)
            && now < before
        {
            message::print_warning(&format!("`{name}` is older now than what `{}` runs", self.unit));
        }
    }

    /// Changes the images of the unit.
    fn change(
        &self,
        images: &Images<'_>,
        record: &mut UnitRecord,
        tasks: &mut [Task],
        changes: &BTreeMap<String, Change>,
    ) -> Result<(), Failure> {
        let all = unit::members(self.store)?;
        let of_unit = all.iter().filter(|it| it.unit == self.unit && it.container.status.run().is_some());
        let ground = Ground::of(self.store, self.manager, self.unit, of_unit);
        let undoes = self.args.rollback != Some(false);
        let verdict = ground.trial(record, changes, undoes)?;
        let is_meant = |task: &Task| changes.contains_key(task.image());
        let outcome = match verdict {
            Verdict::Undone(_) | Verdict::Disturbed { up: true, .. } => Outcome::RolledBack,
            Verdict::Disturbed { up: false, .. } => Outcome::NotUpdated,
            Verdict::Well => Outcome::Updated,
            Verdict::Broken(_) => Outcome::Failed,
        };
        tasks.iter_mut().filter(|it| is_meant(it)).for_each(|it| it.outcome = outcome);
        if matches!(verdict, Verdict::Well) || (matches!(verdict, Verdict::Broken(_)) && !undoes) {
            for (name, change) in changes {
                if tasks.iter().any(|it| it.image() == name && it.policy == Policy::Registry) {
                    adopt(images.context(), self.store, name, &change.to.image)?;
                }
                record.is_good(name, Version { since: now(), ..change.to.clone() });
            }
            record.trying = None;
            self.store.write_unit_record(self.unit, record)?;
        }
        tidy(images.context(), self.store, record);
        match verdict {
            Verdict::Well => Ok(()),
            Verdict::Undone(why) => {
                message::print_warning(&format!("the update of `{}` is undone: {why}", self.unit));
                Ok(())
            }
            Verdict::Disturbed { why, up } => {
                let now = if up { "runs again what it ran before" } else { "is left as it is" };
                let unit = self.unit;
                message::print_warning(&format!(
                    "the update of `{unit}` is broken off: {why}; it {now}, and the next update tries again"
                ));
                Ok(())
            }
            Verdict::Broken(why) => Err(Failure::new(why, None)),
        }
    }
}

/// Notes what failed.
fn fail(tasks: &mut [Task], is_meant: impl Fn(&Task) -> bool, failure: Failure) -> Failure {
    tasks.iter_mut().filter(|it| is_meant(it)).for_each(|it| it.outcome = Outcome::Failed);
    failure
}
