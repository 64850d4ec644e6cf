//! Commands and supervisors that are killed at any moment: the next command finds a state that it understands, and cleans up.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::tree::{Traces, assert_nothing_left};
use pontoon_tests::{B, Gone, alone, host_with_busybox};

/// Lifecycles, half of them cut off in the command and half in the supervisor. `LIFECYCLES=500` for a long run.
fn lifecycles() -> u32 {
    std::env::var("LIFECYCLES").ok().and_then(|it| it.parse().ok()).unwrap_or(50)
}

/// One lifecycle: containers of several kinds are made, started, checked, restarted, removed; meanwhile something is killed.
/// The moments are spread over the time that a start takes, and change from round to round.
const ROUND: &str = r#"
round=$1
delay=$(printf '0.%03d' $((round * 7 % 90)))
name=crash$((round % 5))
create=
case $((round % 9)) in
0) options="-d" ;;
1) options="-d --rm" ;;
2) options="-d --restart always" ;;
3) options="-d --health-cmd true --health-interval 10ms" ;;
4) options="--rm" ;;
5) options="-d --network none -v crash-vol:/v -v /anonymous" ;;
6) options="-d --init --secret crash -p 127.0.0.1::80" ;;
7) options="-dt --restart on-failure:3 --userns auto" ;;
8) create=1 options="--network none --secret crash,type=env,target=S -v /anonymous" ;;
esac
options="--replace --name $name --stop-timeout 0 $options $B sleep 0.3"
if [ $create ]; then
    (pontoon create $options && exec pontoon start $name) >/dev/null 2>&1 &
else
    pontoon run $options >/dev/null 2>&1 &
fi
command=$!
sleep $delay
if [ $((round % 2)) = 0 ]; then
    kill -9 $command 2>/dev/null
else
    pkill -9 -u alice pontoon-monito
fi
wait $command 2>/dev/null
# What is done to it next is cut off as well, every third time.
if [ $((round % 3)) = 0 ]; then
    case $((round % 8)) in
    0) pontoon start $name ;;
    1) pontoon stop -t 0 $name ;;
    2) pontoon rm -f -t 0 $name ;;
    3) pontoon restart -t 0 $name ;;
    4) pontoon exec $name true ;;
    5) pontoon rename $name $name ;;
    6) pontoon cp /etc/passwd $name:/tmp ;;
    7) pontoon update --restart no $name ;;
    esac >/dev/null 2>&1 &
    command=$!
    sleep $(printf '0.%03d' $((round * 5 % 40)))
    kill -9 $command 2>/dev/null
    wait $command 2>/dev/null
fi
# Whatever there is now, each of these understands it.
pontoon ps -a >/dev/null || echo "round $round: ps fails"
case $((round % 4)) in
0) pontoon start $name >/dev/null 2>&1 ;;
1) timeout 20 pontoon stop -t 0 -i $name >/dev/null || echo "round $round: stop fails" ;;
2) timeout 20 pontoon rm -f -i -t 0 $name >/dev/null || echo "round $round: rm fails" ;;
3) pontoon inspect $name >/dev/null 2>&1 ;;
esac
true
"#;

#[test]
fn nothing_is_left_of_lifecycles_that_are_cut_off() {
    let host = host_with_busybox();
    let _alone = alone();
    host.alice("pontoon rm -f -t 0 -a; pontoon volume prune -f; pontoon secret rm crash; echo x | pontoon secret create crash -").ok();
    let before = Traces::of(host, "alice");
    let rounds = lifecycles();
    let run = host
        .entry("alice")
        .env("ROUND", ROUND)
        .env("B", B)
        .limit(std::time::Duration::from_secs(3000))
        .sh(&format!("for i in $(seq {rounds}); do bash -c \"$ROUND\" round $i; done"));
    assert_eq!(run.ok().stdout, "");
    host.alice("timeout 60 pontoon rm -f -t 0 -a").ok();
    host.alice(
        "pontoon volume rm -f crash-vol; pontoon volume prune -f; pontoon secret rm crash; pontoon ps -aq; pontoon volume ls -q",
    )
    .ok();
    host.alice("pontoon ps -aq").ok().prints("");
    host.alice("pontoon volume ls -q --filter anonymous=true").ok().prints("");
    assert_nothing_left(host, "alice", &before);
}

