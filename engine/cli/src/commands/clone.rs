//! `container clone`, `pod clone`.

use pontoon_lifecycle::list::{self, Found};
use pontoon_lifecycle::pod::{self, PodRecord, PodSummary, duplicate, slice};
use pontoon_lifecycle::record::ContainerRecord;
use pontoon_lifecycle::remove::{self, RemoveOptions};
use pontoon_lifecycle::request::{CreateRequest, PodMember};
use pontoon_lifecycle::{base, create};
use pontoon_storage::{ImageRecord, Store};

use super::start::start_detached;
use super::{Context, Failure, pull};
use pontoon_cli::args::{ContainerCloneArgs, ContainerOptions, PodCloneArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::{message, output, run_options};

/// `pontoon container clone`
pub fn container(context: &Context, args: &ContainerCloneArgs) -> Result<ExitStatus, Failure> {
    if args.force && !args.destroy {
        return Err(Failure::new("`--force` says something of `--destroy` only", None));
    }
    let store = context.store()?;
    let found = list::find(&store, &args.container)?;
    let original = &found.record;
    check_original(&found, args)?;
    let (mut request, member) = like(context, &store, original, args.destroy)?;
    request.name = Some(match args.new_name.as_ref().or(args.name.as_ref()) {
        Some(name) => {
            let name = run_options::without_slash(name);
            run_options::check_name("--name", name)?;
            name.to_owned()
        }
        None => free_name(&store, &original.name),
    });
    request.pod = match &args.pod {
        Some(name) => {
            // What nobody asked for is left to the pod.
            let conf = context.containers_conf()?;
            let mut defaults = ContainerOptions::default();
            conf.apply(&mut defaults, context.option_host.rootless);
            let names = defaults.defaults.sysctl.iter().filter_map(|it| it.split('=').next());
            let usual_sysctls = names.map(|it| it.trim().to_owned()).collect();
            Some(PodMember { id: name.clone(), usual_sysctls, ..PodMember::default() })
        }
        None => member,
    };
    request.resources.change(run_options::resources(&args.resources)?);
    let image = match &args.image {
        Some(name) => {
            request.image.clone_from(name);
            request.rootfs = None;
            Some(pull::ensure_image(context, &store, &request, &pull::Wishes::default())?)
        }
        None => base::image(&store, original)?,
    };
    let id = make(context, &store, request, image.as_ref())?;
    if args.destroy {
        let options = RemoveOptions { force: args.force, ..RemoveOptions::default() };
        remove::remove(&context.host, &store, &original.id, options)?;
    }
    if args.run {
        start_detached(context, &store, &id)?;
    }
    output::line(&id)?;
    Ok(ExitStatus::Success)
}

fn check_original(found: &Found, args: &ContainerCloneArgs) -> Result<(), Failure> {
    let name = &found.record.name;
    if found.record.request.infra.is_some() {
        let hint = Some("clone the pod: pontoon pod clone".to_owned());
        return Err(Failure::new(format!("container `{name}` holds the namespaces of a pod"), hint));
    }
    if args.destroy && !args.force && found.status.is_alive() {
        let word = found.status.word();
        let hint = Some(format!("stop it first (pontoon stop {name}), or use --force"));
        return Err(Failure::new(format!("container `{name}` is {word}, so it is not removed"), hint));
    }
    Ok(())
}

/// What a container like that one is asked for, and its place in the original's pod.
fn like(
    context: &Context,
    store: &Store,
    original: &ContainerRecord,
    replaces: bool,
) -> Result<(CreateRequest, Option<PodMember>), Failure> {
    let Some(member) = &original.request.pod else {
        return Ok((duplicate::container(original, None, replaces), None));
    };
    let summary = pod::find(store, &member.id)?.1;
    let slice = slice::name(&context.host, &summary.record);
    let infra = summary.infra().map(|it| &it.record);
    let origin = duplicate::Origin { pod: &summary.record, infra, slice: &slice };
    let place = PodMember { id: member.id.clone(), ..PodMember::default() };
    Ok((duplicate::container(original, Some(origin), replaces), Some(place)))
}

fn free_name(store: &Store, original: &str) -> String {
    duplicate::name(original, |it| store.find_container(it).is_err())
}

fn make(
    context: &Context,
    store: &Store,
    request: CreateRequest,
    image: Option<&ImageRecord>,
) -> Result<String, Failure> {
    let created = create::create(&context.host, store, request, image, false)?;
    created.unsynced.sync()?;
    Ok(created.record.id)
}

/// `pontoon pod clone`
pub fn pod(context: &Context, args: &PodCloneArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let original = pod::find(&store, &args.pod)?.1;
    let infra = original.infra().map(|it| &it.record);
    let mut request = duplicate::pod(&original.record, infra, args.destroy);
    let mut options = args.options.clone();
    options.infra = infra.is_none().then_some(false);
    let (by, warnings) =
        run_options::pod(&options, ContainerOptions::default(), Vec::new(), &context.option_host)?;
    warnings.iter().for_each(|it| message::print_warning(it));
    run_options::change_pod(&mut request, by, &options);
    if request.name.is_none() {
        let name = &original.record.name;
        request.name = Some(duplicate::name(name, |it| store.find_pod(it).is_err()));
    }
    let usual = format!("{}-infra", original.record.id.get(..12).unwrap_or_default());
    if let (Some(new), Some(old)) = (&mut request.infra, infra)
        && new.name.is_none()
        && old.name != usual
    {
        new.name = Some(free_name(&store, &old.name));
    }
    let made = pod::create(&context.host, &store, request)?;
    if let Err(err) = fill(context, &store, &original, &made, args.destroy) {
        let _ = pod::remove(&context.host, &store, &made.id, true, Some(0));
        return Err(err);
    }
    if args.destroy {
        pod::remove(&context.host, &store, &original.record.id, true, None)?;
    }
    if args.start {
        super::pod::start_pod(context, &store, &pod::find(&store, &made.id)?.1)?;
    }
    output::line(&made.id)?;
    Ok(ExitStatus::Success)
}

/// Makes containers like those of a pod in another one.
fn fill(
    context: &Context,
    store: &Store,
    original: &PodSummary,
    made: &PodRecord,
    replaces: bool,
) -> Result<(), Failure> {
    let mut others: Vec<(&ContainerRecord, String)> = Vec::new();
    for member in original.own_members() {
        let record = &member.record;
        let cannot =
            |err: Failure| err.while_doing(format!("cannot make a container like `{}`", record.name));
        let (mut request, _) = like(context, store, record, replaces)?;
        duplicate::join(&mut request, made, &others);
        request.name = Some(free_name(store, &record.name));
        let image = base::image(store, record)?;
        let id = make(context, store, request, image.as_ref()).map_err(cannot)?;
        others.push((record, id));
    }
    Ok(())
}
