//! Namespaces: the container's own, the host's, another container's.

use crate::row::{Row, outside, row};

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

/// Whether that namespace of a container is that of `front`.
macro_rules! with_front {
    ($kind:literal) => {
        concat!(
            "test $(pontoon run --rm @O @B readlink /proc/self/ns/",
            $kind,
            ") = \
             $(pontoon exec front readlink /proc/self/ns/",
            $kind,
            ") && echo shared || echo own"
        )
    };
}

pub const ROWS: &[Row] = &[
    row(
        "--pid",
        &[
            outside("--pid private", with_host!("pid"), "own"),
            outside("--pid host", with_host!("pid"), "shared"),
            outside("--pid container:front", with_front!("pid"), "shared"),
        ],
    )
    .wrong(&["bogus", "container:nosuch"]),
    row(
        "--ipc",
        &[
            outside("--ipc private", with_host!("ipc"), "own"),
            outside("--ipc shareable", with_host!("ipc"), "own"),
            outside("--ipc host", with_host!("ipc"), "shared"),
        ],
    )
    .wrong(&["bogus"]),
    row(
        "--uts",
        &[
            outside("--uts private", with_host!("uts"), "own"),
            outside("--uts host", with_host!("uts"), "shared"),
            outside("--uts container:front", with_front!("uts"), "shared"),
        ],
    )
    .wrong(&["bogus", "container:nosuch"]),
    row("--cgroupns", &[outside("--cgroupns private", with_host!("cgroup"), "own")]).wrong(&["bogus"]),
    row(
        "--cgroups",
        &[
            outside("--cgroups enabled", "pontoon run --rm @O @B cat /proc/self/cgroup", "0::/"),
            outside("--cgroups no-conmon", "pontoon run --rm @O @B cat /proc/self/cgroup", "0::/"),
            outside("--cgroups split", "pontoon run --rm @O @B cat /proc/self/cgroup", "0::/"),
            outside("--cgroups disabled", "pontoon run --rm @O @B cat /proc/self/cgroup", "0::/"),
        ],
    )
    .wrong(&["bogus"]),
];
