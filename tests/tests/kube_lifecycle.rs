//! What Kubernetes does at starts and ends: handlers, probes without programs of the image, readiness of units, sidecars.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Gone, Manager, TestHost, alone, host_with_busybox, wait};

/// Where containers write what they do.
const OUT: &str = "/home/alice/kube-out";

/// What a test plays goes with it.
struct Played<'h>(&'h TestHost, &'static str);

impl Drop for Played<'_> {
    fn drop(&mut self) {
        let _ = self.0.alice(&format!("pontoon kube down --force {}; rm -rf {OUT}", self.1));
    }
}

/// A pod with [`OUT`] in each container that asks for it.
fn pod(name: &str, policy: &str, containers: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  restartPolicy: {policy}\n  terminationGracePeriodSeconds: 30\n  volumes: [{{name: out, hostPath: {{path: {OUT}, type: DirectoryOrCreate}}}}]\n{containers}"
    )
}

/// A container that says when it is asked to end.
fn container(name: &str, first: &str, more: &str) -> String {
    format!(
        "  - name: {name}\n    image: {B}\n    volumeMounts: [{{name: out, mountPath: /out}}]\n    command: [sh, -c, 'trap \"echo {name} asked >>/out/log; exit 0\" TERM; {first}; while :; do sleep 0.1; done']\n{more}"
    )
}

fn log_is(host: &TestHost, expected: &str) {
    wait::until("what containers wrote", || {
        let log = host.alice(&format!("cat {OUT}/log")).stdout;
        if log == expected { Ok(()) } else { Err(log) }
    });
}

#[test]
fn what_belongs_to_start_and_end_is_done() {
    let host = host_with_busybox();
    let _alone = alone();
    let _played = Played(host, "/home/alice/hooks.yaml");
    let first = container(
        "one",
        "httpd -p 8080 -h /tmp; touch /tmp/up",
        "    ports: [{name: http, containerPort: 8080}]\n    lifecycle:\n      postStart: {exec: {command: [sh, -c, 'until [ -e /tmp/up ]; do sleep 0.1; done; echo post >>/out/log']}}\n      preStop: {exec: {command: [sh, -c, 'sleep 0.3; echo pre >>/out/log']}}\n",
    );
    let second = container(
        "two",
        "echo two >>/out/log",
        "    lifecycle:\n      postStart: {tcpSocket: {port: 8080}}\n      preStop: {sleep: {seconds: 0}}\n",
    );
    host.write(
        "alice",
        "/home/alice/hooks.yaml",
        pod("hooks", "Always", &format!("  containers:\n{first}{second}")),
    );
    let told = host.alice("pontoon kube play --network none /home/alice/hooks.yaml").ok();
    assert!(!told.stderr.contains("warning"), "{}", told.stderr);
    // The second waits until what belongs to the start of the first is done.
    log_is(host, "post\ntwo\n");
    host.alice("pontoon stop hooks-one").ok();
    host.alice(&format!("cat {OUT}/log")).ok().prints("post\ntwo\npre\none asked\n");
    // Without any time nothing is done before the end.
    host.alice("pontoon start hooks-one").ok();
    log_is(host, "post\ntwo\npre\none asked\npost\n");
    host.alice("pontoon stop -t 0 hooks-one").ok();
    host.alice(&format!("cat {OUT}/log")).ok().prints("post\ntwo\npre\none asked\npost\n");
    // What fails before the end is told, and it is asked to end all the same.
    host.alice("pontoon kube down /home/alice/hooks.yaml").ok();
    let slow = container(
        "slow",
        "echo slow >>/out/log",
        "    lifecycle: {preStop: {exec: {command: [sh, -c, 'exit 3']}}}\n",
    );
    let text = pod("hooks", "Never", &format!("  containers:\n{slow}"));
    host.write("alice", "/home/alice/hooks.yaml", text);
    host.alice(&format!("rm {OUT}/log; pontoon kube play --network none /home/alice/hooks.yaml")).ok();
    log_is(host, "slow\n");
    host.alice("pontoon stop hooks-slow").ok();
    host.alice(&format!("cat {OUT}/log")).ok().prints("slow\nslow asked\n");
    host.alice("pontoon kube down /home/alice/hooks.yaml").ok();

    // One whose start fails is ended, and that is said.
    let wrong = container(
        "wrong",
        "echo wrong >>/out/log",
        "    lifecycle: {postStart: {exec: {command: [sh, -c, 'until grep -q wrong /out/log; do sleep 0.1; done; exit 3']}}}\n",
    );
    host.write("alice", "/home/alice/hooks.yaml", pod("hooks", "Never", &format!("  containers:\n{wrong}")));
    let told = host.alice("pontoon kube play --network none /home/alice/hooks.yaml").ok();
    assert!(told.stderr.contains("`hooks-wrong` has ended before its `postStart`"), "{}", told.stderr);
    host.alice("pontoon wait hooks-wrong").ok();
    log_is(host, "slow\nslow asked\nwrong\nwrong asked\n");
    // What cannot be done is refused before anything is.
    let refused = host.alice(&format!("pontoon create --annotation 'io.pontoon.pre-stop=[]' {B}")).fails(125);
    assert!(refused.stderr.contains("`io.pontoon.pre-stop=[]`"), "{}", refused.stderr);
}

