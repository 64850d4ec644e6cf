//! The life of a container beyond start and stop: frozen, restarted, renamed, looked into, swept away.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Gone, TestHost, alone, host_with_busybox, wait};

/// A container of alice's that stays until it is stopped; it is removed at the end of the test.
struct Sleeper<'h> {
    host: &'h TestHost,
    name: String,
}

impl<'h> Sleeper<'h> {
    fn run(host: &'h TestHost, name: &str, options: &str) -> Self {
        host.alice(&format!("pontoon run -d --name {name} --stop-timeout 0 {options} {B} sleep 10000")).ok();
        Self { host, name: name.to_owned() }
    }

    /// One field of `inspect`.
    fn inspect(&self, template: &str) -> String {
        self.host
            .alice(&format!("pontoon inspect --format '{template}' {}", self.name))
            .ok()
            .text()
            .to_owned()
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        let _ = self.host.alice(&format!("pontoon rm -f -i -t 0 {}", self.name));
    }
}

#[test]
fn a_paused_container_does_nothing_until_it_may_go_on() {
    let host = host_with_busybox();
    let _alone = alone();
    let script = "i=0; while :; do i=$((i+1)); echo $i >/tmp/count; done";
    host.alice(&format!("pontoon run -d --name busy --stop-timeout 0 {B} sh -c '{script}'")).ok();
    let busy = Sleeper { host, name: "busy".to_owned() };
    let merged = format!("/proc/{}/root/tmp/count", busy.inspect("{{.State.Pid}}"));
    let count = || host.root(&format!("cat {merged}")).stdout;
    wait::until("the payload to count", || match host.root(&format!("cat {merged}")) {
        seen if !seen.stdout.is_empty() => Ok(()),
        seen => Err(format!("{seen:?}{:?}", host.alice("pontoon ps -a; pontoon logs --tail 3 busy"))),
    });
    assert_eq!(host.alice("pontoon pause busy").ok().stdout, "busy\n");
    let frozen = count();
    assert_eq!(busy.inspect("{{.State.Status}} {{.State.Paused}} {{.State.Running}}"), "paused true false");
    assert_eq!(
        host.alice("pontoon ps -a --filter status=paused --format '{{.Names}} {{.Status}}'").ok().stdout,
        "busy Paused\n"
    );
    let refused = host.alice("pontoon exec busy true").fails(125);
    assert!(refused.stderr.contains("pontoon unpause busy"), "{}", refused.stderr);
    host.alice("pontoon pause busy").fails(125);
    assert_eq!(count(), frozen);
    host.alice("pontoon unpause --all").ok();
    wait::until_true("the payload to go on", || count() != frozen);
    host.alice("pontoon unpause busy").fails(125);
    assert_eq!(busy.inspect("{{.State.Status}}"), "running");
}

/// However many there are of them: `pause` comes back when all of them stand still.
#[test]
fn all_processes_stand_still_when_a_container_is_paused() {
    let host = host_with_busybox();
    let _alone = alone();
    let script = "for i in $(seq 60); do (while :; do :; done) & done; touch /tmp/all; wait";
    host.alice(&format!("pontoon run -d --name many --stop-timeout 0 {B} sh -c '{script}'")).ok();
    let _many = Sleeper { host, name: "many".to_owned() };
    host.alice("until pontoon exec many test -e /tmp/all; do sleep 0.05; done").ok();
    let seen = host.alice(
        "group=/sys/fs/cgroup$(sed -n s/^0:://p /proc/$(pontoon inspect --format '{{.State.Pid}}' many)/cgroup)
         for round in $(seq 15); do
             pontoon pause many >/dev/null; grep '^frozen ' $group/cgroup.events; pontoon unpause many >/dev/null
         done | sort -u",
    );
    seen.ok().prints("frozen 1");
}

#[test]
fn a_paused_container_can_be_stopped_and_removed() {
    let host = host_with_busybox();
    let _alone = alone();
    let first = Sleeper::run(host, "iced", "");
    host.alice("pontoon pause iced && pontoon stop iced").ok();
    assert_eq!(first.inspect("{{.State.Status}}"), "exited");
    host.alice("pontoon start iced && pontoon pause iced && pontoon rm -f iced").ok();
    host.alice("pontoon container exists iced").fails(1);
    let refused = host.alice("pontoon pause iced").fails(125);
    assert!(refused.stderr.contains("iced"), "{}", refused.stderr);
}