/// Commands that are killed at one system call after the other that changes something or talks to somebody. `EVERY=1` for
/// each of them; a check takes every so many.
#[test]
fn nothing_is_left_of_commands_that_are_killed_at_any_call() {
    let host = host_with_busybox();
    let _alone = alone();
    let every: usize = std::env::var("EVERY").ok().and_then(|it| it.parse().ok()).unwrap_or(9);
    host.alice("pontoon rm -f -t 0 -a; pontoon volume prune -f; pontoon secret rm cut 2>/dev/null; true")
        .ok();
    let before = Traces::of(host, "alice");
    // Before each: a container that runs, one that does not, a volume, a secret, as far as they are not there.
    let set_up = "pontoon container exists runs || pontoon run -d --name runs --network none --stop-timeout 0 $B sleep 10000 >/dev/null
        [ $(pontoon inspect --format '{{.State.Status}}' runs) = running ] || pontoon start runs >/dev/null
        pontoon container exists rests || pontoon create --name rests --network none -v /anonymous $B true >/dev/null
        pontoon volume exists cut || pontoon volume create cut >/dev/null
        pontoon secret exists cut || echo x | pontoon secret create cut - >/dev/null
        pontoon rm -f -i -t 0 new >/dev/null";
    // Whatever is there after it, these understand.
    let look = "pontoon ps -a >/dev/null && pontoon images >/dev/null && pontoon volume ls >/dev/null && pontoon secret ls >/dev/null";
    let calls = "openat,openat2,mkdirat,mkdir,renameat,renameat2,symlinkat,linkat,unlinkat,unlink,write,pwrite64,fsync,ftruncate,\
                 flock,clone,clone3,execve,sendmsg,sendto,connect,socketpair,memfd_create";
    let mut killed = 0;
    for command in [
        "create --name new --network none -v more:/m -v /other --secret cut $B true",
        "run -d --name new --network none --secret cut -v more:/m $B sleep 10000",
        "run --rm --name new --network none -v /other $B true",
        "run --rm -t --name new --network none $B true",
        "start rests",
        "stop -t 0 runs",
        "restart -t 0 runs",
        "exec runs true",
        "rename rests other",
        "update --restart always rests",
        "rm rests",
        "rm -f -t 0 runs",
        "volume create new",
        "volume rm cut",
        "secret create new /etc/hostname",
        "secret rm cut",
        "tag $B localhost/new",
        "rmi localhost/new",
        "commit -q rests localhost/new",
        "cp /etc/passwd rests:/tmp",
        "pull -q $B",
        // Here each process of the command is killed at that call of its own: the supervisor, and what becomes the payload.
        "-f run --rm --name new --network none -v /other $B true",
        "-f run --rm --name new --network none --userns auto --init -t $B true",
        "-f start --attach rests",
    ] {
        let (follow, command, over) = match command.strip_prefix("-f ") {
            Some(command) => ("-f", command, "[ $code = 0 ]"),
            None => ("", command, "[ $code != 137 ]"),
        };
        let script = format!(
            "trace() {{ su alice -c \"$1\" </dev/null 2>&1; }}
             export XDG_RUNTIME_DIR=/run/user/1000 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus HOME=/home/alice
             alice() {{ setpriv --reuid alice --regid alice --init-groups \"$@\"; }}
             cd /home/alice
             echo $$ >/sys/fs/cgroup/user.slice/user-1000.slice/login-alice.scope/cgroup.procs
             for n in $(seq {first} {every} 2000); do
                 alice bash -c \"$SET_UP\" </dev/null >/dev/null 2>&1
                 timeout -s KILL 30 strace {follow} -u alice -qq -o /dev/null -e trace={calls} -e signal=none -e inject={calls}:signal=KILL:when=$n \\
                     pontoon {command} </dev/null >/dev/null 2>&1
                 code=$?
                 alice bash -c \"$LOOK\" || echo \"{command}, call $n: it is not understood\"
                 {over} && break
             done; echo $n >&2",
            first = 1 + killed % every,
            command = command.replace("$B", B),
            calls = calls.replace(' ', ""),
        );
        let output = host
            .entry("root")
            .env("B", B)
            .env("SET_UP", set_up)
            .env("LOOK", look)
            .limit(std::time::Duration::from_secs(3000))
            .sh(&script)
            .ok();
        assert_eq!(output.stdout, "", "{command}");
        killed +=
            output.stderr.lines().last().and_then(|it| it.parse::<usize>().ok()).expect("a number") / every;
    }
    assert!(killed > 20, "only {killed} commands were killed");
    host.alice(
        "timeout 60 pontoon rm -f -t 0 -a; pontoon volume rm -f cut new more; pontoon volume prune -f; \
         pontoon secret rm cut new; pontoon rmi -fi localhost/new; \
         find $XDG_RUNTIME_DIR/pontoon/containers -mindepth 1 -maxdepth 1 -exec touch -d '1 minute ago' {} +; pontoon rm -f -i nobody",
    )
    .no_panic();
    host.alice(
        "pontoon ps -aq; pontoon volume ls -q; pontoon secret ls -q; pontoon run --rm --network none $B true",
    )
    .prints("");
    assert_nothing_left(host, "alice", &before);
    let left = "cd ~/.local/share/pontoon && find . -name '*.new' -o -path './tmp/*' -o -path './trash/*'; ls containers | grep -x '[0-9a-f]*'";
    host.alice(left).prints("");
}

/// As many starts at once as `STARTS` says (800 have been tried; a check makes fewer): all succeed, and nothing is left.
#[test]
fn many_starts_at_once_all_succeed() {
    let host = host_with_busybox();
    let _alone = alone();
    let starts: u32 = std::env::var("STARTS").ok().and_then(|it| it.parse().ok()).unwrap_or(120);
    let script = format!(
        "for i in $(seq {starts}); do (pontoon run --rm --network none {B} true || echo failed) & done; wait
         for i in $(seq 100); do [ -z \"$(systemctl --user list-units --no-legend 'pontoon-*.scope')\" ] && break; sleep 0.1; done
         pontoon ps -aq; systemctl --user list-units --no-legend 'pontoon-*.scope'; ls ~/.local/share/pontoon/containers | grep -v names"
    );
    let seen = host.entry("alice").limit(std::time::Duration::from_secs(500)).sh(&script);
    assert!(seen.stdout.is_empty() && seen.stderr.is_empty(), "{seen:?}");
}

/// How a container ended stays known as long as nothing else is: a start that fails, or whose supervisor is killed before the
/// program runs, changes nothing of that.
#[test]
fn the_last_end_stays_known_when_a_start_comes_to_nothing() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "kept");
    host.alice("pontoon rm -f -i -t 0 kept; mkdir -p ~/kept-dir").ok();
    host.alice(&format!("pontoon run --name kept -v ~/kept-dir:/d {B} sh -c 'exit 7'")).fails(7);
    let state = "pontoon inspect --format '{{.State.Status}} {{.State.ExitCode}}' kept";
    let failed = host.alice(&format!("rmdir ~/kept-dir; pontoon start kept 2>/dev/null && echo started; {state}; pontoon wait kept; mkdir ~/kept-dir"));
    failed.ok().prints("exited 7\n7");
    let cut = host.alice(
        "for round in $(seq 15); do
             pontoon start kept >/dev/null 2>&1 & start=$!
             sleep $(printf '0.%03d' $((round * 7)))
             pkill -9 -u alice pontoon-monito
             wait $start
             timeout 10 pontoon wait kept
         done | sort -u; rmdir ~/kept-dir",
    );
    let cut = cut.ok();
    let codes: Vec<&str> = cut.stdout.lines().collect();
    // 137 is that of a run that was killed with its supervisor.
    assert!(codes.iter().all(|it| ["7", "137"].contains(it)), "{codes:?}");
}
