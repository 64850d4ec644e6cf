//! How it is started anew, stopped, and spoken of to systemd.

use crate::row::{Row, becomes, outside, row};

pub const ROWS: &[Row] = &[
    row(
        "--restart",
        &[
            becomes(
                "--restart on-failure:2",
                "pontoon run -d --name @N @O @B false >/dev/null",
                "pontoon inspect --format '{{.State.Status}} {{.RestartCount}}' @N",
                "exited 2",
            ),
            becomes(
                "--restart always",
                "pontoon run -d --stop-timeout 0 --name @N @O @B true >/dev/null",
                "pontoon inspect --format '{{.RestartCount}}' @N | grep -qv ^0 && echo again",
                "again",
            ),
            outside(
                "--restart unless-stopped",
                "pontoon create --name @N @O @B >/dev/null; pontoon ps -aq --filter restart-policy=unless-stopped --filter name=@N | wc -l",
                "1",
            ),
            outside("--restart no", "pontoon run --name @N @O @B false || pontoon inspect --format '{{.RestartCount}}' @N", "0"),
        ],
    )
    .wrong(&["bogus", "always:3", "on-failure:x"]),
    row("--rm", &[outside("--rm", "pontoon run --name @N @O @B true; pontoon container exists @N || echo gone", "gone")]).wrong(&["maybe"]),
    row(
        "--sdnotify",
        &[
            // Fault: in a group of its own (without `--cgroups split`) the monitor speaks, and systemd does not listen to it.
            outside(
                "--sdnotify conmon",
                "systemd-run --user --wait --pipe -q -p Type=notify -p NotifyAccess=all pontoon run --rm --cgroups split @O @B \
                     env >@D/out/env
                 grep NOTIFY_SOCKET @D/out/env || echo ready",
                "ready",
            ),
            outside("--sdnotify container", "systemd-run --user --wait --pipe -q -p Type=exec -p NotifyAccess=all -E NOTIFY_SOCKET=/run/user/1000/systemd/notify pontoon run --rm @O @B sh -c 'env | grep NOTIFY | cut -d= -f2 | xargs test -S && echo seen'", "seen"),
            outside("--sdnotify ignore", "NOTIFY_SOCKET=/run/user/1000/systemd/notify pontoon run --rm @O @B sh -c 'echo [$NOTIFY_SOCKET]'", "[]"),
            outside("--sdnotify healthy --health-cmd true", "pontoon create --name @N @O @B >/dev/null; pontoon inspect @N | grep -o '\"sdNotifyMode\": \"[a-z]*'", "\"sdNotifyMode\": \"healthy"),
        ],
    )
    .wrong(&["bogus"]),
    row(
        "--stop-signal",
        &[
            outside(
                "--stop-signal USR1",
                "pontoon run -d --stop-timeout 60 --name @N @O @B sh -c 'trap \"exit 7\" USR1; while :; do sleep 0.1; done' >/dev/null
                 pontoon stop @N >/dev/null; pontoon inspect --format '{{.State.ExitCode}}' @N",
                "7",
            ),
            outside("--stop-signal 9", "pontoon create --name @N @O @B >/dev/null; pontoon inspect --format '{{.Config.StopSignal}}' @N", "SIGKILL"),
        ],
    )
    .wrong(&["bogus"]),
    row(
        "--stop-timeout",
        &[outside(
            "--stop-timeout 0",
            "pontoon run -d --name @N @O @B sleep 10000 >/dev/null; pontoon stop @N >/dev/null 2>&1; pontoon inspect --format '{{.State.ExitCode}}' @N",
            "137",
        )],
    )
    .wrong(&["x"]),
    row("--timeout", &[outside("--timeout 1", "pontoon run --rm @O @B sleep 10000 || echo $?", "255")]).wrong(&["x"]),
];