#[test]
fn a_restart_is_a_new_run_of_the_same_container() {
    let host = host_with_busybox();
    let _alone = alone();
    let again = Sleeper::run(host, "again", "");
    host.alice("pontoon exec again sh -c 'echo kept >/kept'").ok();
    let (id, pid) = (again.inspect("{{.Id}}"), again.inspect("{{.State.Pid}}"));
    assert_eq!(host.alice("pontoon restart -t 0 again").ok().stdout, "again\n");
    assert_eq!(again.inspect("{{.Id}} {{.State.Status}}"), format!("{id} running"));
    assert_ne!(again.inspect("{{.State.Pid}}"), pid);
    assert_eq!(host.alice("pontoon exec again cat /kept").ok().text(), "kept");
    host.alice("pontoon stop again && pontoon restart again").ok();
    assert_eq!(again.inspect("{{.State.Status}}"), "running");
    host.alice("pontoon stop again && pontoon restart --running").ok();
    assert_eq!(again.inspect("{{.State.Status}}"), "exited");
    // Of those that are named, too.
    host.alice("pontoon restart --running again").ok().prints("");
    assert_eq!(again.inspect("{{.State.Status}}"), "exited");
    host.alice("pontoon start again && pontoon restart -t 0 --running again").ok().prints("again\nagain");
}

#[test]
fn who_is_told_of_all_is_told_of_each() {
    let host = host_with_busybox();
    let _alone = alone();
    host.alice("pontoon rm -f -t 0 -a; pontoon pod rm -f -a").ok();
    // One in each state, by its first letter.
    let make = format!(
        "pontoon rm -f -t 0 -a >/dev/null
         for it in c i r p; do pontoon create --name $it --stop-timeout 0 {B} sleep 10000; done >/dev/null
         pontoon create --name e {B} true >/dev/null
         pontoon init i >/dev/null; pontoon start r p >/dev/null; pontoon pause p >/dev/null
         pontoon start -a e; "
    );
    let names = "| while read id; do pontoon inspect --format '{{.Name}}' $id 2>/dev/null || echo gone; done | sort | tr -d '\\n'";
    for (deed, code, told) in [
        ("restart --running", 0, "r"),
        ("init --all", 0, "ceipr"),
        ("start --all", 125, "cei"),
        ("pause --all", 0, "r"),
        ("unpause --all", 0, "p"),
        ("kill --all", 0, "pr"),
        ("stop --all", 0, "ceipr"),
        ("stop --filter status=created", 0, "c"),
        ("rm --all", 2, "gonegonegone"),
    ] {
        let said = host.alice(&format!("{make} set -o pipefail; pontoon {deed} {names}"));
        assert_eq!((said.code, said.text()), (code, told), "{deed}: {said:?}");
    }
    host.alice("pontoon rm -f -t 0 -a").ok();
}

#[test]
fn files_with_ids_may_miss_where_that_is_said() {
    let host = host_with_busybox();
    let _alone = alone();
    for deed in ["rm", "rm -f", "stop", "kill", "pause", "unpause", "restart"] {
        host.alice(&format!("pontoon {deed} --cidfile missing")).fails(125).warns("missing");
        // What is in it names nobody.
        host.alice(&format!("echo >blank; pontoon {deed} --cidfile blank"))
            .fails(125)
            .warns("cannot be empty");
        host.alice(&format!("pontoon {deed} ''")).fails(125).warns("cannot be empty");
    }
    for deed in ["rm -i", "rm -f -i", "stop -i"] {
        host.alice(&format!("pontoon {deed} --cidfile missing")).ok().prints("");
        host.alice(&format!("pontoon {deed} --cidfile blank")).fails(125);
    }
    for deed in ["pod rm", "pod rm -f", "pod stop", "pod start"] {
        host.alice(&format!("pontoon {deed} --pod-id-file missing")).fails(125).warns("missing");
        host.alice(&format!("pontoon {deed} --pod-id-file blank")).fails(125).warns("cannot be empty");
    }
    host.alice("rm blank").ok();
    // Neither is said where both are empty.
    host.alice(&format!("pontoon run --rm --pod '' --pod-id-file '' {B} true")).ok();
    host.alice(&format!("pontoon create --pod some --pod-id-file file {B} true"))
        .fails(125)
        .warns("--pod-id-file");
}

