//! `generate systemd`: services written for what is there, as Podman writes them, which run.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::network::until_nginx_answers;
use pontoon_tests::shared::host_with_podman;
use pontoon_tests::{B, Manager, TestHost, alone, host, host_with_busybox, wait};

/// Where a user's own services lie.
const UNITS: &str = "~/.config/systemd/user";

/// Stays, and ends well when it is asked to.
const SLEEPER: &str = r#"sh -c 'trap "exit 0" TERM; sleep 10000 & wait'"#;

fn show(host: &TestHost, user: &str, container: &str, field: &str) -> String {
    host.sh_as(user, &format!("pontoon inspect --format '{{{{{field}}}}}' {container}"))
        .ok()
        .text()
        .to_owned()
}

/// Writes services into the user's directory and lets the manager read them.
fn generate(host: &TestHost, user: &str, words: &str) {
    host.sh_as(user, &format!("mkdir -p {UNITS} && cd {UNITS} && pontoon generate systemd --files {words}"))
        .ok();
    Manager::of(host, user).reload();
}

fn forget(host: &TestHost, user: &str, units: &str) {
    host.sh_as(user, &format!("cd {UNITS} && systemctl --user disable {units} && rm {units}")).ok();
    Manager::of(host, user).reload();
}

/// The walk-through that courses have: make it, try it, hand it to systemd, log out, and it is still there.
#[test]
fn a_container_becomes_a_service_that_comes_back_and_outlives_the_session() {
    let _alone = alone();
    let host = host();
    let dave = Manager::of(host, "dave");
    host.sh_as(
        "dave",
        "pontoon create --name gweb -p 8097:80 --restart always localhost:5000/nginx:latest
         mkdir -p ~/.config/systemd/user && cd ~/.config/systemd/user
         pontoon generate systemd --new --name --files gweb
         pontoon rm gweb
         systemctl --user daemon-reload
         systemctl --user enable --now container-gweb.service",
    )
    .ok();
    until_nginx_answers(host, 8097);
    assert_eq!(dave.property("container-gweb", "MainPID"), show(host, "dave", "gweb", ".State.ConmonPid"));
    // It belongs to its unit, so auto-update and others find that one.
    let label = "index .Config.Labels \"PODMAN_SYSTEMD_UNIT\"";
    assert_eq!(show(host, "dave", "gweb", label), "container-gweb.service");
    // What fails comes back.
    let first = show(host, "dave", "gweb", ".Id");
    host.sh_as("dave", "pontoon kill gweb").ok();
    wait::until_true("another container of the service's", || {
        let id = host.sh_as("dave", "pontoon inspect --format '{{.Id}} {{.State.Running}}' gweb");
        id.code == 0 && !id.stdout.contains(&first) && id.stdout.contains("true")
    });
    dave.until_property("container-gweb", "SubState", "running");
    until_nginx_answers(host, 8097);
    // Without lingering the manager goes with the last session; with it, it comes back, and so does the service.
    host.root("pontoon linger enable dave && systemctl restart user@1003.service").ok();
    dave.until_property("container-gweb", "SubState", "running");
    until_nginx_answers(host, 8097);
    // It ends as it is told, and leaves nothing.
    dave.stop("container-gweb");
    assert_eq!(dave.property("container-gweb", "ActiveState"), "inactive");
    host.sh_as("dave", "pontoon container exists gweb").fails(1);
    host.sh_as("dave", "ls $XDG_RUNTIME_DIR/*.ctr-id").fails(2);
    forget(host, "dave", "container-gweb.service");
}

/// Services that Podman has written have no `Delegate=`.
#[test]
fn a_service_of_podman_s_own_runs() {
    let _alone = alone();
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    host.alice(&format!("pontoon create --name gtheirs --network none {B} {SLEEPER}")).ok();
    generate(host, "alice", "--new --name gtheirs");
    host.alice(&format!("sed -i /^Delegate=/d {UNITS}/container-gtheirs.service && pontoon rm gtheirs")).ok();
    alice.reload();
    alice.start("container-gtheirs");
    let first = show(host, "alice", "gtheirs", ".Id");
    assert_eq!(alice.property("container-gtheirs", "SubState"), "running");
    host.alice("pontoon kill gtheirs").ok();
    wait::until_true("another container of the service's", || {
        let id = host.alice("pontoon inspect --format '{{.Id}} {{.State.Running}}' gtheirs");
        id.code == 0 && !id.stdout.contains(&first) && id.stdout.contains("true")
    });
    alice.until_property("container-gtheirs", "SubState", "running");
    alice.stop("container-gtheirs");
    assert_eq!(alice.property("container-gtheirs", "Result"), "success");
    host.alice("pontoon container exists gtheirs").fails(1);
    forget(host, "alice", "container-gtheirs.service");
}

