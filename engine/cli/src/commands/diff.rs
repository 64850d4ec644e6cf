//! `diff`: what a container, or an image's topmost layer, has changed.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use pontoon_lifecycle::list;
use pontoon_storage::{Change, ChangeKind, FindContainerError, Store, changes};
use serde::Serialize;

use super::pull::{attend, ended, worker};
use super::{Context, Failure};
use pontoon_cli::args::DiffArgs;
use pontoon_cli::args::refused::{DIFF_OF_TWO, instead_of};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;

/// What the engine itself puts into a container is no change of the container's, as in Podman.
const OURS: [&str; 11] = [
    "/dev",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/mtab",
    "/etc/resolv.conf",
    "/proc",
    "/run",
    "/run/.containerenv",
    "/run/notify",
    "/run/secrets",
    "/sys",
];

/// `pontoon diff`
pub fn any(context: &Context, args: &DiffArgs) -> Result<ExitStatus, Failure> {
    diff(context, args, true, true)
}

/// `pontoon container diff`
pub fn container(context: &Context, args: &DiffArgs) -> Result<ExitStatus, Failure> {
    diff(context, args, true, false)
}

/// `pontoon image diff`
pub fn image(context: &Context, args: &DiffArgs) -> Result<ExitStatus, Failure> {
    diff(context, args, false, true)
}

fn diff(context: &Context, args: &DiffArgs, containers: bool, images: bool) -> Result<ExitStatus, Failure> {
    if let Some(format) = args.format.as_deref().filter(|it| *it != "json") {
        let text = format!("invalid value `{format}` for `--format`: it must be json");
        return Err(Failure::new(text, None));
    }
    if args.other.is_some() {
        return Err(Failure::new(format!("{DIFF_OF_TWO} is not supported"), Some(instead_of(DIFF_OF_TWO))));
    }
    let store = context.store()?;
    let name = super::control::one("diff", args.object.as_ref(), args.latest, &store)?;
    let (upper, lower) = layers(context, &store, &name, containers, images)?;
    let json = args.format.is_some();
    let work = worker(context, |_| {
        let open = |path: &std::path::Path| {
            File::open(path)
                .map(OwnedFd::from)
                .map_err(|err| Failure::from(err).while_doing(format!("cannot open `{}`", path.display())))
        };
        let lower = lower.iter().map(|it| open(it)).collect::<Result<Vec<_>, _>>()?;
        let mut found = match upper.exists() {
            true => changes(open(&upper)?.as_fd(), &lower)?,
            // It was never started.
            false => Vec::new(),
        };
        found.retain(|it| !it.path.to_str().is_some_and(|path| OURS.contains(&path)));
        output::out(&text(&found, json))?;
        Ok(0)
    })?;
    Ok(ended(attend(work, "nothing")))
}

/// The directory with the changes, and those that it is laid upon, the topmost first.
fn layers(
    context: &Context,
    store: &Store,
    name: &str,
    containers: bool,
    images: bool,
) -> Result<(std::path::PathBuf, Vec<std::path::PathBuf>), Failure> {
    let paths = |image: &pontoon_storage::ImageRecord| {
        image.layers.iter().rev().map(|it| store.layer_path(it)).collect::<Vec<_>>()
    };
    let found = match containers {
        true => match list::find(store, name) {
            Err(list::LookError::Find(FindContainerError::NotFound { .. })) if images => None,
            other => Some(other?),
        },
        false => None,
    };
    if let Some(found) = found {
        let lower = match &found.record.request.rootfs {
            // Laid over it are the changes; where nothing is, the directory has them itself.
            Some(rootfs) => vec![rootfs.path.clone()],
            None => paths(&store.find_image(&found.record.image_id)?),
        };
        return Ok((found.container.upper_path(), lower));
    }
    let mut all = paths(&context.find_image(store, name)?);
    if all.is_empty() {
        return Err(Failure::new(format!("image `{name}` has no layers"), None));
    }
    let upper = all.remove(0);
    Ok((upper, all))
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changed: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    added: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deleted: Vec<&'a str>,
}

/// A container may call its files anything: one line each, and no commands to the terminal.
fn printable(path: &std::path::Path) -> String {
    let mut text = String::new();
    for letter in path.to_string_lossy().chars() {
        match letter {
            other if other.is_control() => text.extend(other.escape_default()),
            other => text.push(other),
        }
    }
    text
}

fn text(found: &[Change], json: bool) -> String {
    if json {
        let of =
            |kind| found.iter().filter(move |it| it.kind == kind).filter_map(|it| it.path.to_str()).collect();
        let shown = Shown {
            changed: of(ChangeKind::Changed),
            added: of(ChangeKind::Added),
            deleted: of(ChangeKind::Deleted),
        };
        return format!("{}\n", pontoon_cli::format::json::pretty(&shown, 5));
    }
    let mut text = String::new();
    for change in found {
        let letter = match change.kind {
            ChangeKind::Changed => 'C',
            ChangeKind::Added => 'A',
            ChangeKind::Deleted => 'D',
        };
        text.push_str(&format!("{letter} {}\n", printable(&change.path)));
    }
    text
}