#[test]
fn a_restart_does_not_remove_and_leaves_the_unit_alone() {
    let host = host_with_busybox();
    let _alone = alone();
    let gone = Sleeper::run(host, "gone", "--rm");
    let before = gone.inspect("{{.State.Pid}} {{.State.ConmonPid}}");
    host.alice("pontoon restart -t 0 gone").ok().prints("gone");
    let after = gone.inspect("{{.State.Pid}} {{.State.ConmonPid}}");
    let pair =
        |text: &str| text.split_once(' ').map(|(pid, monitor)| (pid.to_owned(), monitor.to_owned())).unwrap();
    assert_ne!(pair(&before).0, pair(&after).0);
    assert_eq!(pair(&before).1, pair(&after).1);
    assert_eq!(gone.inspect("{{.State.Status}} {{.RestartCount}}"), "running 0");
    host.alice("pontoon stop gone").ok();
    host.alice("pontoon container exists gone").fails(1);
    // The unit's process is the supervisor, so the unit sees nothing of it.
    host.alice(&format!(
        "systemd-run --user -q --unit again -p Type=notify -p NotifyAccess=all -p Delegate=yes -E PODMAN_SYSTEMD_UNIT=again.service \
         pontoon run --name in-unit --rm --cgroups split --sdnotify conmon -d --stop-timeout 0 {B} sleep 10000"
    ))
    .ok();
    let unit = Sleeper { host, name: "in-unit".to_owned() };
    let show =
        || host.alice("systemctl --user show -P MainPID -P NRestarts -P ActiveState again").ok().stdout;
    let (shown, pid) = (show(), unit.inspect("{{.State.Pid}}"));
    host.alice("pontoon restart in-unit").ok();
    assert_ne!(unit.inspect("{{.State.Pid}}"), pid);
    assert_eq!(show(), shown);
    assert!(shown.contains("active"), "{shown}");
    host.alice("systemctl --user stop again").ok();
    host.alice("pontoon container exists in-unit").fails(1);
}

#[test]
fn a_name_is_given_to_one_container_at_a_time() {
    let host = host_with_busybox();
    let _alone = alone();
    let one = Sleeper::run(host, "one", "");
    let id = one.inspect("{{.Id}}");
    host.alice("pontoon rename one other").ok();
    let other = Sleeper { host, name: "other".to_owned() };
    assert_eq!(other.inspect("{{.Id}} {{.Name}} {{.State.Status}}"), format!("{id} other running"));
    host.alice("pontoon container exists one").fails(1);
    let second = Sleeper::run(host, "one", "");
    let taken = host.alice("pontoon rename one other").fails(125);
    assert!(taken.stderr.contains("other"), "{}", taken.stderr);
    host.alice("pontoon rename one 'no name'").fails(125);
    // Docker has names begin with a slash.
    host.alice(&format!(
        "pontoon create --name /slash {B} true && pontoon rename /slash /slashed && pontoon container clone slashed /slash2"
    ))
    .ok();
    host.alice("pontoon ps -a --filter name=^/slashed$ --filter name=^/slash2$ --format '{{.Names}}' | sort")
        .ok()
        .prints("slash2\nslashed");
    host.alice("pontoon rm /slashed slash2").ok();
    host.alice("pontoon rename nobody anything").fails(125);
    drop(second);
    assert_eq!(other.inspect("{{.State.Status}}"), "running");
}

