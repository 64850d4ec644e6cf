//! `kube play`: decided whole, then made whole, or not at all.

use std::cell::OnceCell;

use pontoon_kube::document::{Contents, Note};
use pontoon_kube::play::{self, ContainerWanted, DIGEST, Facts, Lack, OWNER, Options, Play, PodWanted};
use pontoon_lifecycle::decide::DecideError;
use pontoon_lifecycle::pod as pods;
use pontoon_lifecycle::start;
use pontoon_lifecycle::usage::host_memory;
use pontoon_rootless::cgroup::Cgroup;
use pontoon_storage::Store;

use super::super::{Context, Failure};
use super::attend::{self, Attended, Kept};
use super::down::{self, Gone};
use super::{input, make, unit};
use pontoon_cli::args::{KubePlayArgs, NetworkCreateArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::{message, output};

/// The network of pods that say nothing, as in Podman: on it they find each other by name.
const NETWORK: &str = "podman-default-kube-network";

/// Where profiles of system calls are, as in Podman.
const SECCOMP_ROOT: &str = "/var/lib/kubelet/seccomp";

/// `pontoon kube play`
pub fn play(context: &Context, args: &KubePlayArgs) -> Result<ExitStatus, Failure> {
    let contents = input::read(context, &args.files)?;
    let store = context.store()?;
    if args.down {
        down::remove(context, &store, &contents.documents, args.force, Gone::default())?.print()?;
        return Ok(ExitStatus::Success);
    }
    let unit = args.service_container.and_then(|is_main| unit::of_process(context, is_main));
    tell(&contents.notes, args.strict)?;
    let play = decide(context, &store, args, &contents)?;
    tell(&play.notes, args.strict)?;
    if args.dry_run {
        return print_commands(context, &play);
    }
    // Everything that can be wrong is looked at before anything is changed.
    make::check_host_paths(&play)?;
    let _ = store.sweep();
    let is_reload = unit.as_ref().is_some_and(|it| !it.is_main);
    let changes = changes(&store, &play, args, is_reload)?;
    let ready = make::prepare(context, &store, &changes.made)?;
    if uses_default_network(args, &play) {
        let words = ["network", "create", "--ignore", NETWORK];
        let new = pontoon_cli::network_options::read(&make::parsed::<NetworkCreateArgs>(
            &words.map(str::to_owned),
        )?)?;
        pontoon_lifecycle::network::create(&context.host, &store, &new, true)?;
    }
    let names: Vec<String> = play.pods.iter().map(|it| it.name.clone()).collect();
    // As long as one pod stands for another, the end of that one is not the end of the unit.
    let changing = unit.as_ref().map(|it| it.begin_change(&store)).transpose()?;
    let mut gone = Gone::default();
    let left = unit.as_ref().filter(|_| args.replace).map(|it| it.pods(context, &store)).transpose()?;
    let left = left.into_iter().flatten().filter(|it| !names.contains(it));
    for name in left.chain(changes.made.iter().map(|it| it.name.clone())) {
        down::remove_pod(context, &store, &name, &mut gone)?;
    }
    make::make(context, &store, &play, ready, args)?;
    for wanted in changes.moved {
        make::note_owner(&store, wanted)?;
    }
    make::tell(&store, &play)?;
    let stays = args.wait || unit.as_ref().is_some_and(|it| it.is_main);
    if !stays {
        return Ok(ExitStatus::Success);
    }
    // Not before: what is started would keep them, too.
    let kept = Kept::keep()?;
    let containers = play.pods.iter().flat_map(|it| &it.containers);
    let awaited = containers.filter(|it| it.tells_readiness).map(|it| it.name.clone()).collect();
    let propagation = args.service_exit_code_propagation;
    let attended = Attended { names, unit, changing, awaited, propagation };
    let status = attend::attend(context, &store, kept, attended)?;
    if args.wait {
        down::remove(context, &store, &contents.documents, args.force, Gone::default())?.print()?;
    }
    Ok(status)
}

fn decide(
    context: &Context,
    store: &Store,
    args: &KubePlayArgs,
    contents: &Contents,
) -> Result<Play, Failure> {
    let maps = input::read(context, &args.configmap)?;
    let mut annotations = Vec::new();
    for annotation in &args.annotation {
        annotations.push(pontoon_cli::run_options::parse_annotation(annotation)?);
    }
    let mut container_words = Vec::new();
    let mut say = |option: &str, value: &str| container_words.push(format!("--{option}={value}"));
    if let Some(driver) = &args.log_driver {
        say("log-driver", driver);
    }
    args.log_opt.iter().for_each(|it| say("log-opt", it));
    let paths = [("authfile", &args.authfile), ("cert-dir", &args.cert_dir)];
    for (option, path) in paths {
        if let Some(path) = path {
            say(option, &path.display().to_string());
        }
    }
    if let Some(creds) = &args.creds {
        say("creds", creds);
    }
    if let Some(verify) = args.tls_verify {
        say("tls-verify", &verify.to_string());
    }
    if args.quiet {
        container_words.push("--quiet".to_owned());
    }
    let networks = match args.network.is_empty() {
        true => vec![NETWORK.to_owned()],
        false => args.network.clone(),
    };
    let root =
        args.seccomp_profile_root.as_ref().map_or(SECCOMP_ROOT.to_owned(), |it| it.display().to_string());
    let options = Options {
        networks,
        ips: args.ip.clone(),
        macs: args.mac_address.clone(),
        publish: args.publish.clone(),
        publish_all: args.publish_all == Some(true),
        userns: args.userns.clone(),
        annotations,
        no_hostname: args.no_hostname,
        no_hosts: args.no_hosts,
        no_pod_prefix: args.no_pod_prefix,
        seccomp_root: root,
        directory: context
            .option_host
            .directory
            .as_ref()
            .map_or("/".to_owned(), |it| it.display().to_string()),
        container_words,
    };
    let starts = args.start != Some(false);
    let known = Known { context, store, starts, group: OnceCell::new() };
    play::decide(&contents.documents, &maps.documents, &options, &known).map_err(input::failure)
}

/// The host, as far as it is asked.
struct Known<'a> {
    context: &'a Context,
    store: &'a Store,
    /// What is made is started; else whoever starts it is told what it cannot have.
    starts: bool,
    /// What the containers' groups will be in.
    group: OnceCell<Option<Cgroup>>,
}