#[test]
fn a_service_s_container_is_in_the_slice_that_is_asked_for() {
    let _alone = alone();
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    host.alice(&format!(
        "pontoon create --name gslice --cgroup-parent gapps.slice --network none {B} {SLEEPER}"
    ))
    .ok();
    generate(host, "alice", "--new --name gslice");
    host.alice("pontoon rm gslice").ok();
    for delegated in [true, false] {
        if !delegated {
            host.alice(&format!("sed -i /^Delegate=/d {UNITS}/container-gslice.service")).ok();
        }
        alice.reload();
        alice.start("container-gslice");
        assert_eq!(alice.property("container-gslice", "SubState"), "running", "{delegated}");
        let pid = show(host, "alice", "gslice", ".State.Pid");
        host.alice(&format!("grep -c /gapps.slice/ /proc/{pid}/cgroup")).ok().prints("1");
        alice.stop("container-gslice");
        assert_eq!(alice.property("container-gslice", "Result"), "success", "{delegated}");
        host.alice("pontoon container exists gslice").fails(1);
    }
    forget(host, "alice", "container-gslice.service");
}

#[test]
fn a_service_watches_a_container_that_is_there() {
    let _alone = alone();
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    host.alice(&format!("pontoon run -d --name gkept --network none {B} {SLEEPER}")).ok();
    generate(host, "alice", "--name gkept");
    // It runs already: the service takes it as it is.
    let id = show(host, "alice", "gkept", ".Id");
    alice.systemctl("enable --now container-gkept").ok();
    alice.until_property("container-gkept", "SubState", "running");
    assert_eq!(
        alice.property("container-gkept", "MainPID"),
        show(host, "alice", "gkept", ".State.ConmonPid")
    );
    // The end of the container is the end of the service.
    alice.stop("container-gkept");
    assert_eq!(alice.property("container-gkept", "Result"), "success");
    assert_eq!(show(host, "alice", "gkept", ".State.Status"), "exited");
    // A start is one of the same container, and what fails is started anew.
    alice.start("container-gkept");
    assert_eq!(show(host, "alice", "gkept", ".Id"), id);
    let pid = show(host, "alice", "gkept", ".State.ConmonPid");
    assert_eq!(alice.property("container-gkept", "MainPID"), pid);
    host.alice("pontoon kill gkept").ok();
    wait::until_true("the container to run again", || {
        let state = host.alice("pontoon inspect --format '{{.State.ConmonPid}} {{.State.Running}}' gkept");
        state.text().ends_with("true") && !state.text().starts_with(&format!("{pid} "))
    });
    alice.until_property("container-gkept", "SubState", "running");
    assert_eq!(alice.property("container-gkept", "NRestarts"), "1");
    alice.stop("container-gkept");
    forget(host, "alice", "container-gkept.service");
    // Two that start it anew are one too many, which is said; so is the better way.
    host.alice(&format!("pontoon create --replace --name gkept --restart always {B} true")).ok();
    let told = host.alice("pontoon generate systemd gkept").ok();
    assert!(
        told.stderr.contains("--restart no gkept") && told.stderr.contains("generate quadlet"),
        "{told:?}"
    );
    host.alice("pontoon rm gkept").ok();
}

#[test]
fn a_pod_s_services_start_and_stop_together() {
    let _alone = alone();
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    host.alice(&format!(
        "pontoon pod create --name gshop
         pontoon create --name gfront --pod gshop {B} {SLEEPER}
         pontoon create --name gback --pod gshop --requires gfront {B} {SLEEPER}"
    ))
    .ok();
    let units = "pod-gshop.service container-gfront.service container-gback.service";
    for (words, makes) in [("--name gshop", false), ("--new --name gshop", true)] {
        generate(host, "alice", words);
        if makes {
            host.alice("pontoon pod rm -f -t 0 gshop").ok();
        }
        alice.systemctl("start pod-gshop").ok();
        for unit in ["container-gfront", "container-gback"] {
            alice.until_property(unit, "SubState", "running");
        }
        let infra =
            host.alice("pontoon pod inspect --format '{{.InfraContainerID}}' gshop").ok().text().to_owned();
        assert_eq!(alice.property("pod-gshop", "MainPID"), show(host, "alice", &infra, ".State.ConmonPid"));
        assert_eq!(
            alice.property("container-gback", "MainPID"),
            show(host, "alice", "gback", ".State.ConmonPid")
        );
        assert_eq!(host.alice("pontoon pod inspect --format '{{.State}}' gshop").ok().text(), "Running");
        alice.stop("pod-gshop");
        for unit in ["container-gfront", "container-gback", "pod-gshop"] {
            alice.until_property(unit, "ActiveState", "inactive");
        }
        host.alice("pontoon pod exists gshop").fails(i32::from(makes));
        forget(host, "alice", units);
    }
    host.alice("pontoon generate systemd gshop").fails(125);
}