#[test]
fn processes_are_seen_as_the_container_sees_them() {
    let host = host_with_busybox();
    let _alone = alone();
    let script = "sleep 9999 & exec sleep 10000";
    host.alice(&format!("pontoon run -d --name seen --stop-timeout 0 -u 33:33 {B} sh -c '{script}'")).ok();
    let seen = Sleeper { host, name: "seen".to_owned() };
    let top = |columns: &str| {
        let table = host.alice(&format!("pontoon top seen {columns}")).ok().stdout;
        table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    wait::until_true("both processes", || top("comm") == ["COMMAND", "sleep", "sleep"]);
    let usual = top("");
    assert_eq!(usual[0], "USER PID PPID %CPU ELAPSED TTY TIME COMMAND");
    assert!(usual[1].starts_with("www 1 0 ") && usual[1].ends_with("sleep 10000"), "{usual:?}");
    assert!(usual[2].starts_with("www 2 1 ") && usual[2].ends_with("sleep 9999"), "{usual:?}");
    assert_eq!(top("pid,ppid args"), ["PID PPID COMMAND", "1 0 sleep 10000", "2 1 sleep 9999"]);
    assert_eq!(top("hpid")[1], seen.inspect("{{.State.Pid}}"));
    assert_eq!(top("huid,group,seccomp,capeff,capbnd %C")[0].matches("CAPS").count(), 2);
    assert_eq!(top("user,uid,huid,group,seccomp,capeff,capinh")[1], "www 33 100032 www filter none none");
    // The words of ps(1); no program of the image's is run for them.
    let full = top("-ef");
    assert_eq!(full[0], "UID PID PPID C STIME TTY TIME CMD");
    assert!(full[1].starts_with("www 1 0 0 ") && full[1].ends_with("? 00:00:00 sleep 10000"), "{full:?}");
    let users = top("aux");
    assert_eq!(users[0], "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND");
    assert!(users[1].starts_with("www 1 0.0 0.0 ") && users[1].contains(" Ss "), "{users:?}");
    assert_eq!(top("-eo pid,user,comm")[2], "2 www sleep");
    let wrong = host.alice("pontoon top seen nonsense").fails(125);
    assert!(wrong.stderr.contains("the columns are args, capamb,"), "{}", wrong.stderr);
    host.alice("pontoon stop seen").ok();
    host.alice("pontoon top seen").fails(125);
}

#[test]
fn only_what_nothing_uses_is_swept_away() {
    let host = host_with_busybox();
    let _alone = alone();
    let runs = Sleeper::run(host, "runs", "-v runs-data:/d");
    host.alice(&format!("pontoon create --name ended --label keep=no -v ended-data:/d {B}")).ok();
    host.alice(&format!("pontoon create --name labelled --label keep=yes {B}")).ok();
    host.alice("pontoon volume create loose").ok();
    let ended = host.alice("pontoon inspect --format '{{.Id}}' ended").ok().text().to_owned();
    assert!(host.alice("echo n | pontoon container prune").ok().stdout.ends_with("[y/N] "));
    let unanswered = host.alice("pontoon container prune </dev/null").fails(125);
    assert!(unanswered.stderr.contains("nobody answered"), "{}", unanswered.stderr);
    host.alice("pontoon container exists ended").ok();
    host.alice("pontoon container prune -f --filter until=24h").ok().prints("");
    host.alice("pontoon container prune -f --filter nonsense=1").fails(125);
    assert_eq!(host.alice("pontoon container prune -f --filter label!=keep=yes").ok().text(), ended);
    host.alice("pontoon container exists labelled && pontoon container exists runs").ok();
    let volumes = host.alice("echo y | pontoon volume prune").ok().stdout;
    assert!(volumes.ends_with("[y/N] ended-data\nloose\n") && !volumes.contains("runs-data"), "{volumes}");
    assert!(volumes.contains("will be removed:\nended-data\nloose\nAre you sure"), "{volumes}");
    host.alice(&format!("pontoon tag {B} localhost/swept:1 && pontoon image prune -f")).ok().prints("");
    host.alice("pontoon image prune -a -f").ok();
    assert!(host.alice("pontoon images -q").ok().stdout.lines().count() >= 1, "what runs keeps its image");
    assert_eq!(runs.inspect("{{.State.Status}}"), "running");
    host.alice("pontoon rm labelled; pontoon untag localhost/swept:1").ok();
    drop(runs);
    host.alice("pontoon volume rm runs-data").ok();
    // Where there is nothing nobody is asked.
    host.alice("pontoon volume prune --filter label=nobody-has-it </dev/null")
        .ok()
        .says("No dangling volumes found")
        .lacks("[y/N]");
    host.alice(&format!("pontoon pull -q {B}")).ok();
}

#[test]
fn what_a_container_uses_is_told() {
    let host = host_with_busybox();
    let _alone = alone();
    host.alice(&format!("pontoon run -d --name eater --stop-timeout 0 {B} sh -c 'while :; do :; done'")).ok();
    let eater = Sleeper { host, name: "eater".to_owned() };
    let idle = Sleeper::run(host, "idle", "--network none");
    let field = |name: &str, field: &str| {
        let shown =
            host.alice(&format!("pontoon stats --no-stream --format '{{{{.{field}}}}}' {name}")).ok().stdout;
        shown.trim_end().to_owned()
    };
    let percent = |name: &str| field(name, "CPUPerc").trim_end_matches('%').parse::<f64>().expect("a number");
    wait::until_true("processor time", || percent("eater") > 20.0);
    // The first look is about the time since the start, whose work weighs less and less.
    wait::until_true("rest", || percent("idle") < 20.0);
    assert_eq!((field("idle", "PIDS").as_str(), field("idle", "NetIO").as_str()), ("1", "0B / 0B"));
    assert_eq!(field("eater", "ID"), eater.inspect("{{.Id}}")[..12]);
    let heading = host.alice("pontoon stats --no-stream").ok().stdout;
    let words = heading.lines().next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words, "ID NAME CPU % MEM USAGE / LIMIT MEM % NET IO BLOCK IO PIDS CPU TIME AVG CPU %");
    let json =
        host.alice("pontoon stats --no-stream --format json | jq -r '.[] | select(.name==\"idle\") | .pids'");
    assert_eq!(json.ok().text(), "1");
    // Two looks, the second of them about the time between.
    let twice = host
        .alice("timeout 60 pontoon stats -i 1 --format '{{.Name}} {{.CPUPerc}}' eater | grep -m 2 '^eater '")
        .ok();
    assert_eq!(twice.stdout.lines().count(), 2, "{twice:?}");
    // What goes on and on ends when nobody reads any more.
    for follows in ["stats -i 1", "ps -w 1", "logs -f idle", "events"] {
        let unread = format!("set -o pipefail; timeout 60 pontoon {follows} | true; echo $?");
        assert_ne!(host.alice(&unread).ok().text(), "124", "{follows}");
    }
    host.alice("pontoon stats --no-stream nobody").fails(125);
    // Of all, those that run are shown, frozen or not.
    host.alice(&format!("pontoon create --name set-up --network none {B} true && pontoon init set-up")).ok();
    let shown = || {
        let all = host.alice("pontoon stats --no-stream --format '{{.Name}} {{.PIDS}}'").ok().stdout;
        ["eater 1", "idle 1", "set-up"].map(|it| all.lines().any(|line| line.starts_with(it)))
    };
    assert_eq!(shown(), [true, true, false]);
    host.alice("pontoon pause idle").ok();
    assert_eq!(shown(), [true, true, false]);
    host.alice("pontoon unpause idle && pontoon rm -f -t 0 set-up && pontoon stop idle").ok();
    assert_eq!(shown(), [true, false, false]);
    assert_eq!(field("idle", "Name"), "idle");
    assert!(host.alice("pontoon stats --all --no-stream").ok().stdout.contains("idle"));
    drop(idle);
}

