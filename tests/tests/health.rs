//! Containers that look after themselves: health checks, restart policies, limits of time.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Gone, Manager, TestHost, alone, host_with_busybox, wait};

/// A container of alice's; it is removed at the end of the test.
struct Container<'h> {
    host: &'h TestHost,
    name: String,
}

impl<'h> Container<'h> {
    fn run(host: &'h TestHost, name: &str, options: &str, command: &str) -> Self {
        host.entry("alice")
            .env("COMMAND", command)
            .sh(&format!("pontoon run -d --name {name} --stop-timeout 0 {options} {B} sh -c \"$COMMAND\""))
            .ok();
        Self { host, name: name.to_owned() }
    }

    fn inspect(&self, template: &str) -> String {
        let shown = self.host.alice(&format!("pontoon inspect --format '{template}' {}", self.name));
        shown.ok().text().to_owned()
    }

    fn becomes(&self, template: &str, expected: &str) {
        wait::until(&format!("{template} of {} to be {expected}", self.name), || {
            let now = self.inspect(template);
            if now == expected { Ok(()) } else { Err(now) }
        });
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let _ = self.host.alice(&format!("pontoon rm -f -i -t 0 {}", self.name));
    }
}

const HEALTH: &str = "{{.State.Health.Status}} {{.State.Health.FailingStreak}}";

