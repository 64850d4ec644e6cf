//! Units of the system that run rootless as a user (`User=` in `[Service]`): no login, no linger, no manager.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::sync::OnceLock;

use pontoon_tests::{B, Manager, TestHost, host, wait};

/// Makes users of the system: one without a home and with ids of `/etc/subuid`, one with a home and without.
fn users(host: &TestHost) {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        host.root(
            "useradd --system --no-create-home --home-dir /nonexistent web
             useradd --system --create-home --home-dir /srv/till till
             for file in /etc/subuid /etc/subgid; do echo web:300000:65536 >>$file; done",
        )
        .ok();
    });
}

/// A container of that user's, which answers on a port with its name.
fn server(user: &str, name: &str, more: &str) -> String {
    format!(
        "[Container]\nImage={B}\nContainerName={name}\nRunInit=true\n{more}\n\
         Exec=sh -c 'mkdir /www; echo this is {name} >/www/index.html; echo {name} has begun; httpd -f -p 80 -h /www'\n\
         [Service]\nUser={user}\n"
    )
}

#[track_caller]
fn until_answers(host: &TestHost, port: u16, name: &str) {
    wait::until("an answer", || {
        let answer = host.root(&format!("curl --silent --max-time 5 http://localhost:{port}/"));
        if answer.stdout.contains(&format!("this is {name}")) { Ok(()) } else { Err(format!("{answer:?}")) }
    });
}

/// A command of the user's as in a login: with the runtime directory that logind makes.
fn in_login(host: &TestHost, user: &str, script: &str) -> pontoon_tests::Output {
    host.root(&format!(
        "cd /; exec setpriv --reuid {user} --regid {user} --init-groups env -i PATH=$PATH HOME=/nonexistent \
         XDG_RUNTIME_DIR=/run/user/$(id -u {user}) sh -c '{script}'"
    ))
}

