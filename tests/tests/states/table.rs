//! Every command in every state: its exit code, and the state that it leaves.
//!
//! With `PONTOON_ORIGINAL=1` the columns that Podman knows are held against Podman itself.

use std::collections::BTreeMap;

use pontoon_tests::{B, alone, host_with_busybox, stage};

/// The states, each with the script that makes a container `@N` of it. Podman has no state between two runs, and its
/// containers go on when their monitors are killed, so the last two are ours alone.
const STATES: [(&str, &str); 8] = [
    ("created", "E create --name @N --stop-timeout 1 @B sleep 1000"),
    ("initialized", "E create --name @N --stop-timeout 1 @B sleep 1000; E init @N"),
    ("running", "E run -d --name @N --stop-timeout 1 @B sleep 1000"),
    ("paused", "E run -d --name @N --stop-timeout 1 @B sleep 1000; E pause @N"),
    (
        "stopping",
        "E run -d --name @N --stop-timeout 3 @B sleep 1000; E stop @N & until is stopping; do sleep 0.1; done",
    ),
    ("exited", "E run --name @N @B false"),
    (
        "restarting",
        // Long enough for the command to come in the pause, which doubles each time.
        "E run -d --name @N --restart always @B false
         until [ \"$(E inspect --format '{{.State.Status}}{{.RestartCount}}' @N)\" = restarting$rounds ]; do sleep 0.02; done",
    ),
    (
        "abandoned",
        "E run -d --name @N @B sleep 1000; m=$(E inspect --format '{{.State.ConmonPid}}' @N)
         kill -9 $m; while [ -e /proc/$m ]; do sleep 0.01; done",
    ),
];

/// How many of the states Podman has, too.
const SHARED: usize = 6;

/// Command | exit code and next state in each of the states. `=` is the state as it was, `-` that the container is gone, `*` any. Where
/// Podman's is another one, it stands behind a slash.
const TABLE: &str = "
init @N | 0 initialized | 125 = | 125 = | 125 = | 125 = | 0 initialized | 125 = | 0 initialized
start @N && sleep 0.3 | 0 running | 0 running | 0 running | 125 = | 125 = | 0 exited | 0 * | 0 running
start --attach --sig-proxy=false @N & sleep 0.6; E stop -t 0 @N; wait $! | 137 exited | 137 exited | 137 exited/125 exited | 125 exited/125 = | 125 exited | 1 exited | 125 exited | 137 exited
stop @N | 0 = | 0 exited | 0 exited | 0 exited/125 = | 0 exited | 0 = | 0 exited | 0 exited
kill @N | 125 = | 125 = | 0 exited | 0 exited | 0 exited | 125 = | 125 = | 125 exited
kill -s TERM @N | 125 = | 125 = | 0 = | 0 = | 0 = | 125 = | 125 = | 125 exited
kill -s 0 @N | 125 = | 125 = | 125 = | 125 = | 125 = | 125 = | 125 = | 125 exited
rm @N | 0 - | 0 - | 2 = | 2 = | 2 = | 0 - | 2 = | 0 -
rm --depend @N | 0 - | 0 - | 2 = | 2 = | 2 = | 0 - | 2 = | 0 -
rm -f -t 0 @N | 0 - | 0 - | 0 - | 0 - | 0 - | 0 - | 0 - | 0 -
container prune -f | 0 - | 0 - | 0 = | 0 = | 0 = | 0 - | 0 = | 0 -
container cleanup @N | 0 = | 0 created | 0 = | 0 = | 0 = | 0 = | 0 = | 0 exited
exec @N true | 125 =/255 = | 125 =/255 = | 0 = | 125 =/255 = | 125 =/255 = | 125 =/255 = | 125 = | 125 exited
exec -d @N true | 125 = | 125 = | 0 = | 125 = | 125 = | 125 = | 125 = | 125 exited
attach --no-stdin @N & sleep 0.3; E kill @N >/dev/null 2>&1; wait $! | 125 = | 125 = | 137 exited/0 exited | 125 exited | 125 exited | 125 = | 125 = | 125 exited
logs @N | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 exited
top @N | 125 = | 125 = | 0 = | 0 =/125 = | 0 =/125 = | 125 = | 125 = | 125 exited
stats --no-stream @N | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 exited
cp /etc/hostname @N:/tmp/x | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 exited
cp @N:/etc/passwd /tmp/copied | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 exited
diff @N | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 exited
export -o /dev/null @N | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 exited
commit -q @N localhost/committed | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 exited
pause @N | 125 = | 125 = | 0 paused | 125 = | 125 = | 125 = | 125 = | 125 exited
unpause @N | 125 = | 125 = | 125 = | 0 running | 125 = | 125 = | 125 = | 125 exited
restart -t 0 @N && sleep 0.3 | 0 running | 0 running | 0 running | 0 running/125 = | 0 running/125 = | 0 exited | 0 * | 0 running
wait --condition initialized,created,paused @N | 0 = | 0 = | 124 = | 0 = | 124 * | 124 = | 124 * | 124 exited
wait @N | 0 = | 124 = | 124 = | 124 = | 0 exited | 0 = | 0 = | 0 exited
rename @N @N-other; E rename @N-other @N | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 exited
update --restart on-failure @N | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 exited
port @N | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 = | 0 exited
healthcheck run @N | 125 = | 125 = | 125 = | 125 = | 125 = | 125 = | 125 = | 125 exited
ps -q --filter name=@N | grep -q . | 1 = | 1 = | 0 = | 1 = | 1 = | 1 = | 1 = | 1 exited
ps -aq --filter status=@S | grep -q . | 0 = | 0 = | 0 = | 0 = | 0 =/1 = | 0 = | 0 = | 1 exited
run --rm --network container:@N @B true | 0 running | 0 running | 0 = | 0 = | 0 =/126 = | 125 exited/126 = | 125 * | 0 running
";

/// Why Podman's differ, by the beginning of the command.
const REASONS: &[(&str, &str)] = &[
    ("start --attach", "Podman cannot attach to what runs already; stop thaws what is paused"),
    ("stop", "Podman 5.4 cannot stop what is paused, though it says so of no one"),
    ("restart", "what is paused is thawed, and what is stopping is waited for"),
    ("exec @N", "125, as podman-exec(1) has it"),
    ("attach", "the exit code is the container's, also when it is killed"),
    ("ps -aq --filter status", "Podman's filter does not know the word for one that is stopping"),
    ("top", "processes that are frozen, or asked to end, are processes"),
    ("run", "125: nothing was run; what is stopping has its namespaces still"),
];

/// A cell: exit code and state, ours and Podman's.
fn cell<'t>(text: &'t str, state: &'t str) -> [(&'t str, &'t str); 2] {
    let (ours, theirs) = text.split_once('/').unwrap_or((text, text));
    [ours, theirs].map(|it| {
        let (code, next) = it.trim().split_once(' ').unwrap_or((it, ""));
        (code, if next == "=" { state } else { next })
    })
}