#[test]
fn states_are_waited_for() {
    let host = host_with_busybox();
    let _alone = alone();
    host.alice(&format!("pontoon create --name later --stop-timeout 0 {B} sleep 10000")).ok();
    let _later = Sleeper { host, name: "later".to_owned() };
    assert_eq!(host.alice("pontoon wait --condition created later").ok().text(), "-1");
    let waits = host.alice("(sleep 0.5; pontoon start later) >/dev/null 2>&1 & timeout 20 pontoon wait --condition paused,running -i 50ms later");
    assert_eq!(waits.ok().text(), "-1");
    let waits = host.alice(
        "(sleep 0.5; pontoon pause later) >/dev/null 2>&1 & timeout 20 pontoon wait --condition paused later",
    );
    assert_eq!(waits.ok().text(), "-1");
    let waits = host.alice("(sleep 0.5; pontoon stop later) >/dev/null 2>&1 & timeout 20 pontoon wait later");
    assert_eq!(waits.ok().text(), "137");
    // A number is milliseconds; what nothing would ever tell is not waited for.
    host.alice("pontoon wait -i 10 --condition exited,paused later").ok().prints("137");
    for state in ["healthy", "unhealthy"] {
        host.alice(&format!("timeout 20 pontoon wait --condition {state} later"))
            .fails(125)
            .warns("health check");
    }
    let goes = format!("pontoon run -d --rm --name goes {B} sh -c 'sleep 1; exit 3' >/dev/null; ");
    host.alice(&(goes + "timeout 20 pontoon wait --condition removing goes")).ok().prints("3");
    host.alice("pontoon container exists goes").fails(1);
    let unknown = host.alice("pontoon wait --condition happy later").fails(125);
    assert!(unknown.stderr.contains("the states are configured, created,"), "{}", unknown.stderr);
    assert_eq!(host.alice("pontoon wait --ignore nobody").ok().text(), "-1");
}

#[test]
fn what_could_not_be_started_is_as_it_was_for_every_command() {
    let host = host_with_busybox();
    let _gone = Gone(host, "unstarted");
    host.alice(&format!("pontoon run --name unstarted {B} /nowhere")).fails(127);
    host.alice("pontoon ps -a --filter name=unstarted --format '{{.State}}'").ok().prints("created");
    for command in ["exec unstarted true", "pause unstarted", "kill unstarted", "attach unstarted"] {
        host.alice(&format!("pontoon {command}")).fails(125).warns("`unstarted` is created");
    }
    for state in ["created", "stopped", "exited"] {
        host.alice(&format!("timeout 20 pontoon wait --condition {state} unstarted")).ok().prints("127");
    }
}

