//! How a container is called, and what is written down about it.

use crate::row::{Row, inside, outside, row};

pub const ROWS: &[Row] = &[
    row(
        "--name",
        &[outside(
            "--name called-in-@T",
            "pontoon create @O @B >/dev/null; pontoon ps -a --filter name=called-in-@T --format '{{.Names}}'; pontoon rm called-in-@T >/dev/null",
            "called-in-effects",
        )],
    )
    .wrong(&["a/b", "-x", "a b"]),
    row(
        "--replace",
        &[outside(
            "--replace",
            "pontoon create --name @N --label n=1 @B >/dev/null; pontoon create --name @N --label n=2 @O @B >/dev/null
             pontoon inspect --format '{{.Config.Labels.n}}' @N",
            "2",
        )],
    )
    .wrong(&["maybe"]),
    row(
        "--label",
        &[
            outside(
                "--label a=b --label c -l d==e",
                "pontoon create --name @N @O @B >/dev/null
                 pontoon inspect --format '{{index .Config.Labels \"a\"}} {{index .Config.Labels \"c\"}} {{index .Config.Labels \"d\"}}' @N",
                "b  =e",
            ),
            outside(
                "--label org.example.origin=here",
                "pontoon create --name @N @O @B >/dev/null; pontoon ps -aq --filter name=@N --filter label=org.example.origin=here | wc -l",
                "1",
            ),
        ],
    ),
    row(
        "--label-file",
        &[outside(
            "--label-file @D/labels",
            "pontoon create --name @N @O @B >/dev/null; pontoon inspect --format '{{.Config.Labels.from}}' @N",
            "file",
        )],
    )
    .wrong(&["/nosuch"]),
    row(
        "--annotation",
        &[outside(
            "--annotation org.example.a=b",
            "pontoon create --name @N @O @B >/dev/null
             pontoon inspect --format '{{index .Config.Annotations \"org.example.a\"}}' @N",
            "b",
        )],
    )
    .wrong(&["nokey"]),
    row(
        "--cidfile",
        &[outside(
            "--cidfile @D/out/cid",
            "pontoon create --name @N @O @B >@D/out/said; cmp @D/out/said <(cat @D/out/cid; echo) && echo same",
            "same",
        )],
    )
    .wrong(&["/etc/passwd"]),
    row(
        "--pidfile",
        &[outside(
            "--pidfile @D/out/pid",
            "pontoon run -d --stop-timeout 0 --name @N @O @B sleep 10000 >/dev/null
             test $(cat @D/out/pid) = $(pontoon inspect --format '{{.State.Pid}}' @N) && echo same",
            "same",
        )],
    ),
    row(
        "--conmon-pidfile",
        &[outside(
            "--conmon-pidfile @D/out/monitor",
            "pontoon run -d --stop-timeout 0 --name @N @O @B sleep 10000 >/dev/null
             test $(cat @D/out/monitor) = $(pontoon inspect --format '{{.State.ConmonPid}}' @N) && echo same",
            "same",
        )],
    ),
    row(
        "--hostname",
        &[
            inside("--hostname box", "hostname; cat /etc/hostname; echo $HOSTNAME", "box\nbox\nbox"),
            inside("-h box.example.org", "hostname; grep -c box.example.org /etc/hosts", "box.example.org\n1"),
        ],
    ),
    row("--no-hostname", &[inside("--no-hostname", "grep -c /etc/hostname /proc/self/mountinfo || true", "0")])
        .wrong(&["maybe"]),
];
