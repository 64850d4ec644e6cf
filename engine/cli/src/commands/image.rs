//! `images`, `rmi`, `tag`, `untag`, `image exists`.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use pontoon_image::Reference;
use pontoon_lifecycle::create::image_config;
use pontoon_lifecycle::local_image;
use pontoon_lifecycle::record::ContainerRecord;
use pontoon_lifecycle::remove::{self, RemoveOptions};
use pontoon_monitor::event::{Deed, Kind};
use pontoon_storage::{FindImageError, ImageRecord, RemoveImageError, Store, TagError};

use super::{Context, Failure, pull};
use pontoon_cli::args::{ImagesArgs, RmiArgs, TagArgs, UntagArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::view::filter::{self, Filter, is_reference};
use pontoon_cli::view::{ListOptions, images};

/// When an image was made.
pub fn created(image: &ImageRecord) -> Option<SystemTime> {
    let seconds = u64::try_from(image.created?).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Names with digests: those by which the image was pulled, and its digest in each place where it has a name. As in Podman, one
/// whose name has moved on to another image has none.
pub fn repo_digests(image: &ImageRecord) -> Vec<String> {
    let named = image.names.iter().filter_map(|name| {
        let (repository, _) = name.rsplit_once(':')?;
        Some(format!("{repository}@{}", image.digest))
    });
    let has_name = |repository: &str| {
        image.names.iter().any(|it| it.rsplit_once(':').is_some_and(|(front, _)| front == repository))
    };
    let holds = |digest: &&String| {
        image.by_digest.contains(digest) || digest.split_once('@').is_some_and(|(front, _)| has_name(front))
    };
    let pulled = image.repo_digests.iter().filter(holds).cloned();
    let all: BTreeSet<String> = named.chain(pulled).collect();
    all.into_iter().collect()
}

/// Names of the containers that use an image.
pub fn users(store: &Store, id: &str) -> Result<Vec<String>, Failure> {
    let mut users = Vec::new();
    for entry in store.list_containers()?.containers {
        if let Ok(record) = entry.record::<ContainerRecord>()
            && (record.image_id == id || record.mounted_images.iter().any(|it| it == id))
        {
            users.push(record.name);
        }
    }
    Ok(users)
}

/// All images, as they are shown.
pub(super) fn rows(store: &Store) -> Result<Vec<images::Row>, Failure> {
    let containers = store.list_containers()?.containers;
    let row = |image: ImageRecord| images::Row {
        containers: containers.iter().filter(|it| it.needs(&image.id)).count(),
        created: created(&image),
        labels: image_config(store, &image).map(|it| it.config.labels).unwrap_or_default(),
        id: image.id.to_string(),
        repo_digests: repo_digests(&image),
        digest: image.digest,
        names: image.names,
        size: image.size,
        read_only: image.read_only,
    };
    Ok(store.list_images()?.into_iter().map(row).collect())
}

/// `pontoon images`
pub fn list(context: &Context, args: &ImagesArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let filters = Filter::parse_all(&args.filter)?;
    let mut rows = rows(&store)?;
    if let Some(wanted) = &args.image {
        let of_digest = wanted.contains('@').then(|| context.find_image(&store, wanted).ok()).flatten();
        let has_digest = |row: &images::Row| of_digest.as_ref().is_some_and(|it| it.id.to_string() == row.id);
        let has_id = |row: &images::Row| row.id.starts_with(wanted.trim_start_matches("sha256:"));
        for row in rows.iter_mut().filter(|it| !has_digest(it)) {
            row.names.retain(|name| is_reference(name, wanted));
        }
        rows.retain(|row| !row.names.is_empty() || has_id(row));
    }
    let mut rows = filter::images(rows, &filters)?;
    images::sort(&mut rows, args.sort);
    let options = ListOptions {
        format: args.format.as_deref(),
        quiet: args.quiet,
        no_trunc: args.no_trunc,
        noheading: args.noheading,
        now: SystemTime::now(),
    };
    let columns = images::Columns { digests: args.digests, history: args.history };
    output::out(&images::text(&rows, &options, columns)?)?;
    Ok(ExitStatus::Success)
}

/// `pontoon rmi`
pub fn remove(context: &Context, args: &RmiArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    remove::sweep(&context.host, &store);
    let mut names = args.images.clone();
    if args.all {
        let own = store.list_images()?.into_iter().filter(|it| !it.read_only);
        names.extend(own.map(|it| it.id.to_string()));
    } else if names.is_empty() {
        return Err(Failure::new("`rmi` needs the name or id of an image, or --all", None));
    }
    let mut last: Option<Failure> = None;
    for name in &names {
        if let Err(failure) = remove_one(context, &store, name, args)
            && let Some(earlier) = last.replace(failure)
        {
            earlier.print();
        }
    }
    remove::delete_files(&context.host, &store);
    last.map_or(Ok(ExitStatus::Success), Err)
}

fn remove_one(context: &Context, store: &Store, name: &str, args: &RmiArgs) -> Result<(), Failure> {
    let image = match context.find_image(store, name) {
        Err(FindImageError::NotFound { .. }) if args.ignore || args.force => return Ok(()),
        Err(err @ FindImageError::NotFound { .. }) => {
            return Err(Failure { status: ExitStatus::No, ..Failure::from(err) });
        }
        other => other?,
    };
    if image.read_only {
        let err = RemoveImageError::ReadOnly { image: image.id };
        let hint = err.hint();
        return Err(Failure::new(err, hint));
    }
    let by_id = image.id.to_string().starts_with(name.trim_start_matches("sha256:"));
    if !by_id && image.names.len() > 1 {
        // One of several names: only the name goes.
        if let Some(full) = meant(context, &image, name) {
            store.untag(full).map_err(tag_failure)?;
            context.host.tell_of_other(Kind::Image, Deed::Untag, image.id.hex(), full);
            output::line(&format!("Untagged: {full}"))?;
            return Ok(());
        }
    }
    if by_id && image.names.len() > 1 && !args.force && !args.all {
        let text = format!("image `{name}` has several names: {}", image.names.join(", "));
        let hint =
            "remove the names that are not needed, or use --force, which removes the image with all of them";
        return Err(Failure::new(text, Some(hint.to_owned())));
    }
    let users = users(store, image.id.hex())?;
    if args.force {
        for user in &users {
            let options = RemoveOptions { force: true, ignore: true, ..RemoveOptions::default() };
            remove::remove(&context.host, store, user, options)?;
        }
    } else if !users.is_empty() {
        let text = format!("image is in use by a container: `{name}` by {}", users.join(", "));
        let hint = "remove those containers first, or use --force, which removes them too".to_owned();
        return Err(Failure { status: ExitStatus::Busy, ..Failure::new(text, Some(hint)) });
    }
    let removed = match &image.names[..] {
        // A name that has come meanwhile was not meant.
        [only] if !args.force && !by_id => store.remove_image_name(&image.id, only),
        names => store.remove_image(&image.id, args.force || by_id || names.is_empty()).map(Some),
    };
    let removed = removed.map_err(|err| {
        let status = if matches!(err, RemoveImageError::InUse { .. }) {
            ExitStatus::Busy
        } else {
            ExitStatus::OurFault
        };
        let hint = err.hint();
        Failure { status, ..Failure::new(err, hint) }
    })?;
    if removed.is_none() {
        for name in &image.names {
            context.host.tell_of_other(Kind::Image, Deed::Untag, image.id.hex(), name);
            output::line(&format!("Untagged: {name}"))?;
        }
        return Ok(());
    }
    context.host.tell_of_removed(&image);
    for name in &image.names {
        output::line(&format!("Untagged: {name}"))?;
    }
    output::line(&format!("Deleted: {}", image.id))?;
    Ok(())
}

/// The one of an image's names that a word of the command line means.
fn meant<'a>(context: &Context, image: &'a ImageRecord, word: &str) -> Option<&'a String> {
    let known = |full: &String| image.names.iter().find(|it| *it == full);
    let by_conf = local_image::full_names(&context.host, word).iter().find_map(known);
    by_conf.or_else(|| image.names.iter().find(|it| is_reference(it, word)))
}