#[test]
fn sidecars_are_there_before_and_after_the_others() {
    let host = host_with_busybox();
    let _alone = alone();
    let _played = Played(host, "/home/alice/side.yaml");
    let init = |name: &str| {
        format!(
            "  - name: {name}\n    image: {B}\n    volumeMounts: [{{name: out, mountPath: /out}}]\n    command: [sh, -c, 'echo {name} >>/out/log']\n"
        )
    };
    let side = container(
        "side",
        "sleep 0.3; echo side >>/out/log; touch /tmp/up",
        "    restartPolicy: Always\n    startupProbe: {exec: {command: [test, -e, /tmp/up]}, periodSeconds: 1, timeoutSeconds: 60, failureThreshold: 600}\n",
    );
    let other = container(
        "other",
        "echo other >>/out/log",
        "    restartPolicy: Always\n    lifecycle: {postStart: {exec: {command: [sh, -c, 'until grep -q other /out/log; do sleep 0.1; done']}}}\n",
    );
    let text = format!(
        "  initContainers:\n{}{side}{}{other}  containers:\n{}",
        init("before"),
        init("after"),
        init("main"),
    );
    host.write("alice", "/home/alice/side.yaml", pod("side", "Never", &text));
    host.alice("pontoon kube play --network none /home/alice/side.yaml").ok();
    // They end when the last of the others has, the last one first.
    log_is(host, "before\nside\nafter\nother\nmain\nother asked\nside asked\n");
    wait::until("the end of the pod", || {
        let state = host.alice("pontoon pod inspect --format '{{.State}}' side").ok();
        if state.text() == "Exited" { Ok(()) } else { Err(state.stdout) }
    });
}

#[test]
fn probes_need_nothing_of_the_image_and_make_a_unit_ready() {
    let host = host_with_busybox();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    let web = format!(
        "  containers:\n  - name: web\n    image: {B}\n    command: [sh, -c, 'mkdir -p /www && echo well >/www/live && exec httpd -f -p 8080 -h /www']\n    ports: [{{name: http, containerPort: 8080}}]\n    startupProbe: {{tcpSocket: {{port: http}}, periodSeconds: 1, timeoutSeconds: 60, failureThreshold: 600}}\n    livenessProbe: {{httpGet: {{path: /live, port: http, httpHeaders: [{{name: X-A, value: b}}]}}, periodSeconds: 1, timeoutSeconds: 60, failureThreshold: 1}}\n    readinessProbe: {{httpGet: {{path: /ready, port: 8080}}, periodSeconds: 1, timeoutSeconds: 60}}\n"
    );
    let text = pod("probed", "Always", &web).replace("PeriodSeconds: 30", "PeriodSeconds: 0");
    alice.add("probed.yaml", &text);
    alice.add("probed.kube", "[Kube]\nYaml=probed.yaml\nNetwork=none\n\n[Service]\nTimeoutStartSec=600\n");
    alice.systemctl("start --no-block probed").ok();
    let health = |field: &str, expected: &str| {
        wait::until(field, || {
            let told = host.alice(&format!("pontoon inspect --format '{{{{{field}}}}}' probed-web"));
            if told.text().trim_end() == expected { Ok(()) } else { Err(format!("{told:?}")) }
        });
    };
    health(".State.Health.Status", "healthy");
    health("(index .State.Health.Log 0).Output", "answered 200");
    // It lives, and does not serve yet.
    assert_eq!(alice.property("probed", "ActiveState"), "activating");
    host.alice("pontoon exec probed-web touch /www/ready").ok();
    wait::until("the unit to be ready", || {
        let state = alice.property("probed", "ActiveState");
        if state == "active" { Ok(()) } else { Err(format!("{state}\n{}", alice.journal("probed"))) }
    });
    host.alice("pontoon exec probed-web sh -c 'command -v curl || echo none'").ok().prints("none\n");
    // One that lives no more is started anew.
    host.alice("pontoon exec probed-web rm /www/live").ok();
    health(".RestartCount", "1");
    alice.stop("probed");
    alice.remove("probed.kube");
    alice.remove("probed.yaml");
    host.alice(&format!("rm -rf {OUT}")).ok();
}