#[test]
fn words_of_all_kinds_reach_the_container() {
    let _alone = alone();
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    host.alice(&format!(
        r#"pontoon create --name gwords --network none -e 'A=%n ${{HOME}} $$ %%' -e "N=1
[Service]
ExecStartPre=/bin/false" --label 'l=]"'"'"'\ \n ;' {B} sh -c 'trap "exit 0" TERM; printf "<%s>" "$@"; echo; sleep 10000 & wait' sh '' ';' '%n' '${{X}}' 'a  b' '\' '[Install]' "t	b""#
    ))
    .ok();
    let seen = "pontoon inspect --format '{{json .Config.Cmd}}{{index .Config.Labels \"l\"}}' gwords";
    let env = "pontoon inspect --format '{{json .Config.Env}}' gwords | tr ',]' '\\n' | grep -E '\"(A|N)='";
    let before = (host.alice(seen).ok().stdout, host.alice(env).ok().stdout);
    generate(host, "alice", "--new --name gwords");
    host.alice("pontoon rm gwords").ok();
    alice.start("container-gwords");
    assert_eq!((host.alice(seen).ok().stdout, host.alice(env).ok().stdout), before);
    alice.until_logged("container-gwords", "<><;><%n><${X}><a  b><\\><[Install]><t\tb>");
    alice.stop("container-gwords");
    forget(host, "alice", "container-gwords.service");
}

