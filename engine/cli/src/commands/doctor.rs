//! `doctor`: what a host lacks, and mending it.

use std::error::Error;

use pontoon_cli::args::{DoctorArgs, GlobalOptions};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::view::doctor::{self as view, Row};
use pontoon_lifecycle::doctor::{self, Actor, Check, Deed, Facts, Finding, Level, Neighbour, Subject};
use pontoon_lifecycle::host::{Host, HostError};
use pontoon_rootless::names;
use pontoon_units::search::Manager;

use super::Failure;

/// `pontoon doctor`. It needs no place for a store: that there is none is one of the things it tells.
pub fn doctor(globals: &GlobalOptions, args: &DoctorArgs) -> Result<ExitStatus, Failure> {
    let host = Host::read(globals.root.clone(), globals.runroot.clone());
    let subject = subject(args)?;
    let look = || gather(subject.clone(), &host);
    let facts = look();
    let mut found = doctor::findings(&facts);
    let mut done = Vec::new();
    if args.fix {
        done = mend(&facts, &found, host.as_ref().ok());
        found = doctor::findings(&look());
    }
    let rows: Vec<Row> = found.into_iter().map(|finding| row(finding, &done)).collect();
    output::out(&view::text(&rows, args.format.as_deref())?)?;
    let broken = rows.iter().any(|it| it.state == Level::Broken) || rows.iter().any(|it| it.error.is_some());
    Ok(if broken { ExitStatus::No } else { ExitStatus::Success })
}

fn subject(args: &DoctorArgs) -> Result<Subject, Failure> {
    let uid = rustix::process::geteuid().as_raw();
    match &args.user {
        Some(name) => names::by_name(name)
            .or_else(|| names::by_uid(name.parse().ok()?))
            .map(|user| Subject::from(&user))
            .ok_or_else(|| Failure::new(format!("this host has no user `{name}`"), None)),
        None => {
            Ok(names::by_uid(uid).map_or(Subject { uid, name: None, asks: true }, |it| Subject::from(&it)))
        }
    }
}

fn gather(subject: Subject, host: &Result<Host, HostError>) -> Facts {
    let manager = match subject.uid {
        0 => Manager::System,
        uid => Manager::User { uid },
    };
    let podmans = pontoon_generator::find_original(manager);
    let podmans = podmans.map(|it| Neighbour { path: it.path, at_work: it.at_work });
    doctor::gather(subject, host.as_ref(), podmans)
}

/// What came of a deed.
struct Done {
    check: Check,
    result: Result<Vec<String>, String>,
}

/// Does what the caller may, each thing once.
fn mend(facts: &Facts, found: &[Finding], host: Option<&Host>) -> Vec<Done> {
    let mut deeds: Vec<(Check, Deed)> = Vec::new();
    for finding in found {
        let Some(mend) = &finding.mend else { continue };
        let may = facts.by_root || mend.by == Actor::User;
        let Some(deed) = mend.deed.clone().filter(|_| may) else { continue };
        if deeds.iter().all(|(_, it)| *it != deed) {
            deeds.push((finding.check, deed));
        }
    }
    deeds
        .into_iter()
        .map(|(check, deed)| Done { check, result: doctor::mend(&deed, host).map_err(|err| told(&err)) })
        .collect()
}

/// An error with its causes, in one line.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

fn row(finding: Finding, done: &[Done]) -> Row {
    let mut row = Row::from(finding);
    match done.iter().find(|it| it.check == row.check).map(|it| &it.result) {
        Some(Ok(words)) => row.fixed.clone_from(words),
        Some(Err(error)) => row.error = Some(error.clone()),
        None => {}
    }
    row
}
