//! How much it may use. Users have few controllers, and test hosts only those that the machine has no use for: where one is
//! missing, the option is refused by name. `uml.rs` shows the limits themselves.

use crate::row::{Row, inside, limit, row};

pub const ROWS: &[Row] = &[
    row(
        "--memory",
        &[
            limit("--memory 64m", "memory", "cat /sys/fs/cgroup/memory.max", "67108864"),
            limit("-m 67108864b", "memory", "cat /sys/fs/cgroup/memory.max", "67108864"),
        ],
    )
    .wrong(&["x", "1q"]),
    row(
        "--memory-reservation",
        &[limit("--memory-reservation 32m", "memory", "cat /sys/fs/cgroup/memory.low", "33554432")],
    )
    .wrong(&["x"]),
    row(
        "--memory-swap",
        &[
            limit(
                "--memory 64m --memory-swap 96m",
                "memory",
                "cat /sys/fs/cgroup/memory.swap.max",
                "33554432",
            ),
            limit("--memory 64m --memory-swap -1", "memory", "cat /sys/fs/cgroup/memory.swap.max", "max"),
        ],
    )
    .wrong(&["x"]),
    row(
        "--pids-limit",
        &[
            limit("--pids-limit 20", "pids", "cat /sys/fs/cgroup/pids.max", "20"),
            inside("--pids-limit -1", "cat /sys/fs/cgroup/pids.max 2>/dev/null || echo max", "max"),
        ],
    )
    .wrong(&["x"]),
    row("--cpus", &[limit("--cpus 0.5", "cpu", "cat /sys/fs/cgroup/cpu.max", "50000 100000")]).wrong(&["x"]),
    row("--cpu-period", &[limit("--cpu-period 50000", "cpu", "cat /sys/fs/cgroup/cpu.max", "max 50000")])
        .wrong(&["x"]),
    row(
        "--cpu-quota",
        &[limit("--cpu-quota 20000 --cpu-period 50000", "cpu", "cat /sys/fs/cgroup/cpu.max", "20000 50000")],
    )
    .wrong(&["x"]),
    row("--cpu-shares", &[limit("--cpu-shares 512", "cpu", "cat /sys/fs/cgroup/cpu.weight", "20")])
        .wrong(&["x"]),
    row("--cpuset-cpus", &[limit("--cpuset-cpus 0", "cpuset", "cat /sys/fs/cgroup/cpuset.cpus", "0")]),
    row("--cpuset-mems", &[limit("--cpuset-mems 0", "cpuset", "cat /sys/fs/cgroup/cpuset.mems", "0")]),
    row(
        "--blkio-weight",
        &[limit("--blkio-weight 100", "io", "cat /sys/fs/cgroup/io.weight", "default 100")],
    )
    .wrong(&["x"]),
    row("--blkio-weight-device", &[limit("--blkio-weight-device /dev/testdisk:100", "io", "true", "")])
        .wrong(&["x", "/dev/nosuch:x"]),
    row("--device-read-bps", &[limit("--device-read-bps /dev/testdisk:1mb", "io", "true", "")])
        .wrong(&["x", "/dev/testdisk:x"]),
    row("--device-write-bps", &[limit("--device-write-bps /dev/testdisk:1mb", "io", "true", "")])
        .wrong(&["x", "/dev/testdisk:x"]),
    row("--device-read-iops", &[limit("--device-read-iops /dev/testdisk:1000", "io", "true", "")])
        .wrong(&["x", "/dev/testdisk:x"]),
    row("--device-write-iops", &[limit("--device-write-iops /dev/testdisk:1000", "io", "true", "")])
        .wrong(&["x", "/dev/testdisk:x"]),
    row(
        "--cgroup-conf",
        &[limit(
            "--cgroup-conf memory.high=50331648",
            "memory",
            "cat /sys/fs/cgroup/memory.high",
            "50331648",
        )],
    )
    .wrong(&["nokey"]),
];