/// As Ansible gives it.
#[test]
fn a_variable_in_quotes_is_what_is_inside() {
    let host = host_with_busybox();
    host.alice(&format!("pontoon create --name gquoted --network none {B} true")).ok();
    host.alice(r#"pontoon generate systemd --new --name -e "'GA=b c'" gquoted"#)
        .ok()
        .says("\nEnvironment=\"GA=b c\"\n");
    host.alice("pontoon rm gquoted").ok();
}

#[test]
fn names_texts_and_files_are_as_asked() {
    let host = host_with_busybox();
    host.alice(&format!("pontoon create --replace --name gnames {B} true")).ok();
    let names = |words: &str| {
        let told = host.alice(&format!("pontoon generate systemd --name {words} gnames")).ok();
        told.stdout.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(names(""), "# container-gnames.service");
    assert_eq!(names("--container-prefix '' --new"), "# gnames.service");
    assert_eq!(names("--container-prefix c --separator _"), "# c_gnames.service");
    assert_eq!(names("--template"), "# container-gnames@.service");
    let bare = host.alice("pontoon generate systemd --no-header --name gnames").ok();
    assert!(!bare.stdout.contains("autogenerated"), "{bare:?}");
    let json = host.alice("pontoon generate systemd --format json --no-header --name gnames").ok().json();
    assert_eq!(json["container-gnames"], bare.stdout);
    host.alice("mkdir -p gen && cd gen && pontoon generate systemd --files --name gnames && ls -A")
        .ok()
        .prints("/home/alice/gen/container-gnames.service\ncontainer-gnames.service");
    for (words, why) in [
        ("--restart-policy bogus gnames", "bogus"),
        ("--container-prefix a/b gnames", "a/b"),
        ("--format yaml gnames", "yaml"),
        ("--after \"$(printf 'a\\nb')\" gnames", "--after"),
        ("nosuchthing", "nosuchthing"),
        ("", "CONTAINER|POD"),
    ] {
        host.alice(&format!("pontoon generate systemd {words}")).fails(125).warns(why);
    }
    // Who stands in for Podman is called by its name.
    let podman = host.alice("mkdir -p gen/bin && ln -sf /usr/bin/pontoon gen/bin/podman && PATH=~/gen/bin:$PATH podman generate systemd --new --name gnames").ok();
    assert!(podman.stdout.contains("ExecStart=/home/alice/gen/bin/podman run \\\n"), "{podman:?}");
    assert!(podman.stdout.contains("# autogenerated by Podman 5.4.2 (pontoon "), "{podman:?}");
    host.alice("pontoon rm gnames").ok();
}

/// A unit in the original's words: what is our own is put back.
fn in_podman_s_words(text: &str) -> String {
    text.replace("/usr/bin/pontoon", "/usr/bin/podman")
        .replace("Description=Pontoon ", "Description=Podman ")
        .replace("man:pontoon-", "man:podman-")
        .replace("%t/pontoon", "%t/containers")
        .replace("\nDelegate=yes\n", "\n")
}

#[test]
fn the_text_is_podman_s() {
    let host = host_with_podman();
    let both = |words: &str| {
        let told =
            ["podman", "pontoon"].map(|engine| host.alice(&words.replace("ENGINE", engine)).ok().stdout);
        let [theirs, ours] = told;
        (theirs, ours)
    };
    let lines: &[(&str, &str)] = &[
        (
            "create --name NAME -p 8080:80 -v data:/data -e A=b -e 'C=d e%f$g' --label 'io.x=y \"z\"'",
            "sleep 1000",
        ),
        ("create --name NAME --restart on-failure:3 --stop-timeout 33 --stop-signal INT", "a b"),
        ("create --name=NAME --restart=unless-stopped --entrypoint '[\"a\",\"b\"]'", "-d --rm"),
        (
            "create --name=NAME --sdnotify=conmon --cgroups no-conmon --pull=missing",
            "sh -c 'echo \"$HOME\" %n; x'",
        ),
        ("create --name NAME -eB=c -e D --rm --cidfile NAME.cid -it", "'a  b' '\"' x"),
        ("container create --name NAME --replace=false -p=81:80 --net host", ""),
        ("--log-level=error create --name NAME --label \"l=a\tb\" --sdnotify ignore", "true"),
    ];
    for (number, (options, arguments)) in lines.iter().enumerate() {
        let name = format!("same{number}");
        let line = options.replace("NAME", &name);
        let image = "localhost:5000/busybox:latest";
        both(&format!("D=here ENGINE {line} {image} {arguments}; rm -f *.cid"));
        for words in [
            "--new --name --no-header",
            "--template --name --no-header -t 5",
            "--new --name --no-header --after a.service --after b.service --wants w.service --requires r.service -e X=y -e 'P=q r' --restart-policy always --restart-sec 7 --start-timeout 33 --stop-timeout 44",
        ] {
            let (theirs, ours) = both(&format!("D=here ENGINE generate systemd {words} {name}"));
            let mut theirs = theirs;
            if words.contains("--template") {
                theirs = theirs.replace("PODMAN_SYSTEMD_UNIT=%n-%i", "PODMAN_SYSTEMD_UNIT=%n");
            }
            if line.starts_with("--log-level") {
                theirs = theirs
                    .replace("/usr/bin/podman stop \\", "/usr/bin/podman \\\n\t--log-level=error stop \\");
                theirs =
                    theirs.replace("/usr/bin/podman rm \\", "/usr/bin/podman \\\n\t--log-level=error rm \\");
            }
            similar(&theirs, &in_podman_s_words(&ours), &format!("{line} / {words}"));
        }
        let kept = |text: &str| -> String {
            // Each engine has its runtime files in a place and under names of its own.
            let differs =
                |line: &&str| !line.starts_with("PIDFile=") && !line.starts_with("RequiresMountsFor=");
            text.lines().filter(differs).map(|line| format!("{line}\n")).collect()
        };
        let (theirs, ours) = both(&format!("ENGINE generate systemd --name --no-header {name}"));
        similar(&kept(&theirs), &kept(&in_podman_s_words(&ours)), &line);
    }
    let image = "localhost:5000/busybox:latest";
    both(&format!(
        "ENGINE pod create --name samepod -p 8080:80 --label 'a=b c'
         ENGINE create --name samefront --pod samepod {image} sleep 1000
         ENGINE create --name sameback --pod=samepod --requires samefront {image} sleep 1000"
    ));
    for words in
        ["--new --name", "--new --name --pod-prefix p --container-prefix '' --separator _ --after x.service"]
    {
        let (theirs, ours) =
            both(&format!("ENGINE generate systemd --no-header {words} --format json samepod"));
        let units = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let (theirs, ours) = (units(&theirs), units(&ours));
        for (name, text) in theirs.as_object().unwrap() {
            let run = "RequiresMountsFor=/run/user/1000/containers";
            let ours = in_podman_s_words(ours[name].as_str().unwrap())
                .replace("RequiresMountsFor=/run/user/1000/pontoon", run);
            similar(text.as_str().unwrap(), &ours, &format!("{name} / {words}"));
        }
        assert_eq!(theirs.as_object().unwrap().len(), ours.as_object().unwrap().len());
    }
}

/// Podman has variables in the order of a hash.
fn in_order(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    for run in lines.chunk_by_mut(|one, other| is_variable(one) == is_variable(other)) {
        if is_variable(run[0]) {
            run.sort_unstable();
        }
    }
    lines.join("\n")
}

fn is_variable(line: &str) -> bool {
    line.starts_with("Environment=") && !line.contains("PODMAN_SYSTEMD_UNIT")
}

#[track_caller]
fn similar(theirs: &str, ours: &str, what: &str) {
    assert!(in_order(theirs) == in_order(ours), "{what}\n--- Podman\n{theirs}\n--- ours\n{ours}");
}
