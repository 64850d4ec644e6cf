//! What it may do.

use crate::compare::differs;
use crate::row::{Row, inside, outside, row};

/// The capabilities in effect.
const CAPS: &str = "grep ^CapEff: /proc/self/status | tr -d '\\t'";

pub const ROWS: &[Row] = &[
    row(
        "--cap-add",
        &[
            inside("--cap-add net_admin,sys_time", CAPS, "CapEff:00000000820415fb"),
            inside("--cap-add CAP_NET_ADMIN", CAPS, "CapEff:00000000800415fb"),
            inside("--cap-add all", CAPS, "CapEff:000001ffffffffff"),
            inside("--user 1000 --cap-add net_admin", CAPS, "CapEff:0000000000001000"),
        ],
    )
    .wrong(&["flying"]),
    row(
        "--cap-drop",
        &[
            inside("--cap-drop all", CAPS, "CapEff:0000000000000000"),
            inside("--cap-drop all --cap-add chown", CAPS, "CapEff:0000000000000001"),
            inside("--cap-drop chown,fowner", CAPS, "CapEff:00000000800405f2"),
        ],
    )
    .wrong(&["flying"]),
    row("--privileged", &[inside("--privileged", CAPS, "CapEff:000001ffffffffff")]).wrong(&["maybe"]),
    row(
        "--security-opt",
        &[
            inside("--security-opt no-new-privileges", "grep -c 'NoNewPrivs:.1' /proc/self/status", "1"),
            inside("--security-opt seccomp=unconfined", "grep -c 'Seccomp:.0' /proc/self/status", "1"),
            inside(
                "--security-opt seccomp=@D/seccomp.json",
                "grep -c 'Seccomp:.2' /proc/self/status; mkdir /new || echo denied",
                "1\ndenied",
            ),
            inside("--security-opt mask=/data/file", "cat /data/file", "")
                .but(&[differs("HostConfig.SecurityOpt", "Podman keeps no note of it; ours tells it")]),
            inside("--security-opt unmask=/proc/keys", "test -c /proc/keys || echo real", "real")
                .but(&[differs("HostConfig.SecurityOpt", "Podman keeps no note of it; ours tells it")]),
            inside("--security-opt unmask=ALL", "test -c /proc/keys || echo real", "real"),
            inside("--security-opt label=disable", "echo ran", "ran"),
            inside("--security-opt label=type:x_t --security-opt label=level:s0:c1", "echo ran", "ran"),
            inside("--security-opt apparmor=unconfined", "echo ran", "ran"),
            inside("--security-opt systempaths=unconfined", "test -c /proc/keys || echo real", "real"),
            inside(
                "--security-opt proc-opts=hidepid=2",
                "grep -o hidepid=invisible /proc/mounts | head -n 1",
                "hidepid=invisible",
            ),
            inside("--security-opt proc-opts=ro,subset=pid", "ls -d /proc/1; ls -d /proc/sys 2>/dev/null || echo gone; touch /proc/1/comm 2>/dev/null || echo locked", "/proc/1\ngone\nlocked"),
        ],
    )
    .wrong(&["bogus", "apparmor=no-such-profile", "label=nested"]),
    row(
        "--seccomp-policy",
        &[inside("--seccomp-policy default", "grep -c 'Seccomp:.2' /proc/self/status", "1")],
    )
    .wrong(&["bogus"]),
    row(
        "--systemd",
        &[
            inside("--systemd false", "echo ran", "ran"),
            inside(
                "--systemd always",
                "mkdir /sys/fs/cgroup/below && grep -c ' /run/lock tmpfs' /proc/mounts",
                "1",
            ),
        ],
    )
    .wrong(&["bogus"]),
    row(
        "--shm-size-systemd",
        &[inside(
            "--systemd always --shm-size-systemd 2m",
            "df -k /run | tail -1 | tr -s ' ' | cut -d' ' -f2",
            "2048",
        )],
    )
    .wrong(&["many"]),
    row(
        "--sysctl",
        &[
            inside("--sysctl net.ipv4.ip_forward=1", "cat /proc/sys/net/ipv4/ip_forward", "1"),
            inside(
                "--sysctl kernel.msgmax=9000,net.ipv4.ip_default_ttl=77",
                "cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_default_ttl",
                "9000\n77",
            ),
        ],
    )
    .wrong(&["nokey", "kernel.bogus=1"]),
    row(
        "--device",
        &[
            inside("--device /dev/fuse", "test -c /dev/fuse && echo there", "there").but(&[differs(
                "HostConfig.Devices",
                "Podman binds devices without root and forgets that they are any",
            )]),
            inside("--device /dev/fuse:/dev/other:r", "test -c /dev/other && echo there", "there").but(&[
                differs(
                    "HostConfig.Devices",
                    "Podman binds devices without root and forgets that they are any",
                ),
            ]),
        ],
    ),
    row(
        "--gpus",
        &[outside(
            "--gpus all",
            "mkdir -p out/cdi; echo '{\"cdiVersion\":\"0.5.0\",\"kind\":\"nvidia.com/gpu\",\"devices\":[{\"name\":\"all\",\"containerEdits\":{\"env\":[\"GPU=seen\"]}}]}' >out/cdi/x.json
             pontoon --cdi-spec-dir out/cdi run --rm @O @B sh -c 'echo $GPU'",
            "seen",
        )],
    )
    .wrong(&["device=0"]),
    row(
        "--device-cgroup-rule",
        &[outside(
            "--device-cgroup-rule 'c 42:* rwm'",
            "pontoon run --rm @O @B true 2>&1 | grep -o 'only root'",
            "only root",
        )
        .unlike("root's containers have rules; `devices.rs` shows them beside Podman's")],
    ),
    row("--oom-score-adj", &[inside("--oom-score-adj 500", "cat /proc/self/oom_score_adj", "500")])
        .wrong(&["x"]),
    row(
        "--ulimit",
        &[
            inside("--ulimit nofile=100:200", "ulimit -n; ulimit -Hn", "100\n200"),
            inside("--ulimit core=0,nproc=500", "ulimit -c; ulimit -u", "0\n500"),
            inside("--ulimit host", "ulimit -Hn | grep -c .", "1"),
            inside("--ulimit host --ulimit nofile=100", "ulimit -n", "100")
                .unlike("Podman forgets the one that is named"),
        ],
    )
    .wrong(&["bogus=1", "nofile=x"]),
];
