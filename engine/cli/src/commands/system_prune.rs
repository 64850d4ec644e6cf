//! `system prune`: what nothing uses goes, of every kind.

use pontoon_lifecycle::remove;

use super::{Context, Failure, network, pod, prune};
use pontoon_cli::args::SystemPruneArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::time::size_words;

/// `pontoon system prune`
pub fn prune(context: &Context, args: &SystemPruneArgs) -> Result<ExitStatus, Failure> {
    let filters = prune::filters(&args.filter)?;
    // What killed commands left is nobody's, so nobody is asked.
    if args.external {
        let store = context.store()?;
        remove::sweep(&context.host, &store);
        remove::delete_files(&context.host, &store);
        return Ok(ExitStatus::Success);
    }
    if !prune::confirm(args.force, &warning(args))? {
        return Ok(ExitStatus::Success);
    }
    let store = context.store()?;
    remove::sweep(&context.host, &store);
    let mut freed = 0;
    let mut tell = |what: &str, pruned: prune::Pruned| {
        freed += pruned.freed;
        match pruned.names.as_slice() {
            [] => Ok(()),
            names => output::line(&format!("Deleted {what}\n{}", names.join("\n"))),
        }
    };
    let pods = prune::Pruned { names: pod::idle_pods(context, &store, &filters)?, freed: 0 };
    tell("Pods", pods)?;
    // Containers before the rest: what only they used is used by nobody then.
    tell("Containers", prune::idle_containers(context, &store, &filters)?)?;
    tell("Networks", network::idle(context, &store, &filters)?)?;
    if args.volumes {
        tell("Volumes", prune::idle_volumes(context, &store, &filters)?)?;
    }
    tell("Images", prune::idle_images(context, &store, args.all, &filters)?)?;
    output::line(&format!("Total reclaimed space: {}", size_words(freed)))?;
    Ok(ExitStatus::Success)
}

fn warning(args: &SystemPruneArgs) -> String {
    let mut what = vec![
        "all pods that have ended, with their containers",
        "all containers that do not run",
        "all networks that no container uses",
    ];
    if args.volumes {
        what.push("all volumes that no container uses, with what is in them");
    }
    what.push(match args.all {
        true => "all images that no container uses",
        false => "all images that have no name and that no container uses",
    });
    let lines: String = what.iter().map(|it| format!("\t- {it}\n")).collect();
    format!("WARNING! This command removes:\n{lines}\n")
}