#[test]
fn every_command_knows_every_state() {
    let host = host_with_busybox();
    let _alone = alone();
    let states = if stage::is_original() { &STATES[..SHARED] } else { &STATES[..] };
    let mut script = String::from(
        "E() { pontoon \"$@\"; }; export -f E
         is() { [ \"$(E inspect --format '{{.State.Status}}' table 2>/dev/null)\" = $1 ]; }
         cell() {
             E rm -f -t 0 table; eval \"$2\"
         } >/dev/null 2>&1 </dev/null
         try() {
             limit=8; rounds=4; [ \"$4\" = 124 ] && limit=1 rounds=5
             cell \"$1\" \"$2\"
             timeout -s KILL $limit bash -c \"$3\" >/dev/null 2>/tmp/said </dev/null; code=$?
             [ $code = 137 ] && [ \"$4\" = 124 ] && code=124
             next=$(E inspect --format '{{.State.Status}}' table 2>/dev/null || echo -)
             echo \"$1|$code|$next|$(tr '\\n' '~' </tmp/said)\"
         }
         ",
    );
    let put_in = |text: &str, state: &str| {
        text.replace("@N", "table").replace("@B", B).replace("@S", state).replace('\'', "'\\''")
    };
    let mut expected = Vec::new();
    for row in TABLE.lines().filter(|it| !it.is_empty()) {
        // A pipe of a command stands close to its words.
        let (command, cells) = row.split_at(row.find(" | ").unwrap());
        let mut cells: Vec<&str> = cells.split(" | ").skip(1).collect();
        let mut command = command.to_owned();
        while cells.len() > STATES.len() {
            command.push_str(&format!(" | {}", cells.remove(0)));
        }
        for ((state, make), text) in states.iter().zip(cells) {
            let [ours, theirs] = cell(text, state);
            if ours != theirs && !theirs.0.is_empty() {
                let reason = REASONS.iter().find(|(start, _)| command.starts_with(start));
                assert!(reason.is_some(), "`{command}` differs from Podman's without a reason");
            }
            let (code, next) = if stage::is_original() { theirs } else { ours };
            let (make, line) = (put_in(make, state), put_in(&format!("E {command}"), state));
            script.push_str(&format!("try {state} '{make}' '{line}' {code}\n"));
            expected.push((command.clone(), *state, code.to_owned(), next.to_owned()));
        }
    }
    let output = host.entry("alice").limit(std::time::Duration::from_secs(900)).sh(&script);
    let _ = host.alice("pontoon rm -f -i -t 0 table; pontoon rmi -f localhost/committed");
    let mut faults = Vec::new();
    let mut seen = output.stdout.lines();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (command, state, code, next) in expected {
        let line = seen.next().unwrap_or_else(|| panic!("the script ended early: {output:?}"));
        let fields: Vec<&str> = line.splitn(4, '|').collect();
        *counts.entry(state).or_default() += 1;
        if fields[1] != code || (fields[2] != next && next != "*") {
            faults.push(format!("`{command}` of one that is {state}: expected {code} {next}, got {line}"));
        }
        // Whoever is refused is told which container it is about.
        let is_refused = code == "125" || code == "2";
        if !stage::is_original()
            && is_refused
            && !fields[3].contains("table")
            && !command.contains("-s 0")
            && !command.starts_with("run")
        {
            faults.push(format!("`{command}` of one that is {state} names no container: {line}"));
        }
    }
    assert!(counts.values().all(|count| *count == counts["created"]), "{counts:?}");
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}
