//! `artifact add`, `extract`, `inspect`, `ls`, `pull`, `rm`.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, SystemTime};

use pontoon_image::{Choice, Reference};
use pontoon_lifecycle::acquire;
use pontoon_lifecycle::artifact::{self, AddRequest, Artifact, PullArtifactError, UseArtifactError};
use pontoon_lifecycle::pull::PullOptions;
use pontoon_monitor::event::{Deed, Kind};
use pontoon_monitor::notify::Notifier;
use pontoon_storage::{FindArtifactError, Store};

use super::pull::{Wishes, local_name};
use super::{Context, Failure};
use pontoon_cli::args::{
    ArtifactAddArgs, ArtifactExtractArgs, ArtifactInspectArgs, ArtifactLsArgs, ArtifactPullArgs,
    ArtifactRmArgs, PlatformOptions,
};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::run_options::parse_annotation;
use pontoon_cli::time::rfc3339;
use pontoon_cli::view::{ListOptions, artifact as view};

fn row(artifact: Artifact) -> view::Row {
    view::Row { name: artifact.name, digest: artifact.digest, manifest: artifact.manifest }
}

/// A digest as it is told to people: its digits alone.
fn hex(digest: &str) -> &str {
    digest.split_once(':').map_or(digest, |(_, hex)| hex)
}

/// `pontoon artifact add`
pub fn add(context: &Context, args: &ArtifactAddArgs) -> Result<ExitStatus, Failure> {
    let annotations = args.annotation.iter().map(|it| parse_annotation(it));
    let request = AddRequest {
        name: Reference::parse(&local_name(&args.name))?.with_default_tag(),
        files: args.files.clone(),
        artifact_type: args.artifact_type.clone(),
        file_type: args.file_type.clone(),
        annotations: annotations.collect::<Result<BTreeMap<_, _>, _>>()?,
        append: args.append,
        replace: args.replace,
        now: rfc3339(SystemTime::now()),
    };
    let store = context.store()?;
    let _ = store.sweep();
    let name = request.name.to_string();
    let digest = artifact::add(&store, &request)
        .map_err(|err| Failure::from(err).while_doing(format!("cannot make artifact `{name}`")))?;
    context.host.tell_of_other(Kind::Artifact, Deed::Create, hex(&digest), &name);
    output::line(hex(&digest))?;
    Ok(ExitStatus::Success)
}

/// `pontoon artifact ls`
pub fn list(context: &Context, args: &ArtifactLsArgs) -> Result<ExitStatus, Failure> {
    let rows: Vec<_> = artifact::list(&context.store()?)?.into_iter().map(row).collect();
    let options = ListOptions {
        format: args.format.as_deref(),
        quiet: false,
        no_trunc: args.no_trunc,
        noheading: args.noheading,
        now: SystemTime::now(),
    };
    output::out(&view::list_text(&rows, &options)?)?;
    Ok(ExitStatus::Success)
}

/// `pontoon artifact inspect`
pub fn inspect(context: &Context, args: &ArtifactInspectArgs) -> Result<ExitStatus, Failure> {
    let found = artifact::find(&context.store()?, &args.name)?;
    output::out(&view::inspect_text(&row(found), args.format.as_deref())?)?;
    Ok(ExitStatus::Success)
}

/// `pontoon artifact extract`
pub fn extract(context: &Context, args: &ArtifactExtractArgs) -> Result<ExitStatus, Failure> {
    let choice = match (&args.digest, &args.title) {
        (Some(digest), _) => Choice::Digest(digest),
        (None, Some(title)) => Choice::Title(title),
        (None, None) => Choice::All,
    };
    artifact::extract(&context.store()?, &args.name, choice, &args.target)
        .map_err(|err| Failure::from(err).while_doing(format!("cannot extract artifact `{}`", args.name)))?;
    Ok(ExitStatus::Success)
}

/// `pontoon artifact rm`
pub fn remove(context: &Context, args: &ArtifactRmArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let mut names = args.names.clone();
    if args.all {
        names.extend(store.list_artifacts()?.into_iter().map(|it| it.name));
    }
    super::control::for_each(&names, |name| match artifact::find(&store, name) {
        Ok(found) => remove_one(context, &store, &found).map(Some),
        Err(UseArtifactError::Find(FindArtifactError::NotFound { .. })) if args.ignore => Ok(None),
        Err(UseArtifactError::Find(FindArtifactError::NotFound { name })) => {
            Err(Failure::new(format!("there is no artifact `{name}`"), None))
        }
        Err(err) => Err(err.into()),
    })
}

fn remove_one(context: &Context, store: &Store, found: &Artifact) -> Result<String, Failure> {
    store.remove_artifact(&found.name, &found.digest)?;
    context.host.tell_of_other(Kind::Artifact, Deed::Remove, hex(&found.digest), &found.name);
    Ok(hex(&found.digest).to_owned())
}

/// `pontoon artifact pull`
pub fn pull(context: &Context, args: &ArtifactPullArgs) -> Result<ExitStatus, Failure> {
    let wishes = Wishes::of(&PlatformOptions::default(), &args.registry, args.quiet)?;
    let name = Reference::parse(&args.name)?;
    let store = context.store()?;
    let _ = store.sweep();
    // All files belong to whoever pulls, so nobody is needed who can give them to others.
    let mut options = PullOptions::new(acquire::unpack_options(&context.host, None));
    let (client, _) = acquire::client(&context.host, &wishes.registry, &mut options)?;
    if !args.quiet {
        output::err(&format!("Trying to pull {name}...\n"));
    }
    let progress = wishes.progress(&args.name);
    let pulled = attended(&args.name, || {
        wishes.insisting(&args.name, PullArtifactError::is_unavailable, || {
            artifact::pull(&name, &client, &store, &progress, &options).map_err(Box::new)
        })
    });
    let deed = || format!("cannot pull `{}`", args.name);
    let pulled = pulled.map_err(|err| Failure::from(*err).while_doing(deed()))?;
    context.host.tell_of_other(Kind::Artifact, Deed::Pull, hex(&pulled.digest), &pulled.name);
    output::line(hex(&pulled.digest))?;
    Ok(ExitStatus::Success)
}

/// Does some work, and tells a service manager meanwhile that it takes longer.
fn attended<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let Some(manager) = Notifier::from_environment() else { return work() };
    let (done, ended) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            loop {
                manager.tell(&super::pull::still_at(what));
                match ended.recv_timeout(Duration::from_secs(10)) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => return,
                }
            }
        });
        let result = work();
        drop(done);
        result
    })
}
