//! `generate systemd`.

use std::collections::BTreeMap;
use std::path::Path;

use pontoon_cli::args::{GenerateFormat, GenerateSystemdArgs, PODMAN};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::generate::line::Line;
use pontoon_cli::generate::systemd::{
    self, ContainerFacts, GenerateError, Ground, PodFacts, UnitFile, Wishes,
};
use pontoon_cli::{message, output};
use pontoon_lifecycle::list;
use pontoon_lifecycle::pod::{self, PodSummary};
use pontoon_lifecycle::record::ContainerRecord;
use pontoon_lifecycle::request::RestartPolicy;
use pontoon_lifecycle::start::supervisor_pid_file;
use pontoon_storage::Store;

use super::super::control::is_missing;
use super::super::{Context, Failure};
use super::{engine, files};

/// Seconds until a container is killed that does not stop, if nothing else is said.
const PATIENCE: u32 = 10;

/// `pontoon generate systemd`
pub fn systemd(context: &Context, args: &GenerateSystemdArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let engine = engine::program(context)?;
    let globals =
        Line::of("generate systemd", &context.words).map(|it| it.global_words()).unwrap_or_default();
    let is_podman = context.name() == "podman";
    let version = env!("CARGO_PKG_VERSION");
    let product_version = match is_podman {
        true => format!("Podman {PODMAN} (pontoon {version})"),
        false => format!("Pontoon {version}"),
    };
    let ground = Ground {
        product: if is_podman { "Podman" } else { "Pontoon" },
        product_version: &product_version,
        documentation: if is_podman {
            "man:podman-generate-systemd(1)"
        } else {
            "man:pontoon-generate-systemd(1)"
        },
        engine: &engine,
        globals: &globals,
        run_directory: &store.paths().run,
        environment: &context.host.environment,
    };
    let wishes = wishes(args);
    let files = match find(&store, &args.name)? {
        Subject::Container(record) => {
            warn_of_restart(&record, &wishes);
            vec![systemd::container(&facts(&store, &record), &wishes, &ground)?]
        }
        Subject::Pod(pod) => {
            pod.own_members().for_each(|it| warn_of_restart(&it.record, &wishes));
            systemd::pod(&pod_facts(&store, &pod)?, &wishes, &ground)?
        }
    };
    message::print_warning(
        "`generate systemd` is how it was done before there were unit files for containers: `generate quadlet` writes those",
    );
    print(args, &files)?;
    Ok(ExitStatus::Success)
}

fn wishes(args: &GenerateSystemdArgs) -> Wishes {
    let time = jiff::Zoned::now().strftime("%a %b %e %H:%M:%S %Z %Y").to_string();
    Wishes {
        new: args.new,
        names: args.names,
        template: args.template,
        container_prefix: args.container_prefix.clone(),
        pod_prefix: args.pod_prefix.clone(),
        separator: args.separator.clone(),
        restart_policy: args.restart_policy.clone(),
        restart_sec: args.restart_sec,
        start_timeout: args.start_timeout,
        stop_timeout: args.stop_timeout,
        after: args.after.clone(),
        wants: args.wants.clone(),
        requires: args.requires.clone(),
        env: args.env.clone(),
        time: (!args.no_header).then_some(time),
    }
}

/// What services are wanted for.
enum Subject {
    Container(Box<ContainerRecord>),
    Pod(Box<PodSummary>),
}

fn find(store: &Store, name: &str) -> Result<Subject, Failure> {
    match list::find(store, name) {
        Ok(found) => return Ok(Subject::Container(Box::new(found.record))),
        Err(err) if is_missing(&err) => {}
        Err(err) => return Err(err.into()),
    }
    match pod::find(store, name) {
        Ok((_, pod)) => Ok(Subject::Pod(Box::new(pod))),
        Err(err) if err.is_not_found() => {
            let hint = "`pontoon ps -a` and `pontoon pod ps` list what there is".to_owned();
            Err(Failure::new(format!("`{name}` is neither a container nor a pod"), Some(hint)))
        }
        Err(err) => Err(err.into()),
    }
}

fn facts(store: &Store, record: &ContainerRecord) -> ContainerFacts {
    let request = &record.request;
    let written = request.conmon_pidfile.clone();
    ContainerFacts {
        id: record.id.clone(),
        name: record.name.clone(),
        create_command: request.create_command.clone(),
        stop_timeout: request.stop_timeout.unwrap_or(PATIENCE),
        pid_file: written.unwrap_or_else(|| supervisor_pid_file(store, &record.id)),
        needs: Vec::new(),
    }
}

fn pod_facts(store: &Store, pod: &PodSummary) -> Result<PodFacts, Failure> {
    let name = pod.record.name.clone();
    let infra = pod.infra().ok_or_else(|| GenerateError::NoInfra { pod: name.clone() })?;
    let mut members: Vec<&ContainerRecord> = pod.own_members().map(|it| &it.record).collect();
    if let Some(init) = members.iter().find(|it| it.request.init_container.is_some()) {
        let hint = "`generate quadlet` has the same limit: a service has no containers that only prepare it";
        let text = format!("`{}` is an init container of the pod, and has no service", init.name);
        return Err(Failure::new(text, Some(hint.to_owned())));
    }
    members.sort_by(|one, other| (one.created, &one.name).cmp(&(other.created, &other.name)));
    let needs = |record: &ContainerRecord| -> Vec<String> {
        let wanted: Vec<&str> = record.request.needs().collect();
        let is_wanted = |it: &&&ContainerRecord| {
            wanted.iter().any(|word| *word == it.name || (word.len() >= 3 && it.id.starts_with(word)))
        };
        members.iter().filter(is_wanted).map(|it| it.name.clone()).collect()
    };
    let own = members.iter().map(|it| ContainerFacts { needs: needs(it), ..facts(store, it) }).collect();
    Ok(PodFacts {
        id: pod.record.id.clone(),
        name,
        create_command: pod.record.create_command.clone(),
        infra: facts(store, &infra.record),
        members: own,
    })
}

/// Two who start the same container anew are one too many.
fn warn_of_restart(record: &ContainerRecord, wishes: &Wishes) {
    if wishes.new || wishes.template || record.request.restart == RestartPolicy::No {
        return;
    }
    message::print_warning(&format!(
        "container `{}` is started anew by its own supervisor (`--restart`), too: `pontoon update --restart no {}` leaves it to systemd",
        record.name, record.name
    ));
}

/// Prints texts or writes files.
fn print(args: &GenerateSystemdArgs, made: &[UnitFile]) -> Result<(), Failure> {
    let shown: Vec<String> = match args.files {
        true => {
            let write = |it: &UnitFile| files::write(Path::new(&format!("{}.service", it.name)), &it.text);
            made.iter().map(write).collect::<Result<_, _>>()?
        }
        false => made.iter().map(|it| it.text.clone()).collect(),
    };
    match args.format {
        Some(GenerateFormat::Json) => {
            let object: BTreeMap<&str, &String> =
                made.iter().map(|it| it.name.as_str()).zip(&shown).collect();
            output::line(&pontoon_cli::format::json::pretty(&object, 1))?;
        }
        None if args.files => shown.iter().try_for_each(|path| output::line(path))?,
        None => output::out(&shown.concat())?,
    }
    Ok(())
}
