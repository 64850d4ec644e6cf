//! The generator as systemd runs it: what becomes of files, where they are looked for, and what goes wrong.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Manager, Output, TestHost, alone, host};

// Tests that reload the manager take turns: while it reloads, the directory with the generated units is not there.

/// Runs the user generator over one directory of files and gives back what it would write.
fn dry_run(files: &[(&str, &str)]) -> Output {
    let host = host();
    let dir = host.alice("mktemp -d").ok();
    for (name, text) in files {
        host.write("alice", &format!("{}/{name}", dir.text()), text);
    }
    host.entry("alice").env("QUADLET_UNIT_DIRS", dir.text()).run(&[
        "/usr/lib/systemd/user-generators/pontoon-user-generator",
        "--dryrun",
        "--no-kmsg-log",
    ])
}

/// One file named `x.container`, whose `ExecStart=` must be this.
#[track_caller]
fn exec_start(container: &str, expected: &str) {
    let text = format!("[Container]\nImage=localhost/i\n{container}\n");
    let output = dry_run(&[("x.container", &text)]).ok();
    let line =
        output.stdout.lines().find(|line| line.starts_with("ExecStart=")).unwrap_or_default().to_owned();
    let words =
        format!("ExecStart=/usr/bin/pontoon run --name systemd-%N --replace --rm --cgroups=split {expected}");
    assert_eq!(line, words, "for\n{container}");
}

#[test]
fn the_plain_service_is_podman_s_word_for_word() {
    let output = dry_run(&[(
        "web.container",
        "[Unit]\nDescription=Web\n\n[Container]\nImage=localhost/i\n\n[Install]\nWantedBy=default.target\n",
    )])
    .ok();
    let from = output.stdout.find("[Unit]").unwrap_or_default();
    let text = &output.stdout[from..];
    for line in [
        "Wants=pontoon-user-wait-network-online.service",
        "After=pontoon-user-wait-network-online.service",
        "Description=Web",
        "[X-Container]",
        "Image=localhost/i",
        "WantedBy=default.target",
        "Environment=PODMAN_SYSTEMD_UNIT=%n",
        "KillMode=mixed",
        "ExecStop=/usr/bin/pontoon rm -v -f -i systemd-%N",
        "ExecStopPost=-/usr/bin/pontoon rm -v -f -i systemd-%N",
        "Delegate=yes",
        "Type=notify",
        "NotifyAccess=all",
        "SyslogIdentifier=%N",
        "ExecStart=/usr/bin/pontoon run --name systemd-%N --replace --rm --cgroups=split --sdnotify=conmon -d localhost/i",
    ] {
        assert!(text.lines().any(|one| one == line), "`{line}` is missing:\n{text}");
    }
    output.says("---web.service---");
}

#[test]
fn keys_become_options() {
    exec_start("", "--sdnotify=conmon -d localhost/i");
    exec_start("Exec=a \"b c\" d", "--sdnotify=conmon -d localhost/i a \"b\\x20c\" d");
    exec_start(
        "PublishPort=8080:80\nPublishPort=127.0.0.1:53:53/udp",
        "--sdnotify=conmon -d --publish 8080:80 --publish 127.0.0.1:53:53/udp localhost/i",
    );
    exec_start("Environment=A=1 B=2", "--sdnotify=conmon -d --env A=1 --env B=2 localhost/i");
    exec_start("User=33\nGroup=33", "--sdnotify=conmon -d --user 33:33 localhost/i");
    exec_start("ReadOnly=yes", "--sdnotify=conmon -d --read-only localhost/i");
    exec_start("NoNewPrivileges=yes", "--sdnotify=conmon -d --security-opt=no-new-privileges localhost/i");
    exec_start(
        "DropCapability=all\nAddCapability=CAP_CHOWN",
        "--sdnotify=conmon -d --cap-drop all --cap-add cap_chown localhost/i",
    );
    exec_start("PodmanArgs=--one --two", "--sdnotify=conmon -d --one --two localhost/i");
    exec_start("Network=host", "--network host --sdnotify=conmon -d localhost/i");
    exec_start("Notify=yes", "--sdnotify=container -d localhost/i");
    // An empty word is a word.
    exec_start("Exec=sh -c \"\"", "--sdnotify=conmon -d localhost/i sh -c \"\"");
}