#[test]
fn a_system_unit_runs_as_a_user_without_a_login_and_beside_one() {
    let host = host();
    users(host);
    let system = Manager::of(host, "root");
    let service = "[Service]\nUser=web\n";
    system.add("shop.network", &format!("[Network]\n{service}"));
    system.add("goods.volume", &format!("[Volume]\n{service}"));
    let more = "Network=shop.network\nVolume=goods.volume:/goods\nPublishPort=8180:80";
    system.add("shop.container", &server("web", "shop", more));
    // Somebody else's container has the same name, and no ids but one.
    system.add("till.container", &server("till", "shop", "PublishPort=8181:80"));
    system.start("shop");
    system.start("till");
    until_answers(host, 8180, "shop");
    until_answers(host, 8181, "shop");
    assert_eq!(system.property("shop", "StatusText"), "container is running");

    // Rootless: the payload is another user's on the host, in the service's own delegated group.
    let pid = host.root("pontoon --user web inspect -f '{{.State.Pid}}' shop").ok().text().to_owned();
    host.root(&format!("stat -c %U /proc/$(cat /proc/{pid}/task/{pid}/children | cut -d' ' -f1)"))
        .ok()
        .prints("web\n");
    host.root(&format!("grep ^0:: /proc/{pid}/cgroup")).ok().says("/system.slice/shop.service/payload-");
    host.root("loginctl --no-legend list-users | grep -w -e web -e till").fails(1);
    host.root("systemctl is-active user@$(id -u web)").fails(3);
    host.root("ls -d /home/web /nonexistent /srv/till/.local/share/pontoon /var/lib/pontoon-users/web/storage 2>/dev/null").prints(
        "/srv/till/.local/share/pontoon\n/var/lib/pontoon-users/web/storage\n",
    );
    host.root("stat -c '%U %a' /run/pontoon-users/web /var/lib/pontoon-users/web /run/pontoon-network")
        .ok()
        .prints("web 700\nweb 700\nroot 755\n");

    // Root looks after it; its own containers are others.
    host.root("pontoon ps -aq").ok().prints("");
    host.root("pontoon --user web ps --format {{.Names}}").ok().prints("shop\n");
    host.root("pontoon --user till ps --format {{.Names}}").ok().prints("shop\n");
    host.root("pontoon --user=web exec shop sh -c 'id -u; echo kept >/goods/file'").ok().prints("0\n");
    host.root("pontoon --user web logs shop").ok().says("shop has begun");
    // The services are the system's, and nobody misses a manager of the user's.
    for words in ["ps --units", "tree"] {
        let shown = host.root(&format!("pontoon --user web {words}")).ok().says("shop.service");
        assert_eq!(shown.stderr, "", "{words}");
    }
    system.until_logged("shop", "shop has begun");
    host.root("pontoon --user web volume ls -q; pontoon --user web network ls --format {{.Name}}")
        .ok()
        .says("systemd-goods")
        .says("systemd-shop");
    // In a terminal root's stays root's: with it a program of the user's could type what root's shell then reads.
    let apart = "t=$(tty); pontoon --user web exec -t shop sleep 2 & sleep 1
        ps -e -o user:9=,tty=,args= | grep '[e]xec -t shop' | awk '$2 ~ /pts/ {print $1, $2}' | sort -u | sed \"s,${t#/dev/},ours,; s,pts/.*,own,\"; wait";
    let apart = host.entry("root").env("COMMAND", apart).sh("script -qec \"$COMMAND\" /dev/null </dev/null");
    assert_eq!(apart.ok().stdout.replace('\r', ""), "root ours\nweb own\n");
    for (command, code) in [("exec -t shop sh -c 'tty; exit 7'", 7), ("exec shop sh -c 'kill -9 $$'", 137)] {
        host.entry("root")
            .env("COMMAND", &format!("stty rows 7 cols 70; pontoon --user web {command}"))
            .sh("script -qec \"$COMMAND\" /dev/null </dev/null")
            .fails(code);
    }
    let typed = "(sleep 1; echo 'echo a$((1+1))c; exit 5'; sleep 1) | timeout 20 script -qec 'pontoon --user web exec -it shop sh' /dev/null";
    host.root(typed).fails(5).says("a2c");
    host.root("pontoon --user nobody-there ps").fails(125);
    host.alice("pontoon --user web ps").fails(125);

    // The same user logs in: the same containers, the same networks. A logout takes nothing of the units'.
    host.root("loginctl enable-linger web").ok();
    wait::until_true("web's manager to be there", || {
        host.root("systemctl is-active user@$(id -u web)").code == 0
    });
    in_login(host, "web", "pontoon ps --format {{.Names}}").ok().prints("shop\n");
    in_login(host, "web", &format!("pontoon run --rm --network systemd-shop {B} wget -q -O - http://shop/"))
        .ok()
        .prints("this is shop\n");
    in_login(host, "web", &format!("pontoon run -d --name guest --stop-timeout 0 {B} sleep 10000")).ok();
    host.root("pontoon --user web ps --format {{.Names}} | sort").ok().prints("guest\nshop\n");
    let group = host.root("pontoon --user web inspect -f '{{.State.CgroupPath}}' guest").ok();
    assert!(group.stdout.contains("/user@"), "{group:?}");
    host.root("loginctl disable-linger web").ok();
    wait::until_true("web's runtime directory to go", || {
        host.root("test ! -e /run/user/$(id -u web)").code == 0
    });
    host.root("pontoon --user web ps --format {{.Names}}").ok().prints("shop\n");
    host.root("pontoon --user web exec shop cat /goods/file").ok().prints("kept\n");
    until_answers(host, 8180, "shop");

    for unit in ["shop", "till"] {
        system.stop(unit);
        assert_eq!(system.property(unit, "MainPID"), "0", "{}", system.journal(unit));
    }
    host.root("pontoon --user web rm -f guest; pontoon --user web ps -aq").ok();
    // What was written is there when it is started again.
    system.start("shop");
    host.root("pontoon --user web exec shop cat /goods/file").ok().prints("kept\n");
    system.stop("shop");
    for file in ["shop.container", "till.container", "goods.volume", "shop.network"] {
        system.remove(file);
    }
}

