//! `rollback`, `pin`, `unpin`, `history UNIT`: what units run, and have run.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use pontoon_lifecycle::request::CreateRequest;
use pontoon_lifecycle::unit::{self, Change, Member, Memory, Other, UnitRecord, Version};
use pontoon_storage::{FindImageError, ImageRecord, Store};

use super::auto_update::{Ground, Manager, Verdict, Whose, fetch, now, running};
use super::{Context, Failure, pull};
use pontoon_cli::args::{HistoryArgs, PlatformOptions, RegistryOptions, RollbackArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::time::rfc3339;
use pontoon_cli::view::unit_history::{self, Row};
use pontoon_cli::{message, output};

/// A unit that was named, and its containers.
struct Named {
    /// The unit that is restarted, and remembered.
    unit: String,
    /// The containers that are meant: those of a pod's member alone, where that was named.
    meant: Vec<Member>,
    /// The other containers of the unit.
    others: Vec<Member>,
    record: UnitRecord,
}

/// Whether a word names a unit rather than an image: it ends so, which no image's name does that is of use.
pub fn is_unit(word: &str) -> bool {
    word.ends_with(".service")
}

fn full_name(word: &str) -> String {
    if is_unit(word) { word.to_owned() } else { format!("{word}.service") }
}

impl Named {
    fn find(store: &Store, word: &str) -> Result<Self, Failure> {
        let name = full_name(word);
        let members = unit::members(store)?;
        let own = members.iter().find(|it| it.own_unit == name).map(|it| it.unit.clone());
        let unit = own.unwrap_or_else(|| name.clone());
        let all: Vec<Member> = members.into_iter().filter(|it| it.unit == unit).collect();
        let record = store.unit_record::<UnitRecord>(&unit)?;
        if record.is_none() && all.is_empty() {
            let text = format!("no unit `{name}` runs a container, and none is remembered");
            let hint = "`pontoon ps --format '{{.Names}} {{.Labels.PODMAN_SYSTEMD_UNIT}}'` shows which do";
            return Err(Failure::new(text, Some(hint.to_owned())));
        }
        let (meant, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|it| unit == name || it.own_unit == name);
        Ok(Self { unit, meant, others, record: record.unwrap_or_default() })
    }

    /// All containers of the unit.
    fn all(&self) -> impl Iterator<Item = &Member> {
        self.meant.iter().chain(&self.others)
    }
}

/// `pontoon history UNIT`
pub fn history(context: &Context, args: &HistoryArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let mut named = Named::find(&store, &args.image)?;
    // What runs now may not have been noted yet.
    for member in &named.meant {
        let is_well = member.container.status.run().is_some() && member.container.health != "unhealthy";
        if is_well && named.record.trying.is_none() {
            let version = running(&store, member);
            named.record.is_good(&member.container.record.request.image, version);
        }
    }
    output::out(&unit_history::text(&rows(&named.record), args.format.as_deref(), args.quiet)?)?;
    Ok(ExitStatus::Success)
}

fn rows(record: &UnitRecord) -> Vec<Row> {
    let mut rows = Vec::new();
    for (image, track) in &record.images {
        let row = |version: &Version, state: &'static str| Row {
            digest: version.digest.clone(),
            image: image.clone(),
            image_id: version.image.clone(),
            since: rfc3339(
                SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(version.since).unwrap_or(0)),
            ),
            state,
            reason: version.why.clone(),
            pinned: record.pinned,
        };
        let trying = record.trying.as_ref().and_then(|it| Some((it.since, it.images.get(image)?)));
        if let Some((since, change)) = trying {
            rows.push(row(&Version { since, ..change.to.clone() }, "trying"));
        }
        let current = track.good.len().saturating_sub(1);
        let good = track.good.iter().enumerate();
        let good = good.map(|(index, it)| row(it, if index == current { "current" } else { "good" }));
        let mut known: Vec<Row> = good.chain(track.bad.iter().map(|it| row(it, "bad"))).collect();
        // The newest first; what runs before all others.
        known.sort_by(|one, other| {
            let key = |row: &Row| (row.state == "current", row.since.clone());
            key(other).cmp(&key(one))
        });
        rows.append(&mut known);
    }
    rows
}

/// `pontoon pin`, `pontoon unpin`
pub fn pin(context: &Context, word: &str, pinned: bool) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let unit = Named::find(&store, word)?.unit;
    let _lock = store.lock_unit(&unit)?;
    // Others may have changed it while we waited for the lock.
    let mut named = Named::find(&store, word)?;
    let held: Vec<(String, Version)> = named
        .all()
        .map(|member| (member.container.record.request.image.clone(), running(&store, member)))
        .collect();
    if pinned {
        if held.is_empty() && named.record.images.is_empty() {
            let hint = "start it first".to_owned();
            return Err(Failure::new(
                format!("`{unit}` has run nothing that it could be held at"),
                Some(hint),
            ));
        }
        for (image, version) in held {
            named.record.is_good(&image, version);
        }
    }
    named.record.pinned = pinned;
    store.write_unit_record(&unit, &named.record)?;
    output::line(&unit)?;
    Ok(ExitStatus::Success)
}

