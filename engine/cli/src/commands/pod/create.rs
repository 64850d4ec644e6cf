//! `pod create`, and pods that are made for a container (`run --pod new:NAME`).

use pontoon_lifecycle::pod::{self, PodRecord, PodRequest};
use pontoon_lifecycle::request::CreateRequest;
use pontoon_storage::Store;

use super::{Context, Failure};
use pontoon_cli::args::{ContainerOptions, JointOptions, PodCreateArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::{message, output, run_options};

/// `pontoon pod create`
pub fn create(context: &Context, args: &PodCreateArgs) -> Result<ExitStatus, Failure> {
    let mut defaults = ContainerOptions::default();
    run_options::userns_of_environment(&mut defaults, &context.option_host)?;
    let request = request(context, args, defaults)?;
    let store = context.store()?;
    let made = pod::create(&context.host, &store, request)?;
    output::line(&made.id)?;
    Ok(ExitStatus::Success)
}

/// What the options ask for, over the infra container's `defaults`, which containers.conf fills up.
pub fn request(
    context: &Context,
    args: &PodCreateArgs,
    mut defaults: ContainerOptions,
) -> Result<PodRequest, Failure> {
    let conf = context.containers_conf()?;
    let mut args = args.clone();
    let JointOptions { dns, dns_search, dns_option, .. } = args.joint.clone();
    defaults.joint = JointOptions { dns, dns_search, dns_option, ..defaults.joint };
    defaults.network.clone_from(&args.network);
    conf.apply(&mut defaults, context.option_host.rootless);
    // What is asked for, with what the file says of it or adds to it.
    for (asked, all) in [
        (&mut args.network, &defaults.network),
        (&mut args.joint.dns, &defaults.joint.dns),
        (&mut args.joint.dns_search, &defaults.joint.dns_search),
        (&mut args.joint.dns_option, &defaults.joint.dns_option),
    ] {
        if !asked.is_empty() {
            asked.clone_from(all);
        }
    }
    // Without an infra container there is nothing that could go on.
    if args.infra != Some(false) && args.exit_policy.is_none() {
        args.exit_policy = conf.pod_exit_policy().map(str::to_owned);
    }
    let (request, warnings) = run_options::pod(&args, defaults, context.words.clone(), &context.option_host)?;
    warnings.iter().for_each(|it| message::print_warning(it));
    Ok(request)
}

/// Makes the pod that a container's options ask for, and puts the container into it.
pub fn make_for(
    context: &Context,
    store: &Store,
    request: &mut CreateRequest,
    options: &ContainerOptions,
) -> Result<Option<PodRecord>, Failure> {
    let Some(wanted) = run_options::new_pod(request, options) else { return Ok(None) };
    let made = pod::create(&context.host, store, wanted)?;
    if let Some(member) = &mut request.pod {
        member.id.clone_from(&made.id);
    }
    Ok(Some(made))
}
