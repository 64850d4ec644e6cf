//! What converts but likely does not do what is meant.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use pontoon_units::{Content, Settings, Source, World, lint};

/// A machine where only `/there` and what is below `/units/there` is.
struct Machine;

impl World for Machine {
    fn exists(&self, path: &str) -> bool {
        path.starts_with("/there") || path.starts_with("/units/there")
    }

    fn lowest_port(&self) -> u16 {
        1024
    }
}

/// The lints of one file, as `LINE: TEXT`.
fn lints(name: &str, text: &str, user: bool) -> Vec<String> {
    let source = Source {
        name: name.to_owned(),
        path: Arc::from(format!("/units/{name}")),
        content: Content::Text(text.as_bytes().to_vec()),
        drop_ins: Vec::new(),
    };
    let settings = Settings { user, engine: "/usr/bin/pontoon".to_owned(), accounts: Default::default() };
    let faults = lint(&[source], &settings, &Machine);
    faults.iter().map(|fault| format!("{}: {}", fault.place.line, fault.text)).collect()
}

#[track_caller]
fn container(lines: &str, expected: &[&str]) {
    let found = lints("web.container", &format!("[Container]\nImage=example.org/web\n{lines}\n"), true);
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, expected, "for\n{lines}");
}

#[test]
fn files_that_are_not_there_are_told() {
    container("EnvironmentFile=there.env /there/x gone.env", &["3: `/units/gone.env` does not exist"]);
    container(
        "Volume=/gone:/x\nVolume=./there:/y\nVolume=name:/z\nVolume=%h/x:/q",
        &["3: `/gone` does not exist"],
    );
    container("AddDevice=/gone/dri -/gone/dri2 vendor.com/gpu=all", &["3: `/gone/dri` does not exist"]);
    let kube = lints("k.kube", "[Kube]\nYaml=gone.yaml there.yaml\n", true);
    assert_eq!(kube, ["2: `/units/gone.yaml` does not exist"]);
}

#[test]
fn times_that_do_not_go_together_are_told() {
    container(
        "[Service]\nTimeoutStopSec=5",
        &[
            "4: systemd kills the service after 5 s, while a container has 10 s to end where `StopTimeout=` says nothing",
        ],
    );
    container("StopTimeout=3\n[Service]\nTimeoutStopSec=5", &[]);
    container("[Service]\nTimeoutStopSec=1min", &[]);
    let nobody = "nobody tells the watchdog that all is well, unless the image has a health check";
    container("[Service]\nWatchdogSec=20", &[&format!("4: {nobody}")]);
    container("Notify=yes\n[Service]\nWatchdogSec=20", &[]);
    container(
        "HealthCmd=true\n[Service]\nWatchdogSec=20",
        &["5: the watchdog's 20 s are over before the next health check, 30 s after the last"],
    );
    container("HealthCmd=true\nHealthInterval=5s\n[Service]\nWatchdogSec=20", &[]);
}

#[test]
fn what_belongs_to_the_pod_is_told() {
    container(
        "Pod=shop.pod\nPublishPort=8080:80\nNetwork=host\nTimezone=local",
        &[
            "5: `Network=` is what a container shares with its pod",
            "4: `PublishPort=` is what a container shares with its pod",
        ],
    );
}

#[test]
fn low_ports_are_told_to_ordinary_users() {
    container(
        "PublishPort=80:80\nPublishPort=8080:80\nPublishPort=80",
        &["3: an ordinary user cannot publish port 80"],
    );
}

#[test]
fn secrets_in_the_open_are_told() {
    container(
        "Environment=DB_PASSWORD=x DB_PASSWORD_FILE=/x TOKEN=%d/x LANG=C TOKEN_AUTH=true",
        &["3: `DB_PASSWORD` looks like a secret, and everybody may read it here"],
    );
}

#[test]
fn what_systemd_expands_or_does_not_is_told() {
    container(r"Exec=date +%%Y %h %k", &["3: `%k` is nothing that systemd expands"]);
    container(
        "HealthCmd=test -f ${HOME}/ready\nExec=a\nExec=sh -c 'echo $$HOME $HOME $${HOME} 5$'",
        &["3: `$HOME` is expanded by systemd, which knows no variable of the container"],
    );
    // Inside of a word systemd lets it stand.
    container("HealthCmd=test -f $HOME/ready\nExec=sh -c \"echo $HOME\"", &[]);
    container(
        "Exec=echo a $HOME",
        &["3: `$HOME` is expanded by systemd, which knows no variable of the container"],
    );
    container("HealthCmd=test ${X}\n[Service]\nEnvironment=X=1", &[]);
}

#[test]
fn what_a_users_manager_lacks_is_told() {
    let text = "[Unit]\nAfter=network-online.target\n[Container]\nImage=x.org/x\n[Install]\nWantedBy=multi-user.target default.target\n";
    assert_eq!(
        lints("web.container", text, true),
        [
            "2: a user's manager has no `network-online.target`, so `After=` has no effect",
            "6: a user's manager has no `multi-user.target`, so `WantedBy=` has no effect",
        ]
    );
    assert_eq!(lints("web.container", text, false), [""; 0]);
}

#[test]
fn files_that_would_belong_to_somebody_else_are_told() {
    container(
        "User=1000\nVolume=./there:/x",
        &["4: user `1000` of the container is not you, so files here may not be his to write"],
    );
    container("User=1000\nUserNS=keep-id\nVolume=./there:/x", &[]);
    container("User=1000\nVolume=./there:/x:U", &[]);
}

#[test]
fn what_a_service_user_of_the_systems_has_not_is_told() {
    let text = "[Container]\nImage=x.org/x\nVolume=%h/data:/data\n[Service]\nUser=nobody-there\n";
    assert_eq!(
        lints("web.container", text, false),
        [
            "5: there is no user `nobody-there` in /etc/passwd",
            "3: `%h` is root's home in a unit of the system, not that of `nobody-there`",
        ]
    );
    assert_eq!(lints("web.container", text, true), [""; 0]);
    // One from elsewhere is named by its number.
    let number = text.replace("nobody-there", "4711").replace("%h", "/there");
    assert_eq!(lints("web.container", &number, false), [""; 0]);
}