#[test]
fn a_volume_file_and_its_user_belong_together() {
    let output = dry_run(&[
        ("data.volume", "[Volume]\nLabel=a=b\n"),
        ("app.container", "[Container]\nImage=localhost/i\nVolume=data.volume:/data\n"),
    ])
    .ok();
    output
        .says("---data-volume.service---")
        .says("ExecStart=/usr/bin/pontoon volume create --ignore --label a=b systemd-data")
        .says("Type=oneshot")
        .says("RemainAfterExit=yes")
        .says("Requires=data-volume.service")
        .says("After=data-volume.service")
        .says("-v systemd-data:/data");
}

#[test]
fn the_same_files_give_the_same_bytes() {
    let text = "[Container]\nImage=localhost/i\nEnvironment=C=3 A=1 B=2\nLabel=z=1 a=2\nAnnotation=x=y\nTmpfs=/t\nTmpfs=/u\nPidsLimit=5\nMemory=1g\nTimezone=local\n";
    let first = dry_run(&[("x.container", text)]).ok();
    let body = |output: &Output| {
        output.stdout.lines().filter(|line| !line.starts_with("SourcePath=")).collect::<Vec<_>>().join("\n")
    };
    for _ in 0..10 {
        assert_eq!(body(&dry_run(&[("x.container", text)])), body(&first));
    }
}

#[test]
fn a_dry_run_of_nothing_is_fine_and_a_bad_file_is_an_exit_status() {
    dry_run(&[]).ok();
    let bad = dry_run(&[
        ("bad.container", "[Container]\nImage=localhost/i\nNoSuchKey=1\n"),
        ("good.container", "[Container]\nImage=localhost/i\n"),
    ]);
    let bad = bad.fails(1).says("---good.service---").warns("bad.container:3:1").warns("NoSuchKey");
    // A stub stands where the service would be, so that `systemctl status` has an answer.
    bad.says("---bad.service---");
}

#[test]
fn directories_are_searched_in_order_and_other_users_files_are_not() {
    let _alone = alone();
    let host = host();
    let unit = |word: &str| format!("[Unit]\nDescription={word}\n[Container]\nImage={B}\n");
    let alice = Manager::of(host, "alice");
    host.write("alice", "/run/user/1000/containers/systemd/order.container", unit("runtime"));
    host.write("alice", "/home/alice/.config/containers/systemd/order.container", unit("config"));
    host.write("root", "/etc/containers/systemd/users/order.container", unit("users"));
    host.write("root", "/etc/containers/systemd/users/1000/order.container", unit("uid"));
    host.write("root", "/etc/containers/systemd/users/1001/foreign.container", unit("foreign"));
    host.write("root", "/etc/containers/systemd/users/shared.container", unit("shared"));
    host.write("root", "/usr/share/containers/systemd/packaged.container", unit("packaged"));
    let expect = |word: &str| {
        alice.reload();
        assert_eq!(alice.property("order", "Description"), word);
    };
    expect("runtime");
    host.alice("rm -r /run/user/1000/containers").ok();
    expect("config");
    host.alice("rm ~/.config/containers/systemd/order.container").ok();
    // A user's own directory wins over everybody's.
    expect("uid");
    host.root("rm /etc/containers/systemd/users/1000/order.container").ok();
    expect("users");
    assert_eq!(alice.property("shared", "Description"), "shared");
    assert_eq!(alice.property("foreign", "LoadState"), "not-found");
    let system = Manager::of(host, "root");
    system.reload();
    assert_eq!(system.property("packaged", "Description"), "packaged");
    assert_eq!(system.property("shared", "LoadState"), "not-found");
    host.root("rm -r /etc/containers/systemd/users /usr/share/containers/systemd/packaged.container").ok();
    system.reload();
    alice.reload();
}

#[test]
fn drop_ins_change_what_a_file_says() {
    let _alone = alone();
    let host = host();
    let alice = Manager::of(host, "alice");
    host.write(
        "alice",
        &format!("{}/dropped.container", alice.dir()),
        format!("[Container]\nImage={B}\nEnvironment=A=1\n"),
    );
    host.write(
        "alice",
        &format!("{}/dropped.container.d/10.conf", alice.dir()),
        "[Container]\nEnvironment=B=2\n[Unit]\nDescription=dropped in\n",
    );
    host.write(
        "alice",
        &format!("{}/container.d/20.conf", alice.dir()),
        "[Container]\nLabel=everywhere=yes\n",
    );
    alice.reload();
    let text = alice.cat("dropped");
    assert!(text.contains("--env A=1 --env B=2") && text.contains("--label everywhere=yes"), "{text}");
    assert_eq!(alice.property("dropped", "Description"), "dropped in");
    host.alice(&format!("rm -r {0}/container.d {0}/dropped.container.d", alice.dir())).ok();
    alice.remove("dropped.container");
}