/// `pontoon rollback`
pub fn rollback(context: &Context, args: &RollbackArgs) -> Result<ExitStatus, Failure> {
    let manager = Manager::of(context)?;
    let store = context.store()?;
    let unit = Named::find(&store, &args.unit)?.unit;
    if manager.whose(&unit)? == Whose::Systems {
        let name = context.host.user.as_ref().map_or("USER", |it| it.name.as_str());
        let hint = format!("as root: pontoon --user {name} rollback {}", args.unit);
        return Err(Failure::new(format!("`{unit}` is a service of the system's"), Some(hint)));
    }
    let _lock = store.lock_unit(&unit)?;
    let mut named = Named::find(&store, &args.unit)?;
    let changes = changes(context, &store, &named, args.digest.as_deref())?;
    for change in changes.values() {
        output::err(&format!("{unit}: {} -> {}\n", change.from.digest, change.to.digest));
    }
    let runs = named.all().filter(|it| it.container.status.run().is_some());
    let ground = Ground::of(&store, &manager, &unit, runs);
    let mut record = std::mem::take(&mut named.record);
    match ground.trial(&mut record, &changes, true)? {
        Verdict::Well => {}
        Verdict::Undone(why) => {
            return Err(Failure::new(why, None)
                .while_doing(format!("cannot roll `{unit}` back; it runs again what it ran before")));
        }
        Verdict::Broken(why) | Verdict::Disturbed { why, .. } => {
            return Err(Failure::new(why, None).while_doing(format!("cannot roll `{unit}` back")));
        }
    }
    record.trying = None;
    for (name, change) in &changes {
        record.is_good(name, Version { since: now(), why: String::new(), ..change.to.clone() });
        let why = "it was rolled back by hand".to_owned();
        record.is_bad(name, Version { since: now(), why, ..change.from.clone() });
    }
    store.write_unit_record(&unit, &record)?;
    output::line(&unit)?;
    Ok(ExitStatus::Success)
}

/// What a rollback changes. Images that are gone are fetched again.
fn changes(
    context: &Context,
    store: &Store,
    named: &Named,
    wanted: Option<&str>,
) -> Result<BTreeMap<String, Change>, Failure> {
    let mut now: BTreeMap<String, Version> = BTreeMap::new();
    for member in &named.meant {
        now.insert(member.container.record.request.image.clone(), running(store, member));
    }
    if now.is_empty() {
        // Nothing of it is there, perhaps because it cannot run: it is what it ran last that it goes back from.
        let last = named.record.images.iter().filter_map(|(name, it)| Some((name, it.good.last()?)));
        now.extend(last.map(|(name, version)| (name.clone(), version.clone())));
    }
    let mut changes = BTreeMap::new();
    for (name, from) in now {
        let Some(to) = named.record.earlier(&name, &from.image, wanted) else { continue };
        if to.image == from.image {
            continue;
        }
        let to = Version { since: 0, why: String::new(), ..to.clone() };
        image_of(context, store, &name, &to, None)?;
        changes.insert(name, Change { from, to });
    }
    if changes.is_empty() {
        let text = match wanted {
            Some(wanted) => format!("`{}` has run no other version `{wanted}`", named.unit),
            None => format!("`{}` has run no earlier version that was well", named.unit),
        };
        let hint = format!("`pontoon history {}` shows what it has run", named.unit);
        return Err(Failure::new(text, Some(hint)));
    }
    Ok(changes)
}

/// A version of an image: the one that is here, or fetched again by its digest.
fn image_of(
    context: &Context,
    store: &Store,
    name: &str,
    version: &Version,
    wishes: Option<&pull::Wishes>,
) -> Result<ImageRecord, Failure> {
    match store.find_image(&version.image) {
        Err(FindImageError::NotFound { .. }) => {}
        other => return Ok(other?),
    }
    let usual;
    let wishes = match wishes {
        Some(wishes) => wishes,
        None => {
            usual = pull::Wishes::of(&PlatformOptions::default(), &RegistryOptions::default(), false)?;
            &usual
        }
    };
    fetch(context, store, name, &version.digest, wishes)
}

/// The image of a container that is being made, as its unit's memory has it; `found` gives what its name leads to.
pub fn image_for(
    context: &Context,
    store: &Store,
    request: &CreateRequest,
    wishes: &pull::Wishes,
    found: impl FnOnce() -> Result<ImageRecord, Failure>,
) -> Result<ImageRecord, Failure> {
    let memory = match unit::memory(store, request) {
        Ok(Some(memory)) => memory,
        Ok(None) => return found(),
        Err(err) => {
            // Services start, whatever has become of the file.
            message::print_warning(&format!("what is remembered of the unit cannot be read: {err}"));
            return found();
        }
    };
    let name = &request.image;
    match memory.takes(name) {
        None => found(),
        Some(Other::Always(version)) => image_of(context, store, name, version, Some(wishes)),
        Some(Other::InsteadOfBad(version)) => {
            let image = found()?;
            if !is_bad(&memory, name, &image) {
                return Ok(image);
            }
            message::print_warning(&format!(
                "`{name}` is {} now, which `{}` was not well with; {} is run in its place",
                image.digest, memory.unit, version.digest
            ));
            image_of(context, store, name, version, Some(wishes))
        }
    }
}

fn is_bad(memory: &Memory, name: &str, image: &ImageRecord) -> bool {
    matches!(memory.record.knows(name, image.id.hex()), unit::Known::Bad(_))
}