#[test]
fn health_follows_the_check() {
    let host = host_with_busybox();
    let _alone = alone();
    let options = "--health-cmd 'cat /ill && exit 1 || echo fine' --health-interval 50ms --health-retries 2";
    let sick = Container::run(host, "sick", options, "sleep 10000");
    sick.becomes(HEALTH, "healthy 0");
    let shown = host.alice("pontoon ps --filter health=healthy --format '{{.Names}} {{.Status}}'").ok();
    assert!(
        shown.stdout.starts_with("sick Up ") && shown.stdout.ends_with("(healthy)\n"),
        "{}",
        shown.stdout
    );
    host.alice("pontoon healthcheck run sick").ok().prints("");
    host.alice("pontoon exec sick sh -c 'echo bad >/ill'").ok();
    host.alice("timeout 30 pontoon wait --condition unhealthy sick").ok();
    assert!(sick.inspect("{{.State.Health.Status}}").starts_with("unhealthy"));
    let run = host.alice("pontoon healthcheck run sick").fails(1);
    assert_eq!(run.stdout, "unhealthy\n");
    host.alice("pontoon healthcheck run --ignore-result sick").ok();
    let log = sick.inspect("{{json .State.Health.Log}}");
    assert!(log.contains(r#""ExitCode":1,"Output":"bad\n""#), "{log}");
    host.alice("pontoon exec sick rm /ill").ok();
    sick.becomes("{{.State.Health.Status}}", "healthy");
    assert_eq!(
        sick.inspect("{{.Config.Healthcheck.Test}} {{.Config.Healthcheck.Retries}}").split(' ').next_back(),
        Some("2")
    );
    host.alice("pontoon stop sick").ok();
    let stopped = host.alice("pontoon healthcheck run sick").fails(125);
    assert!(stopped.stderr.contains("only one that runs can be checked"), "{}", stopped.stderr);
}

#[test]
fn a_check_that_takes_too_long_fails_and_its_flood_is_cut() {
    let host = host_with_busybox();
    let _alone = alone();
    let options = "--health-cmd 'yes' --health-timeout 1s --health-retries 1 --health-interval disable";
    let slow = Container::run(host, "slow", options, "sleep 10000");
    assert_eq!(slow.inspect(HEALTH), "starting 0");
    host.alice("pontoon healthcheck run slow").fails(1);
    assert_eq!(slow.inspect(HEALTH), "unhealthy 1");
    let log = slow.inspect("{{range .State.Health.Log}}{{.ExitCode}} {{len .Output}}{{end}}");
    assert_eq!(log, "-1 500");
    wait::until_true("the check to be gone", || {
        !host.alice("pontoon top slow comm").ok().stdout.contains("yes")
    });
}

#[test]
fn an_unhealthy_container_gets_what_was_asked_for() {
    let host = host_with_busybox();
    let _alone = alone();
    let options = |action: &str| {
        format!("--health-cmd false --health-retries 1 --health-interval 50ms --health-on-failure {action}")
    };
    let killed = Container::run(host, "killed", &options("kill"), "sleep 10000");
    killed.becomes("{{.State.Status}} {{.State.ExitCode}}", "exited 137");
    let stopped = Container::run(host, "stopped", &options("stop"), "trap 'exit 3' TERM; sleep 10000 & wait");
    stopped.becomes("{{.State.Status}}", "exited");
    let again = Container::run(host, "again", &options("restart"), "sleep 10000");
    wait::until_true("restarts", || {
        again.inspect("{{.RestartCount}}").parse().is_ok_and(|count: u32| count > 1)
    });
    // Who runs the check waits for the deed, too.
    let asked = |action: &str| {
        format!(
            "--health-cmd 'test -e /fine' --health-retries 1 --health-interval disable --health-on-failure {action}"
        )
    };
    let up = "touch /fine; sleep 10000";
    let deeds = [("kill", "exited"), ("stop", "exited"), ("restart", "running")];
    for (action, then) in deeds {
        let deed = Container::run(host, "deed", &asked(action), up);
        host.alice("while ! pontoon exec deed rm /fine; do sleep 0.1; done").ok();
        host.alice("pontoon healthcheck run deed").fails(1).prints("unhealthy");
        assert_eq!(deed.inspect("{{.State.Status}}"), then, "{action}");
        if action == "restart" {
            host.alice("while ! pontoon exec deed test -e /fine; do sleep 0.1; done").ok();
            host.alice("pontoon healthcheck run deed").ok();
        }
    }
    let none = Container::run(host, "none", &options("none"), "sleep 10000");
    none.becomes("{{.State.Health.Status}} {{.State.Status}}", "unhealthy running");
    let failed = host.alice(&format!("pontoon create --health-on-failure kill {B}")).fails(125);
    assert!(failed.stderr.contains("--health-cmd"), "{}", failed.stderr);
}

#[test]
fn a_startup_check_comes_first() {
    let host = host_with_busybox();
    let _alone = alone();
    let options = "--health-cmd true --health-interval 50ms --health-startup-cmd 'test -e /up' \
                   --health-startup-interval 50ms";
    let slow = Container::run(host, "starts", options, "sleep 10000");
    wait::until_true("some checks", || {
        slow.inspect("{{len .State.Health.Log}}").parse().is_ok_and(|count: u32| count >= 3)
    });
    assert_eq!(slow.inspect(HEALTH), "starting 0");
    host.alice("pontoon exec starts touch /up").ok();
    slow.becomes(HEALTH, "healthy 0");
}

#[test]
fn a_startup_check_that_passes_makes_it_healthy_at_once() {
    let host = host_with_busybox();
    let _alone = alone();
    let options =
        "--health-cmd true --health-interval 1h --health-startup-cmd true --health-startup-interval 50ms";
    let quick = Container::run(host, "quick", options, "sleep 10000");
    quick.becomes(HEALTH, "healthy 0");
}

#[test]
fn a_service_is_ready_when_it_is_healthy() {
    let host = host_with_busybox();
    let _alone = alone();
    let unit = format!(
        "[Container]\nImage={B}\nContainerName=fit\nExec=sh -c 'sleep 1; touch /up; sleep 10000'\nNotify=healthy\n\
         HealthCmd=test -e /up\nHealthInterval=100ms\nHealthRetries=30\nHealthOnFailure=kill\n"
    );
    host.entry("alice").env("UNIT", &unit)
        .sh("mkdir -p ~/.config/containers/systemd && printf %s \"$UNIT\" >~/.config/containers/systemd/fit.container").ok();
    host.alice("systemctl --user daemon-reload && systemctl --user start fit.service").ok();
    host.alice("pontoon exec fit test -e /up").ok();
    let fit = Container { host, name: "fit".to_owned() };
    assert_eq!(fit.inspect("{{.State.Health.Status}}"), "healthy");
    // The journal says why a service ended that was not well.
    host.alice("pontoon exec fit rm /up").ok();
    wait::until("the reason in the journal", || {
        let journal = host.alice("journalctl --user -u fit -o cat --no-pager").ok().stdout;
        if journal.contains("`fit` is unhealthy (its check gave 1), so it is killed") {
            Ok(())
        } else {
            Err(journal)
        }
    });
    host.alice("systemctl --user stop fit; rm ~/.config/containers/systemd/fit.container; systemctl --user daemon-reload").ok();
}

/// A unit's file of alice's, which goes at the end of a test.
struct UnitFile<'h>(Manager<'h>, &'static str);

impl<'h> UnitFile<'h> {
    fn add(host: &'h TestHost, name: &'static str, text: &str) -> Self {
        let alice = Manager::of(host, "alice");
        alice.add(&format!("{name}.container"), text);
        Self(alice, name)
    }
}

impl Drop for UnitFile<'_> {
    fn drop(&mut self) {
        let _ = self.0.systemctl(&format!("stop {}", self.1));
        let _ = self.0.systemctl(&format!("reset-failed {}", self.1));
        self.0.remove(&format!("{}.container", self.1));
    }
}

#[test]
fn a_start_takes_as_long_as_checks_need_and_fails_when_they_give_up() {
    let host = host_with_busybox();
    let _alone = alone();
    let unit = |name: &str, exec: &str, more: &str| {
        format!(
            "[Container]\nImage={B}\nContainerName={name}\nNotify=healthy\nExec=sh -c '{exec}'\nHealthInterval=200ms\n{more}"
        )
    };
    // The start's own time is over long before the first check passes; what goes on meanwhile is told.
    let late = unit(
        "late",
        "sleep 13; touch /up; exec sleep 10000",
        "HealthCmd=test -e /up || { echo not up yet; exit 1; }\nHealthStartPeriod=1h\nStopTimeout=0\n\n\
         [Service]\nTimeoutStartSec=10\n",
    );
    let late = UnitFile::add(host, "late", &late);
    late.0.systemctl("start --no-block late").ok();
    wait::until("what is waited for", || {
        let status = late.0.property("late", "StatusText");
        let is_it = status == "waiting until the container is healthy (its check gave 1: not up yet)";
        if is_it { Ok(()) } else { Err(format!("{status}\n{}", late.0.journal("late"))) }
    });
    late.0.until_property("late", "ActiveState", "active");
    assert_eq!(late.0.property("late", "StatusText"), "container is healthy");
    assert_eq!(late.0.property("late", "NRestarts"), "0");

    // One that never gets healthy ends its start, and says why.
    let never = "HealthCmd=echo no database; false\nHealthRetries=2\nStopTimeout=0\n";
    let never = UnitFile::add(host, "never", &unit("never", "exec sleep 10000", never));
    never.0.systemctl("start never").fails(1);
    never.0.until_logged(
        "never",
        "container `never` is unhealthy (its check gave 1: no database), so it is stopped",
    );
    assert_eq!(never.0.property("never", "ActiveState"), "failed");
}

#[test]
fn a_start_does_not_wait_for_a_check_that_was_taken_away() {
    let host = host_with_busybox();
    let _alone = alone();
    let unit = format!(
        "[Container]\nImage={B}\nContainerName=let-off\nNotify=healthy\nExec=sleep 10000\nHealthCmd=false\n\
         HealthInterval=200ms\nHealthStartPeriod=1h\nStopTimeout=0\n\n[Service]\nTimeoutStartSec=120\n"
    );
    let unit = UnitFile::add(host, "let-off", &unit);
    unit.0.systemctl("start --no-block let-off").ok();
    wait::until("what is waited for", || {
        let status = unit.0.property("let-off", "StatusText");
        if status.starts_with("waiting until the container is healthy (") { Ok(()) } else { Err(status) }
    });
    host.alice("pontoon update --no-healthcheck let-off").ok();
    unit.0.until_property("let-off", "ActiveState", "active");
    assert_eq!(unit.0.property("let-off", "StatusText"), "container is running");
}

#[test]
fn the_watchdog_hears_of_checks_that_pass() {
    let host = host_with_busybox();
    let _alone = alone();
    let unit = format!(
        "[Container]\nImage={B}\nContainerName=dog\nNotify=healthy\nExec=sleep 10000\nHealthCmd=! test -e /ill\n\
         HealthInterval=200ms\n\n[Service]\nWatchdogSec=20\n"
    );
    let dog = UnitFile::add(host, "dog", &unit);
    dog.0.start("dog");
    let heard = || dog.0.property("dog", "WatchdogTimestampMonotonic");
    let first = heard();
    wait::until_true("word of another check", || heard() != first);
    assert_eq!(dog.0.property("dog", "Result"), "success");
    host.alice("pontoon exec dog touch /ill").ok();
    dog.0.until_property("dog", "Result", "watchdog");
    wait::until_true("the container to be gone", || {
        host.alice("pontoon ps -q --filter name=dog").ok().stdout.is_empty()
    });
}

#[test]
fn policies_say_what_is_started_anew() {
    let host = host_with_busybox();
    let _alone = alone();
    let twice = Container::run(host, "twice", "--restart on-failure:2", "echo run; exit 7");
    twice.becomes("{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}", "exited 7 2");
    assert_eq!(host.alice("pontoon logs twice").ok().stdout, "run\nrun\nrun\n");
    let fine = Container::run(host, "fine", "--restart on-failure", "exit 0");
    fine.becomes("{{.State.Status}} {{.RestartCount}}", "exited 0");
    let brief = "pontoon run -d --rm --name brief --restart on-failure";
    host.alice(&format!("{brief} {B} true && pontoon wait --ignore brief; pontoon container exists brief"))
        .fails(1);
    host.alice(&format!("{brief}:2 {B} true")).fails(125).warns("cannot be used together");
    // What was written stays, and a container that is stopped stays stopped.
    let always = Container::run(
        host,
        "always",
        "--restart always",
        "echo x >>/count; test $(wc -l </count) -gt 2 && sleep 10000",
    );
    wait::until_true("the third run", || {
        host.alice("pontoon exec always wc -l /count").stdout.starts_with('3')
    });
    assert_eq!(always.inspect("{{.RestartCount}} {{.HostConfig.RestartPolicy.Name}}"), "2 always");
    host.alice("pontoon stop always").ok();
    wait::rest(std::time::Duration::from_millis(500));
    assert_eq!(always.inspect("{{.State.Status}} {{.State.StoppedByUser}}"), "exited true");
    // One that is killed by another than us goes on.
    host.alice("pontoon start always").ok();
    let pid = always.inspect("{{.State.Pid}}");
    host.root(&format!("kill -9 {pid}")).ok();
    wait::until_true("a new process", || {
        !["0".to_owned(), pid.clone()].contains(&always.inspect("{{.State.Pid}}"))
    });
    // Between two runs it can be stopped and removed.
    let loops = Container::run(host, "loops", "--restart always", "exit 1");
    loops.becomes("{{.State.Status}} {{.State.Restarting}}", "restarting true");
    wait::until_true("a pause", || loops.inspect("{{.RestartCount}}").parse().is_ok_and(|it: u32| it >= 3));
    host.alice("timeout 20 pontoon stop loops").ok();
    assert_eq!(loops.inspect("{{.State.Status}}"), "exited");
    host.alice("pontoon start loops && timeout 20 pontoon rm -f loops").ok();
}

#[test]
fn what_was_not_stopped_is_started_with_the_machine() {
    let host = host_with_busybox();
    let _alone = alone();
    let shown = |filter: &str| {
        let list = host.alice(&format!("pontoon ps -a --filter {filter} --format '{{{{.Names}}}}'")).ok();
        let mut names: Vec<String> = list.stdout.lines().map(str::to_owned).collect();
        names.sort();
        names.join(" ")
    };
    let always = Container::run(host, "r-always", "--restart always", "sleep 10000");
    let _unless = Container::run(host, "r-unless", "--restart unless-stopped", "sleep 10000");
    let _stopped = Container::run(host, "r-stopped", "--restart unless-stopped", "sleep 10000");
    let _never = Container::run(host, "r-never", "", "sleep 10000");
    assert_eq!(shown("restart-policy=unless-stopped"), "r-stopped r-unless");
    host.alice("pontoon stop r-always r-stopped").ok();
    assert_eq!(shown("should-start-on-boot=true"), "r-always r-unless");
    // What the manager does at a boot.
    host.alice("systemctl --user restart pontoon-restart.service").ok();
    always.becomes("{{.State.Status}}", "running");
    assert_eq!(shown("name=r- --filter status=running"), "r-always r-never r-unless");
}

#[test]
fn a_run_can_be_limited_in_time() {
    let host = host_with_busybox();
    let _alone = alone();
    let started = std::time::Instant::now();
    host.alice(&format!("pontoon run --rm --timeout 1 {B} sleep 10000")).fails(255);
    assert!(started.elapsed() < std::time::Duration::from_secs(30));
}

#[test]
fn checks_of_a_running_container_are_changed_at_once() {
    let host = host_with_busybox();
    let _gone = Gone(host, "otherwise");
    host.alice(&format!("pontoon run -d --name otherwise --stop-timeout 0 -e OLD=1 {B} sleep 10000")).ok();
    let health =
        || host.alice("pontoon inspect --format '{{.State.Health.Status}}' otherwise").text().to_owned();
    let nothing = host.alice(&format!("pontoon create --sdnotify healthy {B}")).fails(125);
    assert!(
        nothing.stderr.contains("--sdnotify healthy says something about a health check"),
        "{}",
        nothing.stderr
    );
    let nothing = host.alice("pontoon update --health-interval 1h otherwise").fails(125);
    assert!(
        nothing.stderr.contains("--health-interval says something about a health check"),
        "{}",
        nothing.stderr
    );
    host.alice(
        "pontoon update --health-cmd 'test -e /well' --health-interval 50ms --health-retries 1 otherwise",
    )
    .ok();
    wait::until_true("a check that fails", || health() == "unhealthy");
    host.alice("pontoon exec otherwise touch /well").ok();
    wait::until_true("a check that passes", || health() == "healthy");
    // Another command, on demand only; what was not said stays.
    host.alice("pontoon update --health-cmd false --health-interval disable otherwise").ok();
    host.alice("pontoon healthcheck run otherwise").fails(1);
    assert_eq!(
        host.alice("pontoon inspect --format '{{.Config.Healthcheck.Retries}}' otherwise").ok().text(),
        "1"
    );
    host.alice("pontoon update --health-startup-cmd true otherwise").ok();
    host.alice("pontoon update --no-healthcheck otherwise").ok();
    let startup = "pontoon inspect --format '{{.Config.StartupHealthCheck}}' otherwise";
    host.alice(startup).ok().prints("<nil>");
    host.alice("pontoon healthcheck run otherwise").fails(125);
    // Variables are those of the next run, and of what joins.
    host.alice("pontoon update --env NEW=2 --unsetenv OLD otherwise").ok();
    let seen = host.alice("pontoon exec otherwise env | grep -E '^(NEW|OLD)='").ok();
    assert_eq!(seen.stdout, "NEW=2\n");
    host.alice("pontoon restart -t 0 otherwise").ok();
    assert_eq!(host.alice("pontoon exec otherwise env | grep -E '^(NEW|OLD)='").ok().stdout, "NEW=2\n");
    // Nothing is to be changed.
    host.alice("pontoon update --memory '' otherwise").ok();
}