#[test]
fn probes_have_their_own_time_to_end_in_and_may_have_to_pass_twice() {
    let host = host_with_busybox();
    let _alone = alone();
    let _played = Played(host, "/home/alice/graced.yaml");
    // It does not end when it is asked to, and the pod would give it longer than anybody waits.
    let _gone = Gone(host, "graced-deaf");
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: graced}}\nspec:\n  terminationGracePeriodSeconds: 86400\n  containers:\n  - name: deaf\n    image: {B}\n    command: [sh, -c, 'trap \"\" TERM; touch /tmp/live; while :; do sleep 1; done']\n    startupProbe: {{exec: {{command: [test, -e, /tmp/live]}}, periodSeconds: 1, timeoutSeconds: 60, failureThreshold: 600, initialDelaySeconds: 1}}\n    livenessProbe: {{exec: {{command: [test, -e, /tmp/live]}}, periodSeconds: 1, timeoutSeconds: 60, failureThreshold: 1, terminationGracePeriodSeconds: 1}}\n  - name: twice\n    image: {B}\n    command: [sh, -c, 'trap \"exit 0\" TERM; while :; do sleep 0.1; done']\n    readinessProbe: {{exec: {{command: [sh, -c, 'echo >>/tmp/asked']}}, periodSeconds: 1, timeoutSeconds: 60, successThreshold: 3}}\n"
    );
    host.write("alice", "/home/alice/graced.yaml", &text);
    let told = host.alice("pontoon kube play --network none /home/alice/graced.yaml").ok();
    assert!(!told.stderr.contains("warning"), "{}", told.stderr);
    let becomes = |container: &str, field: &str, expected: &str| {
        wait::until(field, || {
            let told = host.alice(&format!("pontoon inspect --format '{{{{{field}}}}}' graced-{container}"));
            if told.text().trim_end() == expected { Ok(()) } else { Err(format!("{told:?}")) }
        });
    };
    becomes("twice", ".State.Health.Status", "healthy");
    let asked = host.alice("pontoon exec graced-twice sh -c 'wc -l </tmp/asked'").ok();
    assert!(asked.text().trim().parse::<u32>().unwrap() >= 3, "{asked:?}");
    becomes("deaf", ".State.Health.Status", "healthy");
    host.alice("pontoon exec graced-deaf rm /tmp/live").ok();
    becomes("deaf", ".RestartCount", "1");
    let written = host.alice("pontoon kube generate graced").ok();
    for line in [
        "      initialDelaySeconds: 1\n",
        "      terminationGracePeriodSeconds: 1\n",
        "      successThreshold: 3\n",
    ] {
        assert_eq!(written.stdout.matches(line).count(), 1, "{line}: {}", written.stdout);
    }
}