fn tag_failure(err: TagError) -> Failure {
    Failure::new(err, None)
}

/// `pontoon tag`
pub fn tag(context: &Context, args: &TagArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let image = context.find_image(&store, &args.image)?;
    for name in &args.names {
        let reference = Reference::parse(&pull::local_name(name))?.with_default_tag();
        store.tag(&image.id, &reference.to_string()).map_err(tag_failure)?;
        context.host.tell_of_other(Kind::Image, Deed::Tag, image.id.hex(), name);
    }
    Ok(ExitStatus::Success)
}

/// `pontoon untag`
pub fn untag(context: &Context, args: &UntagArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let image = context.find_image(&store, &args.image)?;
    let names = if args.names.is_empty() { image.names.clone() } else { args.names.clone() };
    for name in &names {
        let full = meant(context, &image, name)
            .ok_or_else(|| Failure::new(format!("image `{}` has no name `{name}`", args.image), None))?;
        store.untag(full).map_err(tag_failure)?;
        context.host.tell_of_other(Kind::Image, Deed::Untag, image.id.hex(), full);
    }
    Ok(ExitStatus::Success)
}

/// `pontoon image exists`
pub fn exists(context: &Context, name: &str) -> Result<ExitStatus, Failure> {
    match context.find_image(&context.store()?, name) {
        Ok(_) => Ok(ExitStatus::Success),
        Err(FindImageError::NotFound { .. }) => Ok(ExitStatus::No),
        Err(err) => Err(err.into()),
    }
}
