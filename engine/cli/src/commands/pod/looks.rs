//! `pod logs`, `pod stats`, `pod top`.

use pontoon_lifecycle::pod::{self, PodSummary};
use pontoon_lifecycle::top as processes;

use super::{Context, Failure, all, latest};
use crate::commands::{logs as container_logs, stats as container_stats, top as container_top};
use pontoon_cli::args::{LogsArgs, PodLogsArgs, PodStatsArgs, PodTopArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::view::top as view;

fn named(context: &Context, name: Option<&String>) -> Result<PodSummary, Failure> {
    let store = context.store()?;
    match name {
        Some(name) => Ok(pod::find(&store, name)?.1),
        None => latest(context, &store),
    }
}

/// `pontoon pod logs`
pub fn logs(context: &Context, args: &PodLogsArgs) -> Result<ExitStatus, Failure> {
    let pod = named(context, args.pod.as_ref())?;
    let is_meant = |id: &str, name: &str| {
        args.container.as_ref().is_none_or(|it| it == name || (it.len() >= 2 && id.starts_with(it.as_str())))
    };
    // The infra container has nothing to say.
    let members = pod.own_members().filter(|it| is_meant(&it.record.id, &it.record.name));
    let containers: Vec<String> = members.map(|it| it.record.id.clone()).collect();
    if containers.is_empty() {
        return match &args.container {
            Some(name) => {
                let text = format!("pod `{}` has no container `{name}`", pod.record.name);
                Err(Failure::new(text, Some("`pontoon ps --all --pod` lists them".to_owned())))
            }
            None => Ok(ExitStatus::Success),
        };
    }
    let args = LogsArgs {
        containers,
        color: args.color,
        follow: args.follow,
        latest: false,
        names: args.names,
        since: args.since.clone(),
        until: args.until.clone(),
        tail: args.tail,
        timestamps: args.timestamps,
        details: false,
    };
    container_logs::logs(context, &args)
}

/// `pontoon pod stats`
pub fn stats(context: &Context, args: &PodStatsArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let is_up = |pod: &PodSummary| args.all || pod.members.iter().any(|it| it.status.run().is_some());
    let chosen: Vec<String> = match (&args.pods[..], args.latest) {
        ([], false) => all(context, &store)?.into_iter().filter(is_up).map(|it| it.record.id).collect(),
        ([], true) => vec![latest(context, &store)?.record.id],
        (names, _) => {
            let find = |name: &String| Ok(pod::find(&store, name)?.1.record.id);
            names.iter().map(find).collect::<Result<_, Failure>>()?
        }
    };
    container_stats::pods(&store, &chosen, args)
}

/// `pontoon pod top`
pub fn top(context: &Context, args: &PodTopArgs) -> Result<ExitStatus, Failure> {
    let (name, words) = match (args.latest, args.words.split_first()) {
        (true, _) => (None, args.words.as_slice()),
        (false, Some((name, words))) => (Some(name), words),
        (false, None) => return Err(Failure::new("`pod top` needs a pod", None)),
    };
    let columns = view::columns(words)?;
    let pod = named(context, name)?;
    let running: Vec<_> = pod.members.iter().filter_map(|it| it.status.run()).collect();
    if running.is_empty() {
        let text = format!("pod `{}` does not run, so it has no processes", pod.record.name);
        let hint = format!("start it first: pontoon pod start {}", pod.record.name);
        return Err(Failure::new(text, Some(hint)));
    }
    let each = running
        .into_iter()
        .map(|state| (processes::processes(state), container_top::surroundings(processes::names(state))));
    output::out(&view::text_of_all(&each.collect::<Vec<_>>(), &columns))?;
    Ok(ExitStatus::Success)
}
