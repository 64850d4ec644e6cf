#!/bin/bash
# Keeps one test host: boots it, and takes it apart when standard input ends.
#
# The harness holds the other end of standard input. However the harness ends, the kernel closes it, so
# nothing is left behind even after a SIGKILL. Arguments: RUN (directory of this host), CGROUP (directory to
# make), ROOT (cached root file system), BOOT (the script that runs inside). Writes RUN/pid once it is known.
set -u
run=$1 cgroup=$2 root=$3 boot=$4

take_apart() {
    if [ -d "$cgroup" ]; then
        echo 1 >"$cgroup/cgroup.kill" 2>/dev/null
        # The kernel ends the processes on its own time; a group can go once `populated` has become 0.
        for _ in $(seq 100); do
            grep -q '^populated 0' "$cgroup/cgroup.events" && break
            read -r -t 0.05 _ <>"$run/wait"
        done
        find "$cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null
    fi
    [ -z "${keep:-}" ] && rm -rf --one-file-system "$run"
}
trap take_apart EXIT
# Ctrl-C at the terminal is the harness's affair: it ends, and then standard input does.
trap '' INT TERM HUP

mkfifo "$run/wait"
mkdir "$cgroup" || exit 1
(
    echo "$BASHPID" >"$cgroup/cgroup.procs" || exit 1
    exec unshare --mount --pid --fork --uts --ipc --net --cgroup --kill-child --propagation private \
        /bin/bash "$boot" "$run" "$root"
) </dev/null &
cat >/dev/null