#[test]
fn install_sections_become_links() {
    let _alone = alone();
    let host = host();
    let alice = Manager::of(host, "alice");
    alice.add(
        "linked.container",
        &format!("[Container]\nImage={B}\n[Install]\nWantedBy=default.target timers.target\nRequiredBy=sockets.target\nAlias=other.service\n"),
    );
    let links =
        host.alice("cd /run/user/1000/systemd/generator && find . -type l -printf '%p %l\\n' | sort").ok();
    links
        .says("./default.target.wants/linked.service ../linked.service")
        .says("./timers.target.wants/linked.service ../linked.service")
        .says("./sockets.target.requires/linked.service ../linked.service")
        .says("./other.service linked.service");
    alice.remove("linked.container");
}

#[test]
fn strange_things_in_the_directory_neither_hang_nor_fail_the_manager() {
    let _alone = alone();
    let host = host();
    for user in ["alice", "root"] {
        strange_things_for(host, user);
    }
}

fn strange_things_for(host: &TestHost, user: &str) {
    let manager = Manager::of(host, user);
    let dir = manager.dir();
    host.sh_as(user, &format!(
        "set -e; mkdir -p {dir}; cd {dir}
         mkfifo fifo.container; mkdir dir.container; ln -s loop.container loop.container; ln -s /nowhere dangling.container
         ln -s .. up; head -c 2000000 /dev/urandom >noise.container; printf 'a\\0b' >nul.container; printf '\\xff\\xfe' >utf.container
         : >empty.container; printf '[Container]\\nImage=x\\\\' >dangle.container; yes '[Container]' | head -100000 >many.container
         ln -s /dev/zero zero.container; truncate -s 1G huge.container
         printf '[Container]\\nImage={B}\\n' >fine.container"
    ))
    .ok();
    let reload = if user == "root" { "systemctl daemon-reload" } else { "systemctl --user daemon-reload" };
    host.entry(user).limit(std::time::Duration::from_secs(20)).sh(reload).ok();
    assert_eq!(manager.property("fine", "LoadState"), "loaded");
    // Each says what is wrong with it, to whoever wants to start it.
    for name in ["fifo", "loop", "dangling", "noise", "nul", "utf", "empty", "dangle", "zero", "huge"] {
        assert_eq!(manager.property(name, "LoadState"), "loaded", "{name}");
        assert!(manager.systemctl(&format!("start {name}")).code != 0, "{name}");
    }
    manager.systemctl("reset-failed").ok();
    host.sh_as(user, &format!("cd {dir} && rm -rf huge.container fifo.container dir.container loop.container dangling.container up noise.container nul.container utf.container empty.container dangle.container many.container zero.container fine.container")).ok();
    manager.reload();
}

#[test]
fn many_reloads_at_once_leave_only_whole_units() {
    let _alone = alone();
    let host = host();
    let alice = Manager::of(host, "alice");
    for number in 0..30 {
        host.write(
            "alice",
            &format!("{}/many{number}.container", alice.dir()),
            format!("[Container]\nImage={B}\nExec=echo {number}\n"),
        );
    }
    host.alice("for i in $(seq 50); do systemctl --user daemon-reload & done; wait").ok();
    for number in 0..30 {
        assert!(alice.cat(&format!("many{number}")).contains(&format!("echo {number}")));
    }
    host.alice(&format!("rm {}/many*.container", alice.dir())).ok();
    alice.reload();
}

#[test]
fn any_value_reaches_the_payload_as_it_was_written() {
    let _alone = alone();
    let host = pontoon_tests::host_with_busybox();
    let alice = Manager::of(host, "alice");
    // Quoting for systemd's reader, for its expansion of % and $, and for nothing else.
    for (number, (written, expected)) in [
        (r#""two words""#, "two words"),
        (r#""a ""b""#, "a b"),
        (r#""%%h""#, "%h"),
        (r#""tab\there""#, "tab\there"),
        (r#""quote\"s and 'apostrophes'""#, "quote\"s and 'apostrophes'"),
        (r#""semi;colon # no comment""#, "semi;colon # no comment"),
        (r#""back\\slash""#, "back\\slash"),
        ("ünïcödé", "ünïcödé"),
        (r#""[Service]""#, "[Service]"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("quote{number}");
        alice.add(
            &format!("{name}.container"),
            &format!("[Container]\nImage={B}\nExec=printf <%%s> {written}\n[Service]\nType=oneshot\n"),
        );
        alice.start(&name);
        alice.until_logged(&name, &format!("<{expected}>"));
        alice.remove(&format!("{name}.container"));
    }
}