impl Facts for Known<'_> {
    fn secret(&self, name: &str) -> Option<Vec<u8>> {
        self.store.secret_data(name).ok().map(|it| it.0)
    }

    fn amount(&self, resource: &str) -> Option<u64> {
        match resource {
            "cpu" => Some(std::thread::available_parallelism().ok()?.get() as u64 * 1000),
            "memory" => Some(host_memory().saturating_mul(1000)),
            _ => None,
        }
    }

    fn lack(&self, controller: &'static str, option: &str) -> Option<Lack> {
        if !self.starts {
            return None;
        }
        match self.group.get_or_init(|| start::group_of_containers(&self.context.host)) {
            Some(group) => {
                let err = group.expect_controller(controller, option).err()?;
                Some(Lack { text: err.to_string(), hint: err.hint() })
            }
            None => {
                let err = DecideError::NoCgroup { option: option.to_owned() };
                Some(Lack { text: err.to_string(), hint: err.hint() })
            }
        }
    }
}

/// Says what is not as it is written; with `strict` that is an error.
fn tell(notes: &[Note], strict: bool) -> Result<(), Failure> {
    let mut last: Option<String> = None;
    for note in notes {
        let text = format!("{}: {}", note.at, note.text);
        match strict {
            false => message::print_warning(&text),
            true => {
                if let Some(earlier) = last.replace(text) {
                    Failure::new(earlier, None).print();
                }
            }
        }
    }
    last.map_or(Ok(()), |text| Err(Failure::new(text, Some("without --strict this is a warning".to_owned()))))
}

/// The commands that would do the same, as somebody would type them.
fn print_commands(context: &Context, play: &Play) -> Result<ExitStatus, Failure> {
    let name = context.name();
    let print = |words: &[String]| {
        let words: Vec<String> = words.iter().map(|it| quote(it)).collect();
        output::line(&format!("{name} {}", words.join(" ")))
    };
    for volume in &play.volumes {
        print(&volume.words)?;
    }
    for pod in &play.pods {
        for volume in &pod.volumes {
            print(&volume.words)?;
        }
        print(&pod.words)?;
        for ContainerWanted { words, .. } in &pod.containers {
            print(words)?;
        }
        print(&["pod".to_owned(), "start".to_owned(), pod.name.clone()])?;
    }
    Ok(ExitStatus::Success)
}

/// A word for a shell.
fn quote(word: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "_-=./:,@%+".contains(it);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

fn uses_default_network(args: &KubePlayArgs, play: &Play) -> bool {
    let word = format!("--network={NETWORK}");
    args.network.is_empty() && play.pods.iter().any(|it| it.words.contains(&word))
}

/// What must be made, because it is not there as it is to be.
struct Changes<'a> {
    made: Vec<&'a PodWanted>,
    /// Pods that are as they are to be, and are made by something else than before.
    moved: Vec<&'a PodWanted>,
}

/// A reload changes what is said otherwise, and lets rest what has ended.
fn changes<'a>(
    store: &Store,
    play: &'a Play,
    args: &KubePlayArgs,
    is_reload: bool,
) -> Result<Changes<'a>, Failure> {
    let (mut made, mut moved) = (Vec::new(), Vec::new());
    for wanted in &play.pods {
        let pod = match pods::find(store, &wanted.name) {
            Ok((_, pod)) => pod,
            Err(err) if err.is_not_found() => {
                made.push(wanted);
                continue;
            }
            // One that cannot be read can be replaced.
            Err(_) if args.replace => {
                made.push(wanted);
                continue;
            }
            Err(err) => return Err(err.into()),
        };
        let is_same = pod.record.labels.iter().any(|(key, value)| key == DIGEST && *value == wanted.digest);
        let runs = pod.own_members().filter(|it| it.record.request.init_container.is_none());
        let (alive, all) =
            runs.fold((0, 0), |(alive, all), it| (alive + usize::from(it.status.is_alive()), all + 1));
        let is_complete = all > 0 && (alive == all || args.start == Some(false));
        match (is_same && (is_complete || is_reload), args.replace) {
            (true, _) => {
                let owner = pod.record.labels.iter().find(|it| it.0 == OWNER).map(|it| &it.1);
                if owner != wanted.owner.as_ref() {
                    moved.push(wanted);
                }
            }
            (false, true) => made.push(wanted),
            (false, false) => {
                let text = match is_same {
                    true => format!("pod `{}` is there, and not all of it runs", wanted.name),
                    false => format!("there is another pod `{}`: pod already exists", wanted.name),
                };
                let hint = "--replace makes it anew, and leaves pods that did not change".to_owned();
                return Err(Failure::new(text, Some(hint)));
            }
        }
    }
    Ok(Changes { made, moved })
}
