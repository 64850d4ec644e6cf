//! Numbers of processes that the kernel gives to others a moment later.

use pontoon_tests::Uml;

use super::B;

/// Signals meant for containers' processes hit nobody else, though each number is another's within moments.
pub fn nobody_else_is_hit(uml: &Uml) {
    let before = uml.root("cat /proc/sys/kernel/pid_max; echo 450 >/proc/sys/kernel/pid_max").ok();
    // Processes that come and go, of the same user, and a book of those that did not end by themselves.
    uml.alice(
        "cat >~/passersby.sh <<'END'
trap 'exit 0' USR1
while :; do
    (:); code=$?
    [ $code = 0 ] || echo \"a passer-by ended with $code\" >>~/hit
done
END
rm -f ~/hit
for i in 1 2; do systemd-run --user --quiet --unit passersby$i bash $HOME/passersby.sh; done",
    )
    .ok();
    let life = "pontoon run -d --name brief --network none --stop-timeout 1 $B sleep 0.$i >/dev/null
        pontoon exec brief true; pontoon kill brief; pontoon exec -d brief sleep 1; pontoon stop -t 0 brief
        pontoon kill -s KILL brief; pontoon rm -f -t 0 brief";
    uml.alice(&format!("B={B}; for i in 1 2 3 4 5 6 7 8 9; do {life}; done >/dev/null 2>&1; true")).ok();
    // What a supervisor leaves that is killed is another's number soon after.
    let killed =
        "pontoon run -d --name brief --network none --conmon-pidfile ~/brief.pid $B sleep 10000 >/dev/null
        kill -KILL $(cat ~/brief.pid); sleep 0.$i
        pontoon exec brief true; pontoon kill brief; pontoon stop -t 0 brief; pontoon rm -f -t 0 brief";
    uml.alice(&format!("B={B}; for i in 1 2 3 4 5 6; do {killed}; done >/dev/null 2>&1; true")).ok();
    let used = uml.alice("bash -c 'echo $BASHPID'; bash -c 'echo $BASHPID'; cat ~/hit; true").ok();
    uml.alice("systemctl --user stop passersby1 passersby2").ok();
    uml.root(&format!("echo {} >/proc/sys/kernel/pid_max", before.text())).ok();
    let lines: Vec<&str> = used.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{used:?}");
    // It was so: all numbers are small.
    assert!(lines.iter().all(|it| it.parse::<u32>().is_ok_and(|it| it < 450)), "{used:?}");
    uml.alice("pontoon ps -aq").ok().lacks("brief");
}