/// Root reads the journal for a user; no process of the user's may read it, or has it open.
#[test]
fn a_user_whose_logs_root_shows_gets_nothing_of_the_journal_s() {
    let host = host();
    let name = "shown";
    host.alice(&format!(
        "pontoon run -d --name {name} --log-driver journald --stop-timeout 0 {B} \
         sh -c 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.2; done'"
    ))
    .ok();
    let lines = |what: &str| {
        wait::until("lines", || {
            let shown = host.root(&format!("pontoon --user alice {what}"));
            if shown.code == 0 && !shown.stdout.is_empty() { Ok(()) } else { Err(format!("{shown:?}")) }
        });
    };
    lines(&format!("logs {name}"));
    lines(&format!("container logs --tail 1 {name}"));
    lines("events --stream=false --since 10m --filter event=start");
    // One that follows: nobody of alice's has root's groups or the journal, and all ends with the one that root began.
    for what in [format!("logs -f {name}"), "events".to_owned()] {
        host.root(&format!(
            "pontoon --user alice {what} >/tmp/shown.out 2>&1 </dev/null & top=$!
             trap 'kill $top 2>/dev/null' EXIT
             below() {{ for child in $(cat /proc/$1/task/*/children 2>/dev/null); do echo $child; below $child; done; }}
             reader= seen=
             for i in $(seq 300); do
                 for it in $(below $top); do
                     [ \"$(cat /proc/$it/comm)\" = journalctl ] && reader=$it
                 done
                 [ -n \"$reader\" ] && break
                 sleep 0.1
             done
             [ -n \"$reader\" ] || {{ echo no journalctl; exit 1; }}
             [ $(stat -c %U /proc/$reader) = root ] || {{ echo it is not root\\'s; exit 1; }}
             tr '\\0' ' ' </proc/$reader/cmdline | grep -qw _UID=$(id -u alice) || {{ echo it reads everything; exit 1; }}
             journal=$(getent group systemd-journal | cut -d: -f3)
             for it in $(below $top); do
                 [ \"$(stat -c %U /proc/$it)\" = alice ] || continue
                 seen=1
                 grep -w $journal /proc/$it/status | grep ^Groups: && exit 1
                 ls -l /proc/$it/fd | grep /journal/ && exit 1
             done
             [ -n \"$seen\" ] || {{ echo nothing is alice\\'s; exit 1; }}
             all=$(below $top)
             kill $top; wait $top 2>/dev/null
             for i in $(seq 300); do
                 left=; for it in $all; do [ -e /proc/$it ] && left=$it; done
                 [ -z \"$left\" ] && exit 0
                 sleep 0.1
             done
             echo somebody is left; cat /proc/$left/cmdline; exit 1"
        ))
        .ok();
    }
    host.alice(&format!("pontoon rm -f {name}")).ok();
}

/// What root starts for a user is no part of root's session, and the user's to limit.
#[test]
fn what_root_starts_for_a_user_outlives_roots_session() {
    let host = host();
    host.root("useradd --system --no-create-home --home-dir /nonexistent lodger").ok();
    let in_session = |words: &str| {
        host.root(&format!("systemd-run -q --scope --unit=rootsession pontoon --user lodger {words}"))
    };
    in_session(&format!("run -d --name lodge --stop-timeout 0 {B} sleep 10000")).ok();
    let group = host.root("pontoon --user lodger inspect -f '{{.State.CgroupPath}}' lodge").ok();
    let id = host.root("id -u lodger").ok().text().to_owned();
    let scope = format!("/system.slice/pontoon-{id}-");
    assert!(group.stdout.starts_with(&scope) && group.stdout.contains(".scope/payload-"), "{group:?}");
    wait::until_true("the session to end", || host.root("systemctl is-active rootsession.scope").code != 0);
    host.root("pontoon --user lodger exec lodge true").ok();
    host.root("pontoon --user lodger ps --format '{{.Names}} {{.State}}'").ok().prints("lodge running\n");
    // The scope goes with the container, and the next run has another.
    let unit =
        group.text().trim_start_matches("/system.slice/").split('/').next().unwrap_or_default().to_owned();
    host.root("pontoon --user lodger stop lodge").ok();
    wait::until_true("the scope to go", || host.root(&format!("systemctl is-active '{unit}'")).code != 0);
    in_session("start lodge").ok();
    let again = host.root("pontoon --user lodger inspect -f '{{.State.CgroupPath}}' lodge").ok();
    assert!(again.stdout.starts_with(&scope) && again.stdout != group.stdout, "{again:?}");
    host.root("pontoon --user lodger rm -f lodge").ok();
}

#[test]
fn a_pod_runs_as_a_user() {
    let host = host();
    users(host);
    let system = Manager::of(host, "root");
    // A number means the same user.
    system.add("stall.pod", "[Pod]\nPublishPort=8182:80\n[Service]\nUser=till\n");
    let number = host.root("id -u till").ok().text().to_owned();
    system.add("stand.container", &server(&number, "stand", "Pod=stall.pod"));
    system.start("stall-pod");
    until_answers(host, 8182, "stand");
    host.root("pontoon --user till pod ps --format {{.Name}}").ok().prints("systemd-stall\n");
    system.stop("stall-pod");
    wait::until("the member to end with its pod", || {
        let left = host.root("pontoon --user till ps -a --format '{{.Names}} {{.Status}}' | grep stand");
        if left.code == 1 { Ok(()) } else { Err(format!("{left:?}\n{}", system.journal("stand"))) }
    });
    // What root's volume is, is not there for somebody else.
    system.add("roots.volume", "[Volume]\n");
    system.add("wrong.container", &server("till", "wrong", "Volume=roots.volume:/v"));
    system.systemctl("start wrong").fails(1);
    system.until_logged("wrong", "`roots.volume` is root's, and this service is till's");
    for file in ["stall.pod", "stand.container", "roots.volume", "wrong.container"] {
        system.remove(file);
    }
}

#[test]
fn a_unit_does_not_part_a_user_from_containers_of_a_login() {
    let host = host();
    host.root("useradd --system --create-home --home-dir /srv/early early; loginctl enable-linger early")
        .ok();
    wait::until_true("early's manager to be there", || {
        host.root("systemctl is-active user@$(id -u early)").code == 0
    });
    let login = |script: &str| in_login(host, "early", &format!("export HOME=/srv/early; {script}"));
    login(&format!("pontoon run -d --name mine --stop-timeout 0 {B} sleep 10000")).ok();
    let system = Manager::of(host, "root");
    system.add("early.container", &server("early", "theirs", ""));
    system.systemctl("start early").fails(1);
    system.until_logged("early", "containers of a login have their state in");
    login("pontoon rm -f mine").ok();
    system.start("early");
    login("pontoon ps --format {{.Names}}").ok().prints("theirs\n");
    system.stop("early");
    system.remove("early.container");
    host.root("loginctl disable-linger early").ok();
}

/// ATTACKS, unit ownership: what somebody else than root could have written is not run by root, nor by other users.
#[test]
fn units_that_somebody_else_could_write_do_not_count_and_say_why() {
    let host = host();
    let system = Manager::of(host, "root");
    let unit = format!("[Container]\nImage={B}\nExec=touch /tmp/evil\n");
    host.write("root", "/tmp/unit", &unit);
    host.write("alice", "/home/alice/away.container", &unit);
    host.root(
        "cd /etc/containers/systemd && mkdir -p open-dir users/open-users users/1001
         install -m 666 /tmp/unit anybodys.container
         install -o alice /tmp/unit alices.container
         ln -s /home/alice/away.container linked.container
         install -m 644 /tmp/unit open-dir/inside.container && chmod 777 open-dir
         install -m 644 /tmp/unit users/open-users/shared.container && chmod 777 users/open-users
         install -m 644 /tmp/unit users/1001/bobs.container",
    )
    .ok();
    system.reload();
    for (name, reason) in [
        ("anybodys", "anybody may write to it"),
        ("alices", "it belongs to uid 1000, who is not root"),
        ("linked", "it belongs to uid 1000, who is not root"),
    ] {
        system.systemctl(&format!("start {name}")).fails(1);
        system.until_logged(name, reason);
    }
    assert_eq!(system.property("inside", "LoadState"), "not-found");
    let generator = "$(dirname $(command -v pontoon))/../lib/systemd/user-generators/pontoon-user-generator -no-kmsg-log -dryrun";
    let systems = host.root(&format!(
        "{} 2>&1; true",
        generator.replace("user-", "system-").replace("pontoon-user", "pontoon-system")
    ));
    systems.says("open-dir: anybody may write to it");
    let alices = host.alice(&format!("{generator} 2>&1; true"));
    alices.says("open-users: anybody may write to it").lacks("bobs.service");
    // A runtime directory that `su` has left behind.
    let foreign = host.alice(&format!("XDG_RUNTIME_DIR=/run/user/1001 {generator} 2>&1; true"));
    foreign.says("XDG_RUNTIME_DIR: /run/user/1001 belongs to uid 1001, ignoring it");
    let foreign = host.alice("XDG_RUNTIME_DIR=/run/user/1001 pontoon ps");
    assert_eq!(foreign.code, 125, "{foreign:?}");
    host.root("cd /etc/containers/systemd && rm -rf anybodys.* alices.* linked.* open-dir users/open-users users/1001 /tmp/unit").ok();
    system.reload();
}
