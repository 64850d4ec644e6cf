//! Two commands on one container: at most one of them wins, and what is left is whole.

use pontoon_tests::{B, Gone, alone, host_with_busybox};

/// Pairs of commands on a container `@N`, and how it is made before each round.
const PAIRS: &[(&str, &str, &str)] = &[
    ("create --name @N @B sleep 1000", "start @N", "start @N"),
    ("create --name @N @B sleep 1000", "start @N", "rm @N"),
    ("create --name @N @B sleep 1000", "init @N", "start @N"),
    ("create --name @N @B sleep 1000", "init @N", "init @N"),
    ("create --name @N @B sleep 1000", "init @N", "rm @N"),
    ("create --name @N @B sleep 1000", "rename @N @N-b", "rename @N @N-c"),
    ("create --name @N @B sleep 1000", "rename @N @N-b", "rm @N"),
    ("run -d --stop-timeout 0 --name @N @B sleep 1000", "stop @N", "rm -f @N"),
    ("run -d --stop-timeout 0 --name @N @B sleep 1000", "stop @N", "start @N"),
    ("run -d --stop-timeout 0 --name @N @B sleep 1000", "stop @N", "stop @N"),
    ("run -d --stop-timeout 0 --name @N @B sleep 1000", "rename @N @N-b", "stop @N"),
    ("run -d --stop-timeout 0 --name @N @B sleep 1000", "restart @N", "rm -f @N"),
    ("version", "create --name @N @B true", "create --name @N @B true"),
    ("version", "run -d --name @N @B sleep 1000", "create --name @N @B true"),
];