#[test]
fn a_detached_process_runs_on_in_the_container() {
    let host = host_with_busybox();
    let _alone = alone();
    let keeper = Sleeper::run(host, "keeper", "");
    let session = host
        .alice("pontoon exec -d keeper sh -c 'sleep 0.3; echo done >/done; exec sleep 5000'")
        .ok()
        .text()
        .to_owned();
    wait::until_true("its work", || host.alice("pontoon exec keeper cat /done").stdout == "done\n");
    assert!(session.len() == 64 && session.bytes().all(|it| it.is_ascii_hexdigit()), "{session}");
    assert_eq!(keeper.inspect("{{json .ExecIDs}}"), format!("[\"{session}\"]"));
    host.root("pkill -fx 'sleep 5000'").ok();
    wait::until_true("its end", || keeper.inspect("{{json .ExecIDs}}") == "[]");
    host.alice("pontoon exec -d keeper sleep 5000").ok();
    let pid = host.root("pgrep -fx 'sleep 5000'").ok().text().to_owned();
    // On a terminal that nobody holds, it can write as much as it wants.
    let floods = "tty >/where; i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo to nobody, again and again; done; echo end >>/where";
    host.alice(&format!("pontoon exec -d -t keeper sh -c '{floods}'")).ok();
    wait::until_true("its work", || host.alice("pontoon exec keeper cat /where").stdout.ends_with("end\n"));
    assert!(host.alice("pontoon exec keeper cat /where").stdout.starts_with("/dev/pts/"));
    // Descriptors of the caller's, by number and by name.
    let passed = "exec 3<<<three 5<<<five; pontoon exec --preserve-fds 1 keeper cat /dev/fd/3
        pontoon exec --preserve-fd 5,3 keeper sh -c 'cat <&5; ls /proc/self/fd | tr \"\\n\" \" \"'";
    assert_eq!(host.alice(passed).ok().stdout, "three\nfive\n0 1 2 3 4 5 ");
    host.alice("pontoon exec --preserve-fds 1 keeper true").fails(125);
    // As many as there may be, with more words than fit into one packet.
    host.alice(
        "for i in $(seq 3 63); do eval \"exec $i</dev/null\"; done; big=$(head -c 100000 /dev/zero | tr '\\0' x)
         pontoon exec --preserve-fds 61 keeper sh -c 'echo ${#1} ${#2}' sh $big $big",
    )
    .ok()
    .prints("100000 100000");
    host.alice("pontoon exec -d keeper /nowhere").fails(127);
    host.alice("pontoon exec -w /nowhere keeper true").fails(127);
    host.alice("pontoon exec -w /etc/passwd keeper true").fails(126);
    host.alice("pontoon stop keeper").ok();
    assert_eq!(host.root(&format!("ps -o args= -p {pid}")).stdout, "");
}

#[test]
fn what_joins_is_as_nice_as_its_caller_and_has_its_own_user_s_groups() {
    let host = host_with_busybox();
    let _alone = alone();
    let _grouped = Sleeper::run(host, "grouped", "--group-add 1234");
    host.alice("nice -n 5 pontoon exec grouped cut -d ' ' -f 19 /proc/self/stat").ok().prints("5");
    host.alice("pontoon exec grouped cut -d ' ' -f 19 /proc/self/stat").ok().prints("0");
    host.alice("pontoon exec grouped id -G | grep -cw 1234").ok().prints("1");
    host.alice("pontoon exec --user 33 grouped id -G | grep -cw 1234 || true").ok().prints("0");
}

#[test]
fn deeds_are_done_to_those_that_pass_a_filter() {
    let host = host_with_busybox();
    let _alone = alone();
    let red = Sleeper::run(host, "red", "--label colour=red");
    let blue = Sleeper::run(host, "blue", "--label colour=blue");
    let state = |it: &Sleeper<'_>| it.inspect("{{.State.Status}}");
    let red_id = red.inspect("{{.Id}}");
    assert_eq!(host.alice("pontoon pause --filter label=colour=red").ok().text(), red_id);
    assert_eq!((state(&red).as_str(), state(&blue).as_str()), ("paused", "running"));
    host.alice("pontoon unpause --filter name=red").ok();
    assert_eq!(host.alice("pontoon stop -f label=colour=red --filter label=colour=blue").ok().stdout, "");
    host.alice("pontoon stop -f label=colour=red").ok();
    assert_eq!((state(&red).as_str(), state(&blue).as_str()), ("exited", "running"));
    let before = blue.inspect("{{.State.StartedAt}}");
    assert_eq!(host.alice("pontoon start -f label=colour").ok().text(), red_id);
    host.alice("pontoon restart --filter label=colour=blue").ok();
    assert_ne!(blue.inspect("{{.State.StartedAt}}"), before);
    assert_eq!(host.alice("pontoon rm -f --filter label=colour=red").ok().text(), red_id);
    host.alice("pontoon container inspect red").fails(125);
    assert_eq!(state(&blue), "running");
    assert!(
        host.alice("pontoon stop -f shape=round").fails(125).stderr.contains("the filters are ancestor,")
    );
    host.alice("pontoon stop -f name=blue blue").fails(125);
    for deed in ["start", "stop", "restart", "kill", "rm", "pause", "unpause"] {
        let nobody = host.alice(&format!("pontoon {deed}")).fails(125).stderr;
        assert!(
            nobody.contains(&format!("`{deed}` needs the name or id of a container, or --all")),
            "{nobody}"
        );
    }
}

