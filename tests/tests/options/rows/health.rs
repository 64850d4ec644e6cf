//! How its health is checked.

use crate::compare::differs;
use crate::row::{Row, becomes, outside, row};

/// A container in the background.
const START: &str = "pontoon run -d --stop-timeout 0 --name @N @O @B sleep 10000 >/dev/null";
/// One check by hand, and how it stands after it.
const CHECK: &str = "pontoon run -d --stop-timeout 0 --name @N @O @B sleep 10000 >/dev/null
                     pontoon healthcheck run @N || true; pontoon inspect --format '{{.State.Health.Status}}' @N";
/// How it stands.
const STATUS: &str = "pontoon inspect --format '{{.State.Health.Status}}' @N";

pub const ROWS: &[Row] = &[
    row(
        "--health-cmd",
        &[
            outside("--health-cmd true --health-interval disable", CHECK, "healthy"),
            outside("--health-cmd '[\"CMD\",\"true\"]' --health-interval disable", CHECK, "healthy").but(&[differs("Config.Healthcheck.Test", "Podman takes the whole list for one word")]),
            outside("--health-cmd '[\"test\",\"-e\",\"/data\"]' --health-interval disable", CHECK, "healthy"),
            outside("--health-cmd none", "pontoon run -d --stop-timeout 0 --name @N @O @B sleep 10000 >/dev/null; pontoon healthcheck run @N 2>/dev/null || echo none", "none").but(&[differs("Config.Healthcheck.*", "of a check that is none there is nothing else to tell")]),
        ],
    ),
    row(
        "--health-interval",
        &[becomes(
            "--health-cmd true --health-interval 50ms",
            START,
            "pontoon inspect --format '{{len .State.Health.Log}}' @N | grep -qE '[3-5]' && echo often",
            "often",
        )],
    )
    ,
    row("--health-retries", &[outside("--health-cmd false --health-retries 1 --health-interval disable", CHECK, "unhealthy\nunhealthy")])
        .wrong(&["x"]),
    row(
        "--health-timeout",
        &[outside(
            "--health-cmd 'sleep 100' --health-timeout 1s --health-retries 1 --health-interval disable",
            CHECK,
            "unhealthy\nunhealthy",
        )],
    )
    ,
    row(
        "--health-start-period",
        &[outside("--health-cmd false --health-retries 1 --health-start-period 1h --health-interval disable", CHECK, "starting\nstarting")],
    )
    ,
    row(
        "--health-log-destination",
        &[outside(
            "--health-cmd true --health-interval disable --health-log-destination @D/out",
            "pontoon run -d --stop-timeout 0 --name @N @O @B sleep 10000 >/dev/null
             pontoon healthcheck run @N; cat @D/out/$(pontoon inspect --format '{{.Id}}' @N)* | grep -c healthy",
            "1",
        )],
    )
    .wrong(&["/nosuch"]),
    row(
        "--health-max-log-count",
        &[outside(
            "--health-cmd true --health-interval disable --health-max-log-count 1",
            "pontoon run -d --stop-timeout 0 --name @N @O @B sleep 10000 >/dev/null
             pontoon healthcheck run @N; pontoon healthcheck run @N; pontoon inspect --format '{{len .State.Health.Log}}' @N",
            "1",
        )],
    )
    .wrong(&["x"]),
    row(
        "--health-max-log-size",
        &[outside(
            "--health-cmd 'echo 123456789' --health-interval disable --health-max-log-size 4",
            "pontoon run -d --stop-timeout 0 --name @N @O @B sleep 10000 >/dev/null
             pontoon healthcheck run @N; pontoon inspect --format '{{range .State.Health.Log}}{{.Output}}{{end}}' @N",
            "1234",
        )],
    )
    .wrong(&["x"]),
    row(
        "--health-on-failure",
        &[
            becomes(
                "--health-cmd false --health-retries 1 --health-interval 50ms --health-on-failure kill",
                START,
                "pontoon inspect --format '{{.State.Status}} {{.State.ExitCode}}' @N",
                "exited 137",
            ),
            becomes(
                "--health-cmd false --health-retries 1 --health-interval 50ms --health-on-failure none",
                START,
                "pontoon inspect --format '{{.State.Status}} {{.State.Health.Status}}' @N",
                "running unhealthy",
            ),
        ],
    )
    .wrong(&["bogus"]),
    row(
        "--health-startup-cmd",
        &[becomes("--health-cmd true --health-interval 50ms --health-startup-cmd 'test -e /data' --health-startup-interval 50ms", START, STATUS, "healthy")],
    ),
    row(
        "--health-startup-interval",
        &[becomes("--health-cmd true --health-interval 50ms --health-startup-cmd true --health-startup-interval 50ms", START, STATUS, "healthy")],
    )
    ,
    row(
        "--health-startup-retries",
        &[becomes(
            "--health-cmd true --health-startup-cmd false --health-startup-interval 50ms --health-startup-retries 2",
            START,
            "pontoon inspect --format '{{.RestartCount}}' @N | grep -qv ^0 && echo again",
            "again",
        )],
    )
    .wrong(&["x"]),
    row(
        "--health-startup-success",
        &[becomes(
            "--health-cmd true --health-interval 50ms --health-startup-cmd true --health-startup-interval 50ms --health-startup-success 3",
            START,
            STATUS,
            "healthy",
        )],
    )
    .wrong(&["x"]),
    row(
        "--health-startup-timeout",
        &[outside(
            "--health-cmd true --health-startup-cmd 'sleep 100' --health-startup-timeout 1s --health-startup-interval 1h",
            CHECK,
            "starting\nstarting",
        )],
    )
    ,
    row(
        "--no-healthcheck",
        &[outside("--no-healthcheck", "pontoon run -d --stop-timeout 0 --name @N @O @B sleep 10000 >/dev/null; pontoon healthcheck run @N 2>/dev/null || echo none", "none")],
    )
    .wrong(&["maybe"]),
];