#[test]
fn two_commands_on_one_container_never_both_win() {
    let host = host_with_busybox();
    let _alone = alone();
    let mut faults = Vec::new();
    for (make, one, other) in PAIRS {
        let script = "
            for round in 1 2 3 4 5 6; do
                pontoon MAKE >/dev/null 2>&1
                pontoon ONE >/tmp/race1 2>&1 & first=$!
                pontoon OTHER >/tmp/race2 2>&1 & second=$!
                wait $first; a=$?; wait $second; b=$?
                # What is there is whole: one name or none, one supervisor or none, and it can be looked at and removed.
                names=$(pontoon ps -a --filter name=race --format '{{.Names}}' | wc -l)
                pontoon ps -aq --filter name=race | xargs -r pontoon inspect >/dev/null || echo BROKEN
                running=$(pontoon ps -aq --filter name=race --filter status=running --filter status=initialized | wc -l)
                echo $a $b $names $running $(head -c 200 /tmp/race1 /tmp/race2 | grep -i panicked)
                pontoon ps -aq --filter name=race | xargs -r pontoon rm -f -t 0 >/dev/null 2>&1
            done";
        let script = ["MAKE", "ONE", "OTHER"]
            .iter()
            .zip([make, one, other])
            .fold(script.to_owned(), |script, (from, to)| {
                script.replace(from, &to.replace("@N", "race").replace("@B", B))
            });
        let output = host.alice(&script).ok();
        assert_eq!(output.stdout.lines().count(), 6, "{output:?}");
        for line in output.stdout.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [a, b, names, running] = fields[..4] else { panic!("{output:?}") };
            let is_exclusive = one.starts_with("rename") && other.starts_with("rename")
                || one.starts_with("init") && other.starts_with("init")
                || one.contains("--name") && other.contains("--name");
            let won = [a, b].iter().filter(|code| **code == "0").count();
            if line.contains("BROKEN") || line.contains("panicked") || names.parse::<u32>().unwrap_or(9) > 1 {
                faults.push(format!("`{one}` and `{other}`: {line}"));
            }
            if won == 0 || (is_exclusive && won != 1) {
                faults.push(format!("`{one}` and `{other}`: {won} won: {line}"));
            }
            if running.parse::<u32>().unwrap_or(9) > names.parse::<u32>().unwrap_or(0) {
                faults.push(format!("`{one}` and `{other}`: more runs than there is: {line}"));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

/// Who comes into a container in the moment in which it is paused is in before, and stands still with it, or is told that it is paused.
#[test]
fn who_comes_while_it_is_paused_is_in_or_is_told() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "race-pause");
    host.alice(&format!("pontoon run -d --stop-timeout 0 --name race-pause {B} sleep 1000")).ok();
    let rounds = host.alice(
        "for round in $(seq 40); do
             timeout 20 pontoon exec race-pause true >/dev/null 2>/tmp/race-exec & exec=$!
             sleep $(printf '0.%03d' $((round % 20)))
             pontoon pause race-pause >/dev/null
             sleep 0.2
             # Who still waits has a process in it.
             kill -0 $exec 2>/dev/null && pontoon inspect --format '{{len .ExecIDs}}' race-pause
             pontoon unpause race-pause >/dev/null
             wait $exec || { code=$?; grep -q 'is paused' /tmp/race-exec || echo $code $(cat /tmp/race-exec); }
         done | sort -u",
    );
    let seen = rounds.ok();
    assert!(["", "1"].contains(&seen.text()), "{seen:?}");
    host.alice("pontoon exec race-pause true && pontoon inspect --format '{{len .ExecIDs}}' race-pause")
        .ok()
        .prints("0");
}

/// A member whose pod is stopped while it is started runs in a pod that runs, or does not; and whoever started it is told why.
#[test]
fn no_member_runs_without_its_infra_container() {
    let host = host_with_busybox();
    let _alone = alone();
    let member = format!("--pod race-pod --stop-timeout 0 {B} sleep 1000");
    let mut faults = Vec::new();
    for (make, command) in [
        (String::from("true"), format!("run -d --name race-new {member}")),
        (format!("pontoon create --name race-new {member}"), "start race-new".to_owned()),
        (format!("pontoon create --name race-new {member}"), "pod start race-pod".to_owned()),
    ] {
        let output = host.alice(&format!(
            "for round in $(seq 12); do
                 pontoon pod create --name race-pod --exit-policy continue >/dev/null
                 pontoon run -d --name race-old {member} >/dev/null
                 {make} >/dev/null
                 pontoon pod stop race-pod >/dev/null 2>/tmp/race-stop & stop=$!
                 sleep $(printf '0.%03d' $((round * 7 % 80)))
                 timeout 60 pontoon {command} >/dev/null 2>/tmp/race-start; code=$?
                 wait $stop || echo stop: $(cat /tmp/race-stop)
                 states=$(pontoon ps -a --pod --filter pod=race-pod --format '{{{{.Names}}}} {{{{.State}}}}')
                 case \"$states\" in
                 *'infra running'*) ;;
                 *running*) echo alone: $states ;;
                 esac
                 [ $code = 0 ] || grep -Eq 'pod is being stopped|does not run' /tmp/race-start || \
                     echo $code: $(cat /tmp/race-start)
                 timeout 60 pontoon pod rm -f -t 0 race-pod >/dev/null || echo rm
             done"
        ));
        let seen = output.ok().stdout;
        if !seen.is_empty() {
            faults.push(format!("{command}: {seen}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The last member's end, which takes the infra container with it, and the next one's start.
#[test]
fn the_next_member_has_an_infra_container_when_the_last_one_ends() {
    let host = host_with_busybox();
    let _alone = alone();
    let output = host.alice(&format!(
        "pontoon pod create --name race-last --exit-policy stop >/dev/null
         for round in $(seq 30); do
             pontoon run -d --rm --pod race-last {B} sleep 0.0$((round % 10)) >/dev/null
             sleep $(printf '0.%03d' $((round * 11 % 120)))
             timeout 60 pontoon run --rm --pod race-last {B} grep -q race-last /etc/hosts || echo $round: $?
         done
         timeout 60 pontoon pod rm -f -t 0 race-last >/dev/null"
    ));
    output.ok().prints("");
}

/// Two commands of which one takes away what the other needs: the other has it, or says by its name that it is gone; nothing of
/// the store's own is shown, and what is left works.
#[test]
fn what_is_taken_away_meanwhile_is_told_by_its_name() {
    let host = host_with_busybox();
    let _alone = alone();
    let run = format!("run -d --stop-timeout 0 --name race {B} sleep 1000");
    // What is made, the two commands, what the first may say, and what must work afterwards.
    let pairs = [
        (run.as_str(), "rename race race-b", "rm -f race", "no such container: `race`", "ps -a"),
        (&run, "update --restart on-failure race", "restart race", "nothing", "exec race true"),
        (&run, "cp /usr/bin race:/tmp/copied", "stop race", "nothing", "start race"),
        (&run, "export -o /dev/null race", "stop race", "nothing", "start race"),
        (&run, "commit -q race localhost/raced", "stop race", "nothing", "rmi -f localhost/raced"),
        (&run, "cp race:/bin /tmp/raced", "rm -f race", "no such container: `race`", "ps -a"),
        (
            "volume create race",
            &format!("run -d --stop-timeout 0 --name race -v race:/v {B} sleep 1000"),
            "volume rm race",
            "nothing",
            "exec race true",
        ),
        (
            "volume inspect -a",
            &format!("create --secret race --name race {B} true"),
            "secret rm race",
            "no such secret: `race`",
            "ps -a",
        ),
    ];
    let mut faults = Vec::new();
    for (make, one, other, said, after) in pairs {
        let output = host.alice(&format!(
            "for round in $(seq 12); do
                 echo x | pontoon secret create race - >/dev/null 2>&1
                 pontoon {make} >/dev/null 2>&1
                 (sleep $(printf '0.%03d' $((round * 5 % 40))); exec timeout 60 pontoon {other}) >/dev/null 2>&1 & second=$!
                 sleep $(printf '0.%03d' $((round * 11 % 40)))
                 timeout 60 pontoon {one} >/dev/null 2>/tmp/race1 </dev/null || grep -q '{said}' /tmp/race1 || cat /tmp/race1
                 wait $second; [ $? = 124 ] && echo hangs
                 pontoon {after} >/dev/null 2>/tmp/race2 || cat /tmp/race2
                 pontoon ps -aq --filter name=race | xargs -r pontoon rm -f -t 0 >/dev/null
                 pontoon volume rm -f race >/dev/null; pontoon secret rm race >/dev/null 2>&1; rm -rf /tmp/raced
             done"
        ));
        let seen = output.ok().stdout;
        if !seen.is_empty() {
            faults.push(format!("{one}, {other}: {seen}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Who waits for a container that is removed at its end is told how it ended, or that it is gone: never that all was well.
#[test]
fn a_failure_is_never_waited_for_as_a_success() {
    let host = host_with_busybox();
    let _alone = alone();
    let output = host.alice(&format!(
        "for round in $(seq 24); do
             id=$(pontoon run -d --rm {B} sh -c \"sleep 0.0$((round % 6)); exit 3\")
             for waiter in 1 2 3 4; do
                 (said=$(timeout 30 pontoon wait $id 2>/tmp/race-wait-$waiter); code=$?
                  case $code:$said in
                  0:3) ;;
                  125:) grep -q 'no such container' /tmp/race-wait-$waiter || cat /tmp/race-wait-$waiter ;;
                  *) echo $code:$said ;;
                  esac) &
             done
             said=$(timeout 30 pontoon wait --ignore $id); code=$?
             case $code:$said in 0:3|0:-1) ;; *) echo ignore $code:$said ;; esac
             wait
         done"
    ));
    output.ok().prints("");
}

/// What two commands change of one container at once is changed by both, or one of them says why not.
#[test]
fn no_change_is_lost_to_another_one() {
    let host = host_with_busybox();
    let _alone = alone();
    let output = host.alice(&format!(
        "pontoon network create race-here >/dev/null; pontoon network create race-there >/dev/null
         id=$(pontoon create --name race-0 --network race-here {B} true)
         for round in $(seq 15); do
             pontoon rename $id race-$round >/tmp/race1 2>&1 & rename=$!
             pontoon update --restart on-failure:$round $id >/tmp/race2 2>&1 & update=$!
             pontoon network connect race-there $id >/tmp/race3 2>&1 & connect=$!
             wait $rename || cat /tmp/race1; wait $update || cat /tmp/race2; wait $connect || cat /tmp/race3
             seen=$(pontoon inspect --format '{{{{.Name}}}} {{{{.HostConfig.RestartPolicy.MaximumRetryCount}}}} \
                    {{{{len .NetworkSettings.Networks}}}}' $id | tr -s ' ')
             [ \"$seen\" = \"race-$round $round 2\" ] || echo $round: $seen
             pontoon network disconnect race-there $id >/dev/null
         done
         pontoon rm $id >/dev/null; pontoon network rm race-here race-there >/dev/null"
    ));
    output.ok().prints("");
}

/// What a container is given while it is being started, it has: in this run already.
#[test]
fn who_is_being_started_has_what_it_is_given() {
    let host = host_with_busybox();
    let _alone = alone();
    let output = host.alice(&format!(
        "pontoon network create race-here >/dev/null; pontoon network create race-there >/dev/null
         for round in $(seq 10); do
             pontoon create --name race --stop-timeout 0 --network race-here {B} sleep 1000 >/dev/null
             pontoon start race >/tmp/race1 2>&1 & start=$!
             sleep $(printf '0.%03d' $((round * 22)))
             timeout 60 pontoon network connect race-there race >/tmp/race2 2>&1 || cat /tmp/race2
             wait $start || cat /tmp/race1
             seen=$(pontoon exec race ls /sys/class/net | tr '\\n' ' ')
             [ \"$seen\" = 'eth0 eth1 lo ' ] || echo $round: connected: $seen
             timeout 60 pontoon network disconnect race-there race >/dev/null
             pontoon restart race >/tmp/race1 2>&1 & start=$!
             sleep $(printf '0.%03d' $((round * 22)))
             timeout 60 pontoon network connect race-there race >/tmp/race2 2>&1 || cat /tmp/race2
             wait $start || cat /tmp/race1
             seen=$(pontoon exec race ls /sys/class/net | tr '\\n' ' ')
             [ \"$seen\" = 'eth0 eth1 lo ' ] || echo $round: connected beside restart: $seen
             pontoon stop race >/dev/null; pontoon start race >/tmp/race1 2>&1 & start=$!
             sleep $(printf '0.%03d' $((round * 22)))
             timeout 60 pontoon network disconnect race-there race >/tmp/race2 2>&1 || cat /tmp/race2
             wait $start || cat /tmp/race1
             seen=$(pontoon exec race ls /sys/class/net | tr '\\n' ' ')
             [ \"$seen\" = 'eth0 lo ' ] || echo $round: disconnected: $seen
             pontoon rm -f race >/dev/null
         done
         pontoon network rm race-here race-there >/dev/null"
    ));
    output.ok().prints("");
}

/// The same for a limit, where the host has given alice a controller for it.
#[test]
fn who_is_being_started_has_the_limit_it_is_given() {
    let host = host_with_busybox();
    let _alone = alone();
    let output = host.alice(&format!(
        "pontoon create --name race --stop-timeout 0 {B} sleep 1000 >/dev/null
         pontoon start race >/dev/null
         if pontoon update --pids-limit 77 race >/dev/null 2>&1; then
             for round in $(seq 8); do
                 pontoon stop race >/dev/null; pontoon update --pids-limit 88 race >/dev/null
                 pontoon start race >/tmp/race1 2>&1 & start=$!
                 sleep $(printf '0.%03d' $((round * 28)))
                 timeout 60 pontoon update --pids-limit 99 race >/tmp/race2 2>&1 || cat /tmp/race2
                 wait $start || cat /tmp/race1
                 seen=$(pontoon exec race cat /sys/fs/cgroup/pids.max)
                 [ \"$seen\" = 99 ] || echo $round: $seen
             done
         fi
         pontoon rm -f race >/dev/null"
    ));
    output.ok().prints("");
}

/// A network that is removed while somebody is about to be on it: one of the two says why not.
#[test]
fn no_container_is_on_a_network_that_is_gone() {
    let host = host_with_busybox();
    let _alone = alone();
    let mut faults = Vec::new();
    for (make, command) in [
        (String::from("true"), format!("create --name race --network race-net {B} true")),
        (
            format!("pontoon create --name race --network race-stays {B} true"),
            "network connect race-net race".to_owned(),
        ),
    ] {
        let output = host.alice(&format!(
            "pontoon network create race-stays >/dev/null
             for round in $(seq 15); do
                 pontoon network create race-net >/dev/null; {make} >/dev/null
                 timeout 60 pontoon network rm race-net >/tmp/race1 2>&1 & remove=$!
                 timeout 60 pontoon {command} >/tmp/race2 2>&1; came=$?
                 wait $remove; removed=$?
                 case $removed$came in
                 0125) grep -q 'network not found: `race-net`' /tmp/race2 || cat /tmp/race2 ;;
                 20) grep -q 'network is being used: `race-net` by race' /tmp/race1 || cat /tmp/race1 ;;
                 *) echo $removed $came $(cat /tmp/race1 /tmp/race2) ;;
                 esac
                 pontoon rm -f -i race >/dev/null; pontoon network rm -f race-net >/dev/null 2>&1
             done
             pontoon network rm race-stays >/dev/null"
        ));
        let seen = output.ok().stdout;
        if !seen.is_empty() {
            faults.push(format!("{command}: {seen}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
