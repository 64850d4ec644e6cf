//! `system check`: whether the store is sound, and mending it.

use std::time::Duration;

use pontoon_lifecycle::check::{self, Mended};
use pontoon_storage::{CheckOptions, CheckReport, Damage};

use super::{Context, Failure};
use pontoon_cli::args::SystemCheckArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::run_options::OptionError;
use pontoon_cli::time::parse_duration;

/// Podman's default of `--max`.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// `pontoon system check`
pub fn check(context: &Context, args: &SystemCheckArgs) -> Result<ExitStatus, Failure> {
    let idle_age = match &args.max {
        Some(text) => parse_duration(text).map_err(|_| OptionError::Invalid {
            option: "--max",
            value: text.clone(),
            why: "it must be a duration, as 12h or 30m".to_owned(),
            hint: None,
        })?,
        None => DAY,
    };
    let store = context.store()?;
    let report = check::check(&context.host, &store, CheckOptions { thorough: !args.quick, idle_age })?;
    tell_of_leftovers(&report)?;
    let mends = args.repair || args.force;
    let mut unmended = 0;
    for damage in &report.damages {
        let mended = mends.then(|| check::mend(&context.host, &store, damage, args.force));
        unmended += usize::from(!matches!(mended, Some(Mended::Removed | Mended::NewRecord)));
        output::out(&told(damage, mended.as_ref()))?;
    }
    if mends {
        check::tidy(&context.host, &store, &report)?;
    }
    if unmended == 0 {
        return Ok(ExitStatus::Success);
    }
    let hint = match (mends, args.force) {
        (false, _) => "`--repair` mends what can be mended without losing anything but images".to_owned(),
        (true, false) => "`--repair --force` removes damaged containers and secrets, too".to_owned(),
        (true, true) => "what is left must be mended by hand".to_owned(),
    };
    Err(Failure::new("the store is damaged", Some(hint)))
}

/// What is not in order without being damage.
fn tell_of_leftovers(report: &CheckReport) -> Result<(), Failure> {
    for name in &report.stale_image_names {
        output::line(&format!("The image name {name} leads nowhere"))?;
    }
    for name in &report.stale_container_names {
        output::line(&format!("No container has the name {name}"))?;
    }
    for name in &report.stale_pod_names {
        output::line(&format!("No pod has the name {name}"))?;
    }
    for layer in &report.idle_layers {
        output::line(&format!("No image needs layer {layer}"))?;
    }
    if report.leftovers > 0 {
        output::line(&format!("Leftovers of commands that were killed: {}", report.leftovers))?;
    }
    Ok(())
}

fn told(damage: &Damage, mended: Option<&Mended>) -> String {
    let mut text = format!("Damaged {} {}:\n", damage.part.word(), damage.id);
    for fault in &damage.faults {
        text.push_str(&format!("\t* {fault}\n"));
    }
    match mended {
        None => {}
        Some(Mended::Removed) => text.push_str("\tremoved\n"),
        Some(Mended::NewRecord) => {
            text.push_str("\tit has a new record, without labels and options; its data is kept\n")
        }
        Some(Mended::Left(why)) => text.push_str(&format!("\tleft as it is: {why}\n")),
    }
    text
}