#[test]
fn a_reload_changes_what_changed_and_the_unit_goes_on() {
    let host = host_with_busybox();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    let pod = |name: &str, word: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: re-{name}}}\nspec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 0\n  containers:\n  - {{name: c, image: {B}, command: [sleep, '10000'], env: [{{name: WORD, value: {word}}}]}}\n"
        )
    };
    let file = |pods: &[(&str, &str)]| {
        alice.add("re.yaml", &pods.iter().map(|it| pod(it.0, it.1)).collect::<Vec<_>>().join("---\n"));
    };
    let pods = || {
        let told = host.alice("pontoon pod ps --sort name --format '{{.Name}} {{.Status}}'").ok();
        told.stdout.lines().map(str::to_owned).collect::<Vec<_>>().join(", ")
    };
    let id =
        |pod: &str| host.alice(&format!("pontoon pod inspect --format '{{{{.Id}}}}' re-{pod}")).ok().stdout;
    file(&[("one", "a"), ("two", "a"), ("three", "a")]);
    alice.add("re.kube", "[Kube]\nYaml=re.yaml\nNetwork=none\n");
    alice.start("re");
    let main = alice.property("re", "MainPID");
    let is_the_same = || {
        assert_eq!(alice.property("re", "ActiveState"), "active", "{}", alice.journal("re"));
        assert_eq!(alice.property("re", "MainPID"), main, "{}", alice.journal("re"));
    };
    let (one, two) = (id("one"), id("two"));

    // One is as before, one is changed, one goes, one comes.
    file(&[("one", "a"), ("two", "b"), ("four", "a")]);
    alice.systemctl("reload re").ok();
    assert_eq!(pods(), "re-four Running, re-one Running, re-two Running");
    assert_eq!(id("one"), one);
    assert_ne!(id("two"), two);
    host.alice("pontoon exec re-two-c sh -c 'echo $WORD'").ok().prints("b\n");
    is_the_same();

    // What is wrong with a file is said with its place, and nothing is changed.
    let two = id("two");
    alice.add(
        "re.yaml",
        &format!("{}---\n{}", pod("one", "c"), pod("two", "c").replace("spec:", "spec: x\nspec:")),
    );
    alice.systemctl("reload re").fails(1);
    wait::until("what is wrong to be in the journal", || {
        let journal = alice.journal("re");
        if journal.contains("re.yaml:14:1: duplicate") { Ok(()) } else { Err(journal) }
    });
    assert_eq!((id("one"), id("two")), (one, two));
    assert_eq!(pods(), "re-four Running, re-one Running, re-two Running");
    is_the_same();

    // Not one of the first is left, and it goes on all the same; what has ended of itself is not begun again.
    file(&[("five", "a"), ("six", "a")]);
    alice.systemctl("reload re").ok();
    assert_eq!(pods(), "re-five Running, re-six Running");
    host.alice("pontoon stop re-six-c").ok();
    alice.systemctl("reload re").ok();
    wait::until("the end of a pod", || {
        let pods = pods();
        if pods == "re-five Running, re-six Exited" { Ok(()) } else { Err(pods) }
    });
    is_the_same();

    // All goes with the unit, also what its file says no more.
    file(&[("seven", "a")]);
    alice.stop("re");
    assert_eq!(alice.property("re", "Result"), "success");
    host.alice("pontoon pod ps -q && pontoon ps -aq").ok().prints("");

    // It ends with the last of the pods that it has then.
    alice.start("re");
    file(&[("eight", "a")]);
    alice.systemctl("reload re").ok();
    assert_eq!(pods(), "re-eight Running");
    host.alice("pontoon stop re-eight-c").ok();
    wait::until("the unit to end", || {
        let state = alice.property("re", "ActiveState");
        if state == "inactive" { Ok(()) } else { Err(format!("{state}\n{}", alice.journal("re"))) }
    });
    host.alice("pontoon pod ps -q && pontoon ps -aq").ok().prints("");
    alice.remove("re.kube");
    alice.remove("re.yaml");
}

#[test]
fn what_an_init_container_that_failed_wrote_is_shown_before_it_goes() {
    let host = host_with_busybox();
    let _alone = alone();
    let _played = Played(host, "/home/alice/init.yaml");
    let text = pod(
        "init",
        "Never",
        &format!(
            "  initContainers:\n  - {{name: first, image: {B}, command: [echo, fine]}}\n  - {{name: second, image: {B}, command: [sh, -c, 'for i in $(seq 20); do echo line $i; done; echo the fault >&2; exit 3']}}\n  containers:\n  - {{name: c, image: {B}, command: [sleep, '10000']}}\n"
        ),
    );
    host.write("alice", "/home/alice/init.yaml", text);
    let told = host.alice("pontoon kube play --network none /home/alice/init.yaml").fails(125);
    assert_eq!(told.stdout, "");
    assert!(told.stderr.contains("init-second line 20\n"), "{}", told.stderr);
    assert!(told.stderr.contains("init-second the fault\n"), "{}", told.stderr);
    // The last lines are enough, and those of the one that failed.
    assert!(!told.stderr.contains("line 1\n") && !told.stderr.contains("fine"), "{}", told.stderr);
    host.alice("pontoon ps -aq").ok().prints("");
    // As the hint says, all of it can be kept.
    host.alice("pontoon kube play --network none --start=false /home/alice/init.yaml").ok();
    let told = host.alice("pontoon pod start init").fails(125);
    assert!(told.stderr.contains("`init-second` ended with exit code 3"), "{}", told.stderr);
    let log = host.alice("pontoon logs init-second 2>&1").ok().stdout;
    assert!(log.contains("line 1\n") && log.contains("the fault\n"), "{log}");
}
