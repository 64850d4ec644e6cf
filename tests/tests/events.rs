//! Events: every deed is told once, in Podman's words, to the journal or to a file, and can be found again.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Gone, TestHost, alone, host_with_busybox, wait};

/// Events that are there, of what the filters say, as lines of `format`.
#[track_caller]
fn events(host: &TestHost, options: &str, format: &str) -> Vec<String> {
    let shown = host
        .entry("alice")
        .env("FORMAT", format)
        .sh(&format!("pontoon events --stream=false {options} --format \"$FORMAT\""));
    shown.ok().stdout.lines().map(str::to_owned).collect()
}

#[track_caller]
fn deeds(host: &TestHost, options: &str) -> String {
    events(host, options, "{{.Status}}").join(" ")
}

/// A container's events, found by its id; its options are `--name`, and what is given.
fn create(host: &TestHost, options: &str, command: &str) -> String {
    let made = host
        .entry("alice")
        .env("COMMAND", command)
        .sh(&format!("pontoon create {options} {B} sh -c \"$COMMAND\""));
    made.ok().text().to_owned()
}

#[test]
fn a_whole_life_is_told_once_and_in_order() {
    let host = host_with_busybox();
    let _gone = Gone(host, "told2");
    let id = create(
        host,
        "--name told --label a=b",
        "trap 'exit 3' TERM; while :; do sleep 10000 & wait $!; done",
    );
    let life = "pontoon start told; pontoon exec told true; pontoon pause told; pontoon unpause told
        pontoon update --restart no told; pontoon rename told told2; pontoon commit -q told2 told-image
        pontoon export -o /dev/null told2; pontoon stop told2; pontoon start told2; pontoon kill told2
        pontoon wait told2; pontoon restart told2; pontoon rm -f told2; pontoon rmi told-image";
    host.alice(&format!("set -e\n{life}")).ok();
    assert_eq!(
        deeds(host, &format!("--filter container={id}")),
        "create init start exec exec_died pause unpause update rename commit export \
         stop died cleanup init start kill died cleanup restart init start stop died cleanup remove"
    );
    let format = "{{.Name}} {{.ContainerExitCode}} {{.Image}} {{.Attributes.a}} {{.Type}}";
    let died = events(host, &format!("--filter container={id} --filter event=died"), format);
    let image = format!("{B}:latest b container");
    // Whoever stopped it the last time let it end by itself, too.
    assert_eq!(died, ["3", "137", "3"].map(|code| format!("told2 {code} {image}")));
    let ended = events(host, &format!("--filter container={id} --filter event=exec_died"), format);
    assert_eq!(ended, [format!("told 0 {image}")]);
    // Scripts that read the journal find Podman's fields.
    let journal = host.alice(&format!(
        "journalctl -q -o json --output-fields=PODMAN_EVENT,PODMAN_NAME,PODMAN_EXIT_CODE,PODMAN_LABELS,MESSAGE,PRIORITY \
         PODMAN_ID={id} PODMAN_EVENT=died | head -1"
    ));
    let entry: serde_json::Value = serde_json::from_str(&journal.ok().stdout).unwrap();
    let field = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    assert_eq!((field("PODMAN_NAME"), field("PODMAN_EXIT_CODE")), ("told2".to_owned(), "3".to_owned()));
    assert_eq!(field("PRIORITY"), "6");
    assert!(field("PODMAN_LABELS").contains(r#""a":"b""#), "{entry}");
    assert!(field("MESSAGE").contains(&format!(" container died {id} (image={B}:latest, name=told2, a=b")));
}

#[test]
fn a_container_that_does_not_stay_is_told_of_with_what_goes_with_it() {
    let host = host_with_busybox();
    let since = host.alice("date +%s.%N").ok().text().to_owned();
    host.alice(&format!("pontoon run --rm --name goes -v /anonymous {B} sh -c 'exit 5'")).fails(5);
    let format = "{{.Status}} {{.ContainerExitCode}}";
    assert_eq!(
        events(host, "--filter container=goes", format),
        ["create <nil>", "init <nil>", "start <nil>", "attach <nil>", "died 5", "remove 5"]
    );
    let made =
        events(host, &format!("--since {since} --filter event=create --filter type=volume"), "{{.Name}}");
    let gone = |name: &String| deeds(host, &format!("--filter volume={name}")) == "create remove";
    assert!(made.iter().any(|name| name.len() == 64 && gone(name)), "{made:?}");
}

#[test]
fn a_policy_is_told_as_restarts() {
    let host = host_with_busybox();
    let _gone = Gone(host, "twice-told");
    host.alice(&format!("pontoon run -d --name twice-told --restart on-failure:1 {B} false")).ok();
    wait::until_true("the last run", || deeds(host, "--filter container=twice-told").ends_with("cleanup"));
    assert_eq!(
        deeds(host, "--filter container=twice-told"),
        "create init start died restart init start died cleanup"
    );
}

#[test]
fn images_volumes_and_secrets_are_told_of() {
    let host = host_with_busybox();
    let _alone = alone();
    let since = host.alice("date +%s.%N").ok().text().to_owned();
    host.alice(&format!(
        "set -e
        pontoon tag {B} told-one told-two; pontoon untag told-one told-one; pontoon rmi told-two
        mkdir -p told-root/etc; tar -C told-root -cf told.tar .; pontoon import -q told.tar told-import
        pontoon rmi told-import
        pontoon volume create told-kept; pontoon volume rm told-kept
        pontoon volume create --label told=1 told-pruned; pontoon volume prune -f --filter label=told
        printf x | pontoon secret create told-secret -; pontoon secret rm told-secret"
    ))
    .ok();
    host.alice("pontoon pull -q localhost:5000/told-nowhere").refused();
    let told = events(host, &format!("--since {since}"), "{{.Type}} {{.Status}} {{.Name}}");
    let told: Vec<&str> = told.iter().map(String::as_str).filter(|it| it.contains("told")).collect();
    assert_eq!(
        told,
        [
            "image tag told-one",
            "image tag told-two",
            "image untag localhost/told-one:latest",
            "image untag localhost/told-two:latest",
            "image import told.tar",
            "image tag told-import",
            "image untag localhost/told-import:latest",
            "image remove localhost/told-import:latest",
            "volume create told-kept",
            "volume remove told-kept",
            "volume create told-pruned",
            "volume remove told-pruned",
            "volume prune told-pruned",
            "secret create told-secret",
            "secret remove told-secret",
            "image pull-error localhost:5000/told-nowhere",
        ]
    );
    let why = events(host, &format!("--since {since} --filter event=pull-error"), "{{.Error}}");
    assert!(why.iter().any(|it| it.contains("told-nowhere")), "{why:?}");
    host.alice(&format!("pontoon pull -q {B}")).ok();
    let pulled = events(host, &format!("--since {since} --filter event=pull"), "{{.Name}} {{.ID}}");
    assert!(pulled.iter().any(|it| it.starts_with(&format!("{B} ")) && it.len() > 64), "{pulled:?}");
}

#[test]
fn events_are_shown_as_they_are_asked_for() {
    let host = host_with_busybox();
    let _gone = Gone(host, "shown");
    let id = create(host, "--name shown --label tier=front", "true");
    let one = "--filter container=shown --filter event=create";
    let text = host.alice(&format!("pontoon events --stream=false {one}")).ok().stdout;
    assert!(text.ends_with("tier=front)\n"), "{text}");
    let line = format!(" UTC container create {id} (image={B}:latest, name=shown, ");
    assert!(text.contains(&line) && text.lines().count() == 1, "{text}");
    let short = host.alice(&format!("pontoon system events --stream=false --no-trunc=false {one}")).ok();
    assert!(short.stdout.contains(&format!(" container create {} (image=", &id[..12])), "{}", short.stdout);
    let json = host.alice(&format!("pontoon events --stream=false --format json {one}")).ok().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json["ID"].as_str(), json["Status"].as_str()), (Some(id.as_str()), Some("create")));
    assert_eq!(json["Attributes"]["tier"].as_str(), Some("front"));
    let nanos = json["timeNano"].as_u64().unwrap();
    assert_eq!(json["time"].as_u64(), Some(nanos / 1_000_000_000));

    // Filters: one key is or, several are and.
    let found = |options: &str| deeds(host, options);
    assert_eq!(found("--filter label=tier=front --filter container=shown"), "create");
    assert_eq!(found("--filter label=tier --filter container=shown --filter event=start"), "");
    assert_eq!(found(&format!("-f container={} -f event=create -f event=start", &id[..12])), "create");
    assert_eq!(found("--filter container=shown --filter type=image --filter event=create"), "");
    // Times.
    let at = |nanos: u64| format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    assert_eq!(found(&format!("--filter container=shown --since {}", at(nanos - 1000))), "create");
    assert_eq!(found(&format!("--filter container=shown --since {}", at(nanos + 1000))), "");
    assert_eq!(found(&format!("--filter container=shown --until {}", at(nanos + 1000))), "create");
    assert_eq!(found(&format!("--filter container=shown --until {}", at(nanos))), "");
    assert_eq!(found("--filter container=shown --since 10m --until 10m"), "create");
    assert_eq!(found("--filter container=shown --since 10m --until 2020-01-01"), "");
    // What ends in the past is not waited for.
    let ended = host.alice("timeout 20 pontoon events --filter container=shown --until 2020-01-01");
    ended.ok().prints("");
}

