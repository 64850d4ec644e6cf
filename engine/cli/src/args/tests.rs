//! What command lines mean, and what is said of wrong ones.

use super::*;

fn words(line: &[&str]) -> Vec<OsString> {
    line.iter().map(OsString::from).collect()
}

#[track_caller]
fn read(line: &[&str]) -> Invocation {
    parse(words(line)).unwrap_or_else(|err| panic!("{line:?}: {err}"))
}

#[track_caller]
fn run(line: &[&str]) -> RunArgs {
    match read(line).command {
        Command::Run(args) => *args,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_error(line: &[&str], expected: &str) {
    let err = parse(words(line)).expect_err(&format!("{line:?} was taken"));
    let told = match err.hint() {
        Some(hint) => format!("{err} -> {hint}"),
        None => err.to_string(),
    };
    assert_eq!(told, expected, "{line:?}");
}

#[test]
fn every_parser_is_sound() {
    for entry in table::entries() {
        // clap checks its own rules (names used twice, …) only when it parses.
        match (entry.read)(entry, &["--help".to_owned()]) {
            Err(ArgsError::Help { text }) => {
                assert!(text.starts_with(entry.about), "{}: {text}", entry.path);
                assert!(text.contains(&format!("Usage: pontoon {}", entry.path)), "{text}");
            }
            other => panic!("{}: {:?}", entry.path, other.map(|_| ())),
        }
    }
}

#[test]
fn switches_are_joined_and_told_their_value() {
    let args = run(&["run", "-dit", "--rm=false", "--init=true", "image"]);
    assert!(
        args.detach && args.container.interactive && args.container.tty && args.container.init == Some(true)
    );
    assert!(!args.container.rm);
    assert!(run(&["run", "--rm", "--rm", "image"]).container.rm);
    assert!(!run(&["run", "--rm", "--rm=0", "image"]).container.rm);
    assert_eq!(run(&["run", "--sig-proxy=false", "image"]).sig_proxy, Some(false));
    assert_eq!(run(&["run", "--tls-verify", "image"]).container.registry.tls_verify, Some(true));
    check_error(
        &["run", "--rm=maybe", "image"],
        "invalid value `maybe` for `--rm`: it is neither `true` nor `false`",
    );
}

#[test]
fn short_options_are_bundled_and_told_their_value_in_every_way() {
    let ps = |line: &[&str]| match read(line).command {
        Command::Ps(args) => (args.all, args.quiet, args.last),
        other => panic!("{other:?}"),
    };
    assert_eq!(ps(&["ps", "-aq"]), (true, true, None));
    assert_eq!(ps(&["ps", "-a=false", "--quiet=true"]), (false, true, None));
    for line in
        [&["ps", "-n3"][..], &["ps", "-n=3"], &["ps", "-n", "3"], &["ps", "--last", "3"], &["ps", "--last=3"]]
    {
        assert_eq!(ps(line), (false, false, Some(3)), "{line:?}");
    }
    assert_eq!(ps(&["ps", "-aqn", "-1"]), (true, true, Some(-1)));
}

#[test]
fn what_follows_the_image_belongs_to_the_container() {
    assert_eq!(run(&["run", "image", "-it", "--rm", "--", "x"]).words, ["image", "-it", "--rm", "--", "x"]);
    assert!(!run(&["run", "image", "-it"]).container.tty);
    assert_eq!(run(&["run", "--", "image", "-it"]).words, ["image", "-it"]);
    assert_eq!(run(&["run", "--rm", "image", "--help"]).words, ["image", "--help"]);
    assert_eq!(run(&["run", "image", ""]).words, ["image", ""]);
    match read(&["exec", "-it", "web", "ls", "-l", "--help"]).command {
        Command::Exec(args) => {
            assert!(args.interactive && args.tty);
            assert_eq!(args.words, ["web", "ls", "-l", "--help"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_may_be_joined_apart_or_begin_with_a_dash() {
    let args = run(&[
        "run",
        "--name=a",
        "--name",
        "b",
        "-eA=1",
        "-e",
        "B=2",
        "--pids-limit",
        "-1",
        "-v/a:/b",
        "image",
    ]);
    assert_eq!(args.container.name.as_deref(), Some("b"));
    assert_eq!(args.container.env, ["A=1", "B=2"]);
    assert_eq!(args.container.resources.pids_limit.as_deref(), Some("-1"));
    assert_eq!(args.container.joint.volume, ["/a:/b"]);
    let args = run(&["run", "--name", "--rm", "--entrypoint=", "--label", "", "image"]);
    assert_eq!(args.container.name.as_deref(), Some("--rm"));
    assert_eq!(args.container.entrypoint.as_deref(), Some(""));
    assert_eq!(args.container.joint.label, [""]);
    assert_eq!(
        run(&["run", "-h", "box", "-m", "64m", "-u", "0", "-w/", "image"])
            .container
            .joint
            .hostname
            .as_deref(),
        Some("box")
    );
}

#[test]
fn other_commands_take_options_anywhere() {
    match read(&["stop", "web", "-t", "5", "db", "--ignore"]).command {
        Command::Stop(args) => {
            assert_eq!(
                (args.chosen.containers, args.time, args.ignore),
                (vec!["web".to_owned(), "db".to_owned()], Some(5), true)
            );
        }
        other => panic!("{other:?}"),
    }
    match read(&["rm", "-vfi", "web", "--timeout=-1"]).command {
        Command::Rm(args) => {
            assert!(args.volumes && args.force && args.ignore);
            assert_eq!(args.time, Some(-1));
        }
        other => panic!("{other:?}"),
    }
    match read(&["logs", "-f", "--tail", "5", "web", "--since", "1h"]).command {
        Command::Logs(args) => {
            assert_eq!((args.follow, args.tail, args.since.as_deref()), (true, 5, Some("1h")))
        }
        other => panic!("{other:?}"),
    }
    match read(&["logs", "--tail=-1", "--", "-web"]).command {
        Command::Logs(args) => assert_eq!((args.tail, args.containers), (-1, vec!["-web".to_owned()])),
        other => panic!("{other:?}"),
    }
}

#[test]
fn commands_have_aliases() {
    for line in [&["ps"][..], &["container", "ls"], &["container", "list"], &["container", "ps"]] {
        assert!(matches!(read(line).command, Command::Ps(_)), "{line:?}");
    }
    assert!(matches!(read(&["container", "run", "x"]).command, Command::Run(_)));
    assert!(matches!(read(&["image", "ls"]).command, Command::Images(_)));
    assert!(matches!(read(&["image", "pull", "x"]).command, Command::Pull(_)));
    assert!(matches!(read(&["volume", "remove", "x"]).command, Command::VolumeRm(_)));
    assert!(matches!(read(&["volume", "exists", "x"]).command, Command::VolumeExists(_)));
    assert!(matches!(read(&["system", "info"]).command, Command::Info(_)));
    assert!(matches!(read(&["linger", "enable"]).command, Command::LingerEnable(_)));
    assert!(
        matches!(read(&["unshare", "cat", "-n", "x"]).command, Command::Unshare(UnshareArgs { words, .. }) if words.len() == 3)
    );
}

#[test]
fn global_options_stand_before_and_after_the_command() {
    let line = ["--log-level", "debug", "--root", "/r", "ps", "--log-level=warning", "-a"];
    let invocation = read(&line);
    assert_eq!(invocation.globals.log_level, Some(LogLevel::Warn));
    assert_eq!(invocation.globals.root.as_deref(), Some(std::path::Path::new("/r")));
    assert_eq!(invocation.words, line);
    assert!(matches!(invocation.command, Command::Ps(PsArgs { all: true, .. })));
    assert!(read(&["-D", "ps"]).globals.debug && read(&["--debug", "ps"]).globals.debug);
    assert!(!read(&["--debug=false", "ps"]).globals.debug);
    let after_image = run(&["--events-backend=none", "run", "image", "--root", "/x"]);
    assert_eq!(after_image.words, ["image", "--root", "/x"]);
}

#[test]
fn an_option_of_a_command_goes_before_a_global_one() {
    let invocation = read(&["--config", "/docker", "commit", "--config", "/file", "c"]);
    assert_eq!(invocation.globals.config.as_deref(), Some(std::path::Path::new("/docker")));
    assert!(
        matches!(invocation.command, Command::Commit(it) if it.config_file.as_deref() == Some(std::path::Path::new("/file")))
    );
}

#[test]
fn wrong_global_options_are_told() {
    check_error(
        &["--log-level=loud", "ps"],
        "invalid value `loud` for `--log-level`: it must be one of: trace, debug, info, warn, error",
    );
    check_error(
        &["--storage-driver", "btrfs", "ps"],
        "invalid value `btrfs` for `--storage-driver`: it must be `overlay`, which native overlayfs or fuse-overlayfs provide",
    );
    check_error(
        &["--tmpdir=/a", "ps"],
        "`--tmpdir` is not supported -> --runroot is the directory of what lives until the next boot, TMPDIR that of \
         temporary files",
    );
    check_error(
        &["ps", "--events-backend", "syslog"],
        "invalid value `syslog` for `--events-backend`: it must be one of: journald, file, none",
    );
    check_error(&["--remote", "ps"], "`--remote` is not supported -> pontoon has no service to connect to");
    check_error(&["ps", "--remote"], "`--remote` is not supported -> pontoon has no service to connect to");
    check_error(
        &["--runtime", "runc", "ps"],
        "`--runtime` is not supported -> pontoon is its own runtime and monitor",
    );
    check_error(&["--bogus", "ps"], "unknown option `--bogus` of `pontoon` -> see `pontoon --help`");
    check_error(&["--root"], "`--root` needs a value");
    check_error(&[], "missing command -> see `pontoon --help`");
    check_error(&["--log-level=info"], "missing command -> see `pontoon --help`");
}

#[test]
fn unknown_commands_get_a_suggestion() {
    check_error(&["rnu", "x"], "unknown command `pontoon rnu` -> did you mean `pontoon run`?");
    check_error(
        &["volume", "lst"],
        "unknown command `pontoon volume lst` -> did you mean `pontoon volume ls`?",
    );
    check_error(
        &["xyzzy"],
        "unknown command `pontoon xyzzy` -> `pontoon --help` lists the commands there are",
    );
    check_error(
        &["build", "."],
        "`pontoon build` is not supported -> building comes later; meanwhile build with buildah or Podman and `pontoon load` \
         the archive",
    );
    check_error(&["image", "sign"], "`pontoon image sign` is not supported -> signing comes with `push`");
    check_error(
        &["system", "service"],
        "`pontoon system service` is not supported -> there is no daemon and no API: each container has its own supervisor, \
         and systemd has the rest",
    );
    check_error(&["volume"], "missing command after `pontoon volume` -> see `pontoon volume --help`");
    check_error(&[""], "unknown command `pontoon ` -> `pontoon --help` lists the commands there are");
}

#[test]
fn unknown_options_get_a_suggestion_and_podmans_are_refused_by_name() {
    check_error(
        &["pod", "create", "--infra-image", "x"],
        "`--infra-image` is not supported -> the infra container runs nothing but a small program of pontoon's own, \
         without an image",
    );
    check_error(
        &["update", "--memory-swappiness", "1", "x"],
        "`--memory-swappiness` is not supported -> control groups of version 2 have no such limit",
    );
    for command in ["run", "create", "pull", "import", "load", "kube play"] {
        let line: Vec<&str> = command.split(' ').chain(["--signature-policy", "/x", "x"]).collect();
        let refused = parse(words(&line)).unwrap_err();
        assert!(matches!(refused, ArgsError::OptionNotSupported { .. }), "{line:?}: {refused}");
    }
    for line in ["pull -a x", "pull --all-tags x", "image pull -a x", "container update --cpu-rt-period 1 x"]
    {
        let line: Vec<&str> = line.split(' ').collect();
        let refused = parse(words(&line)).unwrap_err();
        assert!(matches!(refused, ArgsError::OptionNotSupported { .. }), "{line:?}: {refused}");
    }
    check_error(
        &["run", "--volume-driver", "x", "x"],
        "`--volume-driver` is not supported -> there is one driver, `local`",
    );
    check_error(
        &["run", "--volum=/x", "x"],
        "unknown option `--volum` of `pontoon run` -> did you mean `--volume`?",
    );
    check_error(
        &["run", "--nam", "x", "y"],
        "unknown option `--nam` of `pontoon run` -> did you mean `--name`?",
    );
    check_error(&["run", "-Z", "x"], "unknown option `-Z` of `pontoon run` -> see `pontoon run --help`");
    check_error(&["ps", "--bogus"], "unknown option `--bogus` of `pontoon ps` -> see `pontoon ps --help`");
}

#[test]
fn missing_and_surplus_words_are_told() {
    check_error(&["run"], "`pontoon run` needs IMAGE -> see `pontoon run --help`");
    check_error(&["run", "--name"], "`--name` needs a value");
    check_error(&["wait"], "`pontoon wait` needs CONTAINER -> see `pontoon wait --help`");
    check_error(&["ps", "extra"], "`pontoon ps` does not take the word `extra` -> see `pontoon ps --help`");
    check_error(
        &["images", "a", "b"],
        "`pontoon images` does not take the word `b` -> see `pontoon images --help`",
    );
    check_error(&["tag", "a"], "`pontoon tag` needs NAME -> see `pontoon tag --help`");
    check_error(
        &["port", "a", "b", "c"],
        "`pontoon port` does not take the word `c` -> see `pontoon port --help`",
    );
    check_error(&["stop", "--all", "web"], "`--all` cannot be used together with `CONTAINER`");
    check_error(&["rm", "--all", "--latest"], "`--all` cannot be used together with `--latest`");
    check_error(&["inspect", "--latest", "web"], "`--latest` cannot be used together with `OBJECT`");
    check_error(&["start", "--all", "--attach"], "`--all` cannot be used together with `--attach`");
    check_error(
        &["stop", "-t", "soon", "web"],
        "invalid value `soon` for `--time`: invalid digit found in string",
    );
    check_error(
        &["ps", "--sort", "foo"],
        "invalid value `foo` for `--sort`: it must be one of: command, created, id, image, names, runningfor, size, status",
    );
    check_error(
        &["pull", "--platform", "linux/arm64", "--arch", "arm64", "x"],
        "`--platform` cannot be used together with `--arch`",
    );
}

#[test]
fn some_words_can_be_left_out_with_all_or_latest() {
    for line in [
        &["stop", "-a"][..],
        &["rm", "--latest"],
        &["stop", "--cidfile", "/x"],
        &["port", "-a"],
        &["inspect", "-l"],
    ] {
        read(line);
    }
}

#[test]
fn help_is_an_answer() {
    for line in [
        &["--help"][..],
        &["-h"],
        &["help"],
        &["help", "volume"],
        &["volume", "--help"],
        &["help", "volume", "ls"],
        &["ps", "-h"],
        &["run", "--help"],
    ] {
        assert!(matches!(parse(words(line)), Err(ArgsError::Help { .. })), "{line:?}");
    }
    assert!(matches!(parse(words(&["--log-level=info", "--version"])), Err(ArgsError::Version)));
    assert!(matches!(parse(words(&["--log-level=info", "-v", "ps"])), Err(ArgsError::Version)));
    assert!(wants_version(&words(&["--version"])) && wants_version(&words(&["-v", ""])));
    assert!(!wants_version(&words(&["ps", "-v"])));
}

#[test]
fn commands_that_start_containers_are_known_by_their_words() {
    for line in [
        &["run", "--rm", "busybox"][..],
        &["container", "start", "web"],
        &["--log-level=debug", "restart", "web"],
        &["init", "web"],
    ] {
        assert!(starts_containers(&words(line)), "{line:?}");
    }
    for line in [
        &["run", "--dry-run", "busybox"][..],
        &["run", "--cgroups=disabled", "busybox"],
        &["ps"],
        &["strat"],
        &[],
    ] {
        assert!(!starts_containers(&words(line)), "{line:?}");
    }
}

#[test]
fn words_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStringExt;
    let word = OsString::from_vec(b"\xff".to_vec());
    let err = parse(vec![OsString::from("ps"), word]).unwrap_err();
    assert_eq!(err.to_string(), "\"\\xFF\" is not valid UTF-8");
}

#[test]
fn the_page_of_what_is_refused_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/REFUSED.md");
    let page = super::refused::page();
    assert!(!page.contains("not there yet"), "something is refused without a reason");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(there == page, "run `BLESS=1 cargo test -p pontoon-cli refused`");
}

#[test]
fn options_that_are_refused_are_taken_where_they_ask_for_nothing() {
    for line in [
        "--remote=false ps",
        "-r=false ps",
        "--syslog=0 ps",
        "ps --remote=false",
        "run --oom-kill-disable=false --memory-swappiness=-1 --cpu-rt-period 0 x",
        "create --memory-swappiness -1 --kernel-memory= x",
        "update --cpu-rt-runtime 0 --memory-swappiness -1 x",
        "container clone --memory-swappiness=-1 x",
        "pull --all-tags=false x",
        "kube play --build=false x",
        "system prune --build=false",
    ] {
        let line: Vec<&str> = line.split(' ').collect();
        read(&line);
    }
    for line in [
        "-r ps",
        "--remote=maybe ps",
        "run --oom-kill-disable x",
        "run --oom-kill-disable=true x",
        "run --memory-swappiness 0 x",
        "run --cpu-rt-period 1 x",
        "kube play --build x",
    ] {
        let line: Vec<&str> = line.split(' ').collect();
        let refused = parse(words(&line)).unwrap_err();
        assert!(matches!(refused, ArgsError::OptionNotSupported { .. }), "{line:?}: {refused}");
    }
}

#[test]
fn options_given_empty_are_not_said_by_any_command() {
    match read(&["pull", "--authfile=", "--policy", "", "image"]).command {
        Command::Pull(args) => assert_eq!((args.registry.authfile, args.policy), (None, None)),
        other => panic!("{other:?}"),
    }
    match read(&["exec", "--workdir=", "--detach-keys=", "name", "true"]).command {
        Command::Exec(args) => assert_eq!((args.workdir, args.detach_keys), (None, Some(String::new()))),
        other => panic!("{other:?}"),
    }
    let globals = read(&["--root", "", "--storage-driver=", "ps", "--runroot="]).globals;
    assert_eq!((globals.root, globals.storage_driver, globals.runroot), (None, None, None));
    check_error(&["ps", "--sort="], "`--sort` needs a value");
    check_error(&["rm", "--cidfile="], "`--cidfile` needs a value");
}
