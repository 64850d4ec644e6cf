//! `.secret` files: services that make secrets, renew them, and have those restarted who use them.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Manager, host_with_busybox, wait};

const RUNS: &str = "Exec=sh -c 'trap \"exit 0\" TERM; sleep 10000 & wait'\n";

#[test]
fn a_secret_of_a_file_is_renewed_and_its_users_are_restarted() {
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    let file = "/home/alice/unit-secret";
    host.write("alice", file, "one");
    alice.add("pass.secret", &format!("[Secret]\nFile={file}\nRenew=1s\nLabel=of=test\n"));
    let uses = "Secret=pass.secret\nSecret=pass.secret,type=env,target=PW\n";
    alice.add("passuser.container", &format!("[Container]\nImage={B}\nContainerName=passuser\n{uses}{RUNS}"));
    alice.add("passfree.container", &format!("[Container]\nImage={B}\nContainerName=passfree\n{RUNS}"));
    let sees = |expected: &str| {
        wait::until("the container to see it", || {
            let script = "cat /run/secrets/pass; echo; tr \"\\\\0\" \"\\\\n\" </proc/1/environ | grep ^PW=";
            let seen = host.alice(&format!("pontoon exec passuser sh -c '{script}'"));
            let wanted = format!("{expected}\nPW={expected}");
            if seen.text() == wanted { Ok(()) } else { Err(format!("{seen:?}")) }
        });
    };
    let id = |name: &str| {
        let shown = host.alice(&format!("pontoon inspect -f '{{{{.Id}}}}' {name}")).ok();
        shown.text().to_owned()
    };
    // It is made by whoever starts first of those who use it.
    alice.start("passuser");
    alice.start("passfree");
    sees("one");
    host.alice("pontoon secret inspect -f '{{.Spec.Labels}}' systemd-pass").ok().prints("map[of:test]\n");
    assert_eq!(alice.property("pass-secret.timer", "ActiveState"), "active");

    // As long as it is the same nobody is restarted.
    let (user, free) = (id("passuser"), id("passfree"));
    alice.start("pass-secret");
    assert_eq!(id("passuser"), user);
    host.write("alice", file, "two");
    sees("two");
    assert_ne!(id("passuser"), user);
    assert_eq!(id("passfree"), free);

    // What cannot be renewed stays as it was.
    host.alice(&format!("rm {file}")).ok();
    alice.systemctl("start pass-secret").fails(1);
    alice.until_logged("pass-secret", "cannot renew secret `systemd-pass`");
    alice.systemctl("restart passuser").ok();
    sees("two");
    for unit in ["passuser", "passfree", "pass-secret.timer"] {
        alice.systemctl(&format!("stop {unit}")).ok();
    }

    // Whoever would have it of a file that is wrong is told where.
    alice.add("pass.secret", "[Secret]\nFile=/a\nCommand=/bin/b\n");
    alice.systemctl("start passuser").fails(1);
    alice.until_logged("passuser", "pass.secret:3:9");
    alice.systemctl("start pass-secret").fails(1);
    alice.until_logged("pass-secret", "`Command=` and `File=` exclude each other");
    for file in ["pass.secret", "passuser.container", "passfree.container"] {
        alice.remove(file);
    }
    host.alice("pontoon secret rm systemd-pass").ok();
}