#[test]
fn what_cannot_be_asked_is_refused_with_what_can() {
    let host = host_with_busybox();
    for (options, word) in [
        ("--filter nonsense", "must be KEY=VALUE"),
        ("--filter colour=red", "the filters are container, event"),
        ("--filter event=explode", "it is one of attach"),
        ("--filter type=boat", "it is one of artifact"),
        ("--since yesterday", "`yesterday` is no time"),
        ("--until tomorrow", "write a time as"),
        ("--format '{{.ID'", "{{.ID"),
        ("--events-backend syslog", "journald, file, none"),
        ("--events-backend none", "it keeps none"),
    ] {
        host.alice(&format!("timeout 20 pontoon events {options}")).fails(125).warns(word);
    }
}

#[test]
fn new_events_are_shown_as_they_come() {
    let host = host_with_busybox();
    for backend in ["journald", "file"] {
        let name = format!("seen-{backend}");
        let filter = format!("volume={name}");
        let words = ["pontoon", "--events-backend", backend, "events", "--since", "1s", "--filter", &filter];
        let mut follower =
            host.entry("alice").start(&[&words[..], &["--format", "{{.Status}} {{.Name}}"]].concat());
        host.alice(&format!("pontoon --events-backend {backend} volume create {name}")).ok();
        follower.until_says(&format!("create {name}\n"));
        host.alice(&format!("pontoon --events-backend {backend} volume rm {name}")).ok();
        follower.until_says(&format!("remove {name}\n"));
        drop(follower);
        // Whoever has seen enough is not waited for, and what comes after the end is not shown.
        let script = format!(
            "set -o pipefail
            (timeout 50 pontoon --events-backend {backend} events --since 1m --filter {filter} | head -1; \
             echo ended ${{PIPESTATUS[0]}})
            timeout 50 pontoon --events-backend {backend} events --since 1m --until 1s --filter {filter} | wc -l"
        );
        let shown = host.alice(&script).ok().stdout;
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[0].contains(&format!(" volume create {name}")), "{shown}");
        assert_eq!((lines[1], lines[2].trim()), ("ended 141", "2"), "{shown}");
    }
    wait::until_true("journalctl to be gone", || {
        host.alice("pgrep -u alice -f '[j]ournalctl.*SYSLOG_IDENTIFIER=pontoon'").stdout.is_empty()
    });
}

