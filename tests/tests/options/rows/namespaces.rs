//! Namespaces: the container's own, the host's, another container's.

use crate::row::{Row, inside, outside, row};

/// Whether that namespace of a container is the host's.
macro_rules! with_host {
    ($kind:literal) => {
        concat!(
            "test $(pontoon run --rm @O @B readlink /proc/self/ns/",
            $kind,
            ") = $(readlink /proc/self/ns/",
            $kind,
            ") \
             && echo shared || echo own"
        )
    };
}

/// Whether that namespace of a container is that of `front`. Without a network, for this is a fault: where the process ids are
/// its own, the network's helper comes at times while the container is closed to it, which then cannot start.
macro_rules! with_front {
    ($kind:literal) => {
        concat!(
            "test $(pontoon run --rm --network none @O @B readlink /proc/self/ns/",
            $kind,
            ") = \
             $(pontoon exec front readlink /proc/self/ns/",
            $kind,
            ") && echo shared || echo own"
        )
    };
}

/// Whether its control group is the caller's.
const GROUP: &str = "pontoon run -d --stop-timeout 0 --name @N @O @B sleep 10000 >/dev/null
    test $(grep ^0: /proc/$(pontoon inspect --format '{{.State.Pid}}' @N)/cgroup) = $(grep ^0: /proc/self/cgroup) \
        && echo shared || echo own";

pub const ROWS: &[Row] = &[
    row(
        "--pid",
        &[
            outside("--pid private", with_host!("pid"), "own"),
            outside("--pid host", with_host!("pid"), "shared"),
            outside("--pid container:front", with_front!("pid"), "shared"),
        ],
    )
    .wrong(&["bogus"]),
    row(
        "--ipc",
        &[
            outside("--ipc private", with_host!("ipc"), "own"),
            outside("--ipc shareable", with_host!("ipc"), "own"),
            outside("--ipc host", with_host!("ipc"), "shared"),
            outside("--ipc container:front", with_front!("ipc"), "shared"),
            outside(
                "--ipc container:front",
                "pontoon exec front sh -c 'echo shared >/dev/shm/table'; pontoon run --rm @O @B cat /dev/shm/table",
                "shared",
            ),
        ],
    )
    .wrong(&["bogus", "container:nosuch"]),
    row(
        "--uts",
        &[
            outside("--uts private", with_host!("uts"), "own"),
            outside("--uts host", with_host!("uts"), "shared"),
            outside("--uts container:front", with_front!("uts"), "shared"),
        ],
    )
    .wrong(&["bogus"]),
    row(
        "--requires",
        &[outside(
            "--requires front",
            "pontoon run @O @B true; pontoon inspect --format '{{.State.Status}}' front",
            "running",
        )],
    )
    .wrong(&["nosuch"]),
    row(
        "--cgroup-parent",
        &[outside("--cgroup-parent table.slice", "pontoon run @O @B true; echo ran", "ran")],
    )
    .wrong(&["a/b"]),
    row("--cgroupns", &[outside("--cgroupns private", with_host!("cgroup"), "own")]).wrong(&["bogus"]),
    row(
        "--cgroups",
        &[
            outside("--cgroups enabled", GROUP, "own"),
            outside("--cgroups no-conmon", GROUP, "own"),
            outside("--cgroups split", GROUP, "own"),
            outside("--cgroups disabled", GROUP, "shared"),
        ],
    )
    .wrong(&["bogus"]),
    row(
        "--pod",
        &[
            inside("--pod table-pod", "echo ran", "ran").unlike("each pod has an id of its own"),
            outside(
                "--pod new:table-new",
                "pontoon run -d --stop-timeout 0 --name @N @O @B sleep 10000 >/dev/null
                 pontoon pod inspect --format '{{.State}} {{.NumContainers}}' table-new; pontoon pod rm -f table-new >/dev/null",
                "Running 2",
            )
            .unlike("each pod has an id of its own"),
        ],
    )
    .wrong(&["nosuch"]),
    row(
        "--pod-id-file",
        &[inside("--pod-id-file ~/given/pod.id", "echo ran", "ran").unlike("each pod has an id of its own")],
    )
    .wrong(&["/nosuch"]),
    row(
        "--init-ctr",
        &[outside(
            "--pod table-init --init-ctr once",
            "pontoon create --name @N @O @B true >/dev/null; pontoon pod start table-init >/dev/null
             pontoon container exists @N || echo gone",
            "gone",
        )
        .unlike("each pod has an id of its own")],
    )
    .wrong(&["sometimes"]),
    row(
        "--infra-conmon-pidfile",
        &[outside(
            "--pod new:table-pid --infra-conmon-pidfile @D/out/pid",
            "pontoon run -d --stop-timeout 0 --name @N @O @B sleep 10000 >/dev/null
             kill -0 $(cat @D/out/pid) && echo alive; pontoon pod rm -f table-pid >/dev/null",
            "alive",
        )
        .unlike("Podman has it for itself, and `create` has it not")],
    ),
];