#[test]
fn a_kill_waits_for_the_run_that_it_kills() {
    let host = host_with_busybox();
    let _alone = alone();
    let again = Sleeper::run(host, "again", "--network none");
    for round in 0..20 {
        // Whichever of the two comes first: the run that follows is not waited for.
        let delay = round * 2;
        host.alice(&format!(
            "pontoon restart -t 0 again >/dev/null 2>&1 & sleep 0.0{delay:02}; timeout 20 pontoon kill again >/dev/null 2>&1
             code=$?; wait; pontoon start again >/dev/null; [ $code != 124 ]"
        ))
        .ok();
    }
    host.alice("pontoon kill again").ok();
    assert_eq!(again.inspect("{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
    host.alice("pontoon start again && pontoon kill again && pontoon rm again").ok();
}

#[test]
fn a_second_stop_does_not_put_off_the_kill_of_the_first() {
    let host = host_with_busybox();
    let _alone = alone();
    let script = "trap \"\" TERM; while :; do sleep 0.1; done";
    host.alice(&format!("pontoon run -d --name deaf {B} sh -c '{script}'")).ok();
    let deaf = Sleeper { host, name: "deaf".to_owned() };
    host.alice("pontoon stop -t 2 deaf & sleep 0.5; timeout 20 pontoon stop -t 60 deaf && wait").ok();
    assert_eq!(deaf.inspect("{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
}

#[test]
fn a_name_may_have_the_slash_of_docker_s() {
    let host = host_with_busybox();
    let _alone = alone();
    let slashed = Sleeper::run(host, "slashed", "");
    assert_eq!(
        host.alice("pontoon pause /slashed && pontoon unpause /slashed").ok().stdout,
        "slashed\nslashed\n"
    );
    host.alice("pontoon exec /slashed true && pontoon logs /slashed && pontoon container exists /slashed")
        .ok();
    assert_eq!(host.alice("pontoon stop -t 0 /slashed").ok().stdout, "slashed\n");
    assert_eq!(slashed.inspect("{{.State.Status}}"), "exited");
    assert_eq!(host.alice("pontoon rm -f /slashed").ok().stdout, "slashed\n");
    host.alice("pontoon container exists slashed").fails(1);
}

#[test]
fn the_files_of_what_was_cut_off_go_with_the_next_removal() {
    let host = host_with_busybox();
    let _alone = alone();
    host.alice("pontoon rm -f -t 0 -a").ok();
    host.alice(&format!(
        "pontoon run -d --rm --name cut --network none {B} sh -c 'echo x >/file; sleep 10000'"
    ))
    .ok();
    host.root("pkill -9 -u alice -x pontoon-monitor").ok();
    wait::until_true("its end to be noted", || host.alice("pontoon container exists cut").code == 1);
    let trash = "ls ~/.local/share/pontoon/trash";
    host.alice("pontoon ps -a").ok();
    host.alice("pontoon rm -f -a").ok();
    host.alice(trash).ok().prints("");
}

#[test]
fn a_supervisor_that_does_not_answer_is_told_of_and_can_be_removed() {
    let host = host_with_busybox();
    let _alone = alone();
    host.alice("pontoon rm -f -t 0 -a").ok();
    host.alice(&format!("pontoon run -d --name mute --network none {B} sleep 10000")).ok();
    let monitor = host.root("pgrep -u alice -x pontoon-monitor").ok();
    host.root(&format!("kill -STOP {}", monitor.text())).ok();
    let asked = "for words in 'kill mute' 'exec mute true' 'rm -f -t 0 mute'; do
        timeout 50 pontoon $words 2>>~/said >/dev/null </dev/null & pids=\"$pids $!\"; done
        for pid in $pids; do wait $pid; echo $?; done; grep -c 'does not answer' ~/said; rm ~/said";
    host.alice(asked).ok().prints("125\n125\n0\n2");
    host.root("pgrep -u alice -x pontoon-monitor").fails(1);
    host.alice("pontoon container exists mute").fails(1);
}

#[test]
fn of_several_names_a_mistyped_one_spares_the_others() {
    let host = host_with_busybox();
    let _alone = alone();
    let spared = Sleeper::run(host, "spared", "");
    let rests = Sleeper { host, name: "rests".to_owned() };
    host.alice(&format!("pontoon create --name rests {B} sleep 10000")).ok();
    let states = || (spared.inspect("{{.State.Status}}"), rests.inspect("{{.State.Status}}"));
    let both = ("running".to_owned(), "created".to_owned());
    for deed in ["stop -t 0", "kill", "restart -t 0", "pause", "unpause", "wait", "start", "init"] {
        let refused = host.alice(&format!("timeout 20 pontoon {deed} spared rests nope")).fails(125);
        assert_eq!(refused.stdout, "", "{deed}");
        assert!(refused.stderr.contains("no such container: `nope`"), "{deed}: {}", refused.stderr);
        assert_eq!(states(), both, "{deed}");
    }
    assert_eq!(host.alice("pontoon rm rests nope").fails(1).stdout, "");
    assert_eq!(states(), both);
    assert_eq!(host.alice("pontoon stop --ignore -t 0 nope spared").ok().stdout, "spared\n");
    assert_eq!(host.alice("pontoon rm --ignore nope rests").ok().stdout, "rests\n");
}

#[test]
fn of_no_container_there_is_no_latest_one() {
    const PLACES: &str = "--root ~/nothing --runroot $XDG_RUNTIME_DIR/nothing";
    let host = host_with_busybox();
    for (words, code) in [
        ("stop", 125),
        ("kill", 125),
        ("wait", 125),
        ("start", 125),
        ("start -a", 125),
        ("restart", 125),
        ("pause", 125),
        ("init", 125),
        ("rm", 1),
        ("rm -f", 0),
    ] {
        let told = host.alice(&format!("pontoon {PLACES} {words} -l"));
        assert_eq!(told.code, code, "{words}: {told:?}");
        assert_eq!(told.stderr.contains("there is no container"), code > 0, "{words}: {told:?}");
    }
    host.alice("rm -rf ~/nothing $XDG_RUNTIME_DIR/nothing").ok();
}

#[test]
fn a_list_is_shown_again_and_again_and_cleaning_up_is_harmless() {
    let host = host_with_busybox();
    let _alone = alone();
    let watched = Sleeper::run(host, "watched", "");
    let shown =
        host.alice("timeout 60 pontoon ps --watch 1 --format '{{.Names}}' | grep -o -m 2 watched").ok();
    assert_eq!(shown.stdout.lines().count(), 2, "{shown:?}");
    host.alice("pontoon ps --watch 0").ok();
    // Nothing is to be cleaned up yet, which is no fault unless more is asked for.
    host.alice("pontoon container cleanup watched").ok().prints("watched");
    let runs = host.alice("pontoon container cleanup --rm watched").fails(125);
    assert!(runs.stderr.contains("is running: it cannot be removed"), "{}", runs.stderr);
    let monitor = watched.inspect("{{.State.ConmonPid}}");
    host.alice(&format!(
        "kill -9 {monitor}; tail --pid={monitor} -f /dev/null; pontoon container cleanup watched"
    ))
    .ok()
    .prints("watched");
    assert_eq!(watched.inspect("{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
    host.alice("pontoon container cleanup --rm watched").ok();
    host.alice("pontoon container exists watched").fails(1);
}

#[test]
fn many_that_vanish_at_once_leave_no_files() {
    let _alone = alone();
    let host = host_with_busybox();
    host.alice(&format!(
        "for i in $(seq 8); do pontoon run -d --rm --name v$i --network none --stop-timeout 0 {B} sh -c 'head -c 8000000 /dev/zero >/big; sleep 1000' >/dev/null; done
         sleep 1; for i in $(seq 8); do pontoon stop v$i >/dev/null & done; wait"
    ))
    .ok();
    wait::until("the trash to be empty", || {
        let left = host.alice("ls ~/.local/share/pontoon/trash").ok();
        if left.text().is_empty() { Ok(()) } else { Err(left.stdout) }
    });
}