#[test]
fn a_file_holds_what_several_writers_append_and_stays_small() {
    let host = host_with_busybox();
    let _alone = alone();
    let file = "$XDG_RUNTIME_DIR/pontoon/events/events.log";
    let _gone = Gone(host, "filed");
    let filed = format!(
        "pontoon --events-backend file run -d --name filed --label 'a=x\ny' {B} sleep 10000 && \
         pontoon --events-backend file rm -f -t 0 filed && \
         pontoon --events-backend file events --stream=false --filter container=filed --format '{{{{.Status}}}}'"
    );
    let shown = host.alice(&filed).ok().stdout;
    let told = shown.lines().skip(2).collect::<Vec<_>>().join(" ");
    assert_eq!(told, "create init start stop died cleanup remove");
    assert_eq!(deeds(host, "--filter container=filed"), "", "the journal has them, too");
    let first = host.alice(&format!("grep -h filed {file}* | head -1")).ok().stdout;
    assert!(first.contains(r#""Status":"create","Time":""#) && first.contains(r#""a":"x\ny""#), "{first}");
    // Two writers, and a reader that sees the file begin anew.
    host.alice(&format!("yes '{{}}' | head -c 1040000 >>{file}")).ok();
    let words =
        ["pontoon", "--events-backend", "file", "events", "--since", "5s", "--filter", "volume=many-"];
    let mut follower = host.entry("alice").start(&[&words[..], &["--format", "{{.Name}}"]].concat());
    let writer = |letter: &str| {
        format!(
            "(for i in $(seq 60); do pontoon --events-backend file volume create many-{letter}$i; \
             pontoon --events-backend file volume rm many-{letter}$i; done) >/dev/null"
        )
    };
    host.alice(&format!("{} & {} & wait", writer("a"), writer("b"))).ok();
    host.alice("pontoon --events-backend file volume create many-last").ok();
    let seen = follower.until_says("many-last\n");
    assert!(seen.lines().count() >= 200, "{seen}");
    let there =
        host.alice(&format!("cat {file}.1 {file} | grep -c '^{{.*many-.*}}$'; stat -c %s {file} {file}.1"));
    let numbers: Vec<u64> = there.ok().stdout.lines().map(|it| it.parse().unwrap()).collect();
    assert_eq!(numbers[0], 241);
    // Who meets the other one just putting the file aside still writes its line there.
    assert!(numbers[1] < 100_000 && numbers[2] <= (1 << 20) + 2 * 200, "{numbers:?}");
    host.alice("pontoon volume rm many-last").ok();
}

#[test]
fn whatever_stands_in_a_label_an_event_is_one_and_its_own() {
    let host = host_with_busybox();
    let _gone = Gone(host, "hostile");
    let label = "a=x\nPODMAN_EVENT=remove\n\u{1b}[2J";
    host.entry("alice")
        .env("LABEL", label)
        .sh(&format!("pontoon create --name hostile --label \"$LABEL\" {B}"))
        .ok();
    let text = host.alice("pontoon events --stream=false --filter container=hostile").ok().stdout;
    assert!(text.lines().count() == 1 && !text.contains('\u{1b}'), "{text}");
    let json =
        host.alice("pontoon events --stream=false --filter container=hostile --format json").ok().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["Status"].as_str(), Some("create"));
    assert_eq!(json["Attributes"]["a"].as_str(), label.strip_prefix("a="));
}

#[test]
fn the_next_command_tells_what_a_killed_supervisor_could_not() {
    let host = host_with_busybox();
    for (options, expected) in
        [("", "create init start died cleanup"), ("--rm", "create init start died remove")]
    {
        let _gone = Gone(host, "killed-super");
        let id = host.alice(&format!("pontoon run -d {options} --name killed-super {B} sleep 10000"));
        let id = id.ok().text().to_owned();
        let pid = host.alice("pontoon inspect --format '{{.State.ConmonPid}}' killed-super").ok();
        host.alice(&format!("kill -9 {}; for i in 1 2 3 4; do pontoon ps -a & done; wait", pid.text())).ok();
        wait::until_true("the end", || {
            host.alice("pontoon ps -a").ok();
            deeds(host, &format!("--filter container={id}")).contains("died")
        });
        assert_eq!(deeds(host, &format!("--filter container={id}")), expected);
        let died = events(
            host,
            &format!("--filter container={id} --filter event=died"),
            "{{.ContainerExitCode}} {{.Name}}",
        );
        assert_eq!(died, ["137 killed-super"]);
    }
}

#[test]
fn events_that_nobody_keeps_are_not_written() {
    let host = host_with_busybox();
    host.alice(&format!("pontoon --events-backend none run --rm --name unsaid {B} true")).ok();
    assert_eq!(deeds(host, "--filter container=unsaid"), "");
    let shown = host.alice("pontoon --events-backend file info --format '{{.Host.EventLogger}}'").ok();
    assert_eq!(shown.text(), "file");
    // A place that cannot be written keeps nobody from anything.
    let script = format!(
        "mkdir -p $XDG_RUNTIME_DIR/told-run && : >$XDG_RUNTIME_DIR/told-run/events && \
         pontoon --runroot $XDG_RUNTIME_DIR/told-run --events-backend file run --rm --network none {B} echo fine"
    );
    assert_eq!(host.alice(&script).ok().stdout, "fine\n");
}

#[test]
fn health_is_told_when_it_is_news() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "told-health");
    let check = "--health-cmd 'test ! -e /ill' --health-interval 50ms --health-retries 2";
    host.alice(&format!("pontoon run -d --name told-health {check} {B} sleep 10000")).ok();
    let told = |name: &str| {
        events(host, &format!("--filter container={name} --filter event=health_status"), "{{.HealthStatus}}")
    };
    wait::until_true("the first check", || told("told-health") == ["healthy"]);
    wait::rest(std::time::Duration::from_millis(500));
    assert_eq!(told("told-health"), ["healthy"]);
    host.alice("pontoon exec told-health touch /ill").ok();
    // A check that fails is news even before it makes the container unhealthy.
    wait::until_true("failures", || told("told-health").len() >= 3);
    assert_eq!(told("told-health")[..3], ["healthy", "healthy", "unhealthy"]);
    let text = host.alice("pontoon events --stream=false --filter container=told-health").ok().stdout;
    let streak = ", health_status=unhealthy, health_failing_streak=2, health_log=, ";
    assert!(text.contains(streak), "{text}");

    let _gone = Gone(host, "told-log");
    let check = "--health-cmd 'echo fine' --health-interval 50ms --health-log-destination events_logger";
    host.alice(&format!("pontoon run -d --name told-log {check} {B} sleep 10000")).ok();
    wait::until_true("every check", || told("told-log").len() >= 3);
    let text = host.alice("pontoon events --stream=false --filter container=told-log").ok().stdout;
    assert!(text.contains(r#"health_log={"Start":"20"#) && text.contains(r#""Output":"fine\n"}"#), "{text}");
    let shown = host.alice("pontoon inspect --format '{{.Config.HealthLogDestination}}' told-log").ok();
    assert_eq!(shown.text(), "events_logger");
}