#[test]
fn secrets_of_services_that_run_as_a_user_come_from_credentials_and_commands() {
    let host = host_with_busybox();
    let system = Manager::of(host, "root");
    host.root("useradd --system --no-create-home --home-dir /nonexistent vault").ok();
    host.root("install -m 600 /dev/null /root/unit-secret; printf one >/root/unit-secret").ok();
    host.root(
        "echo from a command >/srv/unit-secret; chown vault /srv/unit-secret; chmod 600 /srv/unit-secret",
    )
    .ok();
    let service = "[Service]\nUser=vault\n";
    let sealed = "[Secret]\nSecretName=sealed\nCredential=it\n";
    system.add("sealed.secret", &format!("{sealed}{service}LoadCredential=it:/root/unit-secret\n"));
    system.add("asked.secret", &format!("[Secret]\nCommand=/bin/cat /srv/unit-secret\n{service}"));
    system.add(
        "vault.container",
        &format!(
            "[Container]\nImage={B}\nContainerName=vault\nSecret=sealed.secret\nSecret=asked.secret,type=mount\n{RUNS}{service}"
        ),
    );
    system.start("vault");
    let sees = |expected: &str| {
        wait::until("the container to see them", || {
            let seen =
                host.root("pontoon --user vault exec vault sh -c 'cat /run/secrets/sealed; echo; cat /run/secrets/asked'");
            if seen.text() == expected { Ok(()) } else { Err(format!("{seen:?}")) }
        });
    };
    sees("one\nfrom a command");
    host.root("pontoon --user vault secret ls --noheading --format '{{.Name}}'")
        .ok()
        .prints("sealed\nsystemd-asked\n");
    host.root("pontoon secret ls -q").ok().prints("");
    host.root("printf 2nd-hunter >/root/unit-secret").ok();
    system.start("sealed-secret");
    sees("2nd-hunter\nfrom a command");
    // Nothing of it is in what others may read.
    let shown = host.alice("systemctl show sealed-secret vault; systemctl cat sealed-secret vault").ok();
    assert!(!shown.stdout.contains("2nd-hunter"), "{shown:?}");

    host.root("rm /srv/unit-secret").ok();
    system.systemctl("start asked-secret").fails(1);
    system.until_logged("asked-secret", "`/bin/cat` failed");
    system.stop("vault");
    for file in ["sealed.secret", "asked.secret", "vault.container"] {
        system.remove(file);
    }
}

/// `Renew=` takes what systemd takes, and nothing else.
#[test]
fn a_secret_is_renewed_by_the_calendar() {
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    let directory = "/home/alice/calendar";
    for (kind, lines) in [
        ("right", include_str!("../../units/tests/calendar/right")),
        ("wrong", include_str!("../../units/tests/calendar/wrong")),
    ] {
        host.write("alice", &format!("{directory}/{kind}"), lines);
        // Their names are in the order of the lines. `refused` has those that systemd refuses.
        host.alice(&format!(
            "cd {directory}; number=100; while IFS= read -r line; do number=$((number + 1))\n             printf '[Secret]\\nCommand=/bin/true\\nRenew=%s\\n' \"$line\" >{kind}-$number.secret\n             systemd-analyze calendar -- \"$line\" >/dev/null 2>&1 || echo {kind}-$number.secret >>refused\n             done <{kind}"
        ))
        .ok();
    }
    let checked = host.alice(&format!("cd {directory}; pontoon quadlet check --format json *.secret"));
    assert_eq!(checked.code, 1, "{checked:?}");
    let faults = checked.json();
    let is_error = |it: &&serde_json::Value| it["Severity"] == "error";
    let file = |it: &serde_json::Value| it["File"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let refused: Vec<String> = faults.as_array().unwrap().iter().filter(is_error).map(file).collect();
    let by_systemd = host.alice(&format!("sort {directory}/refused; rm -r {directory}")).ok();
    assert_eq!(refused.join("\n"), by_systemd.text());
    let wrong = include_str!("../../units/tests/calendar/wrong").lines().count();
    assert!(refused.len() == wrong && refused.iter().all(|it| it.starts_with("wrong")), "{refused:?}");

    alice.add("nightly.secret", "[Secret]\nCommand=/bin/echo it\nRenew=Mon..Fri 03:00 UTC\n");
    alice.start("nightly-secret");
    assert_eq!(alice.property("nightly-secret.timer", "ActiveState"), "active");
    let timer = alice.property("nightly-secret.timer", "TimersCalendar");
    assert!(timer.contains("OnCalendar=Mon..Fri *-*-* 03:00:00 UTC ;"), "{timer}");
    alice.systemctl("stop nightly-secret.timer").ok();
    alice.remove("nightly.secret");
    host.alice("pontoon secret rm systemd-nightly").ok();
}
