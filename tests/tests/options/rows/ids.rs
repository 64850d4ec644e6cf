//! As whom it runs, and which ids there are.

use crate::row::{Row, inside, outside, row};

/// The map of users, on one line.
const MAP: &str = "echo $(cat /proc/self/uid_map)";
/// The map of groups, on one line.
const GROUP_MAP: &str = "echo $(cat /proc/self/gid_map)";

pub const ROWS: &[Row] = &[
    row(
        "--user",
        &[
            inside("--user dave", "id -un; id -g", "dave\n1500"),
            inside("-u 33:1234", "id -u; id -g", "33\n1234"),
            inside("-u 4242", "id -un; id -g", "4242\n0"),
            inside("-u dave:www", "id -G", "33"),
        ],
    ),
    row(
        "--group-add",
        &[
            inside("--group-add extra --group-add 3000", "id -G", "0 2000 3000"),
            inside("--group-add keep-groups", "grep ^Groups: /proc/self/status | wc -w", "2"),
        ],
    ),
    row(
        "--passwd",
        &[
            inside("--passwd=false -u 4321", "grep -c 4321 /etc/passwd || true", "0")
                .unlike("Podman's `create` has no such option"),
            inside("--passwd=true -u 4321", "grep -c ^4321: /etc/passwd", "1")
                .unlike("Podman's `create` has no such option"),
        ],
    )
    .wrong(&["maybe"]),
    row(
        "--passwd-entry",
        &[inside(
            "--passwd-entry '$USERNAME:x:$UID:$GID:me:$HOME:/bin/no' -u 4321",
            "grep 4321 /etc/passwd",
            "4321:x:4321:0:me:/:/bin/no",
        )],
    ),
    row(
        "--group-entry",
        &[inside(
            "--group-entry '$GROUPNAME:y:$GID:$USERLIST' -u 4321:4322",
            "grep 4322 /etc/group",
            "4322:y:4322:4321",
        )],
    ),
    row(
        "--hostuser",
        &[inside(
            "--hostuser alice,1001 --hostuser root",
            "grep -c ^root: /etc/passwd; grep -E '^(alice|bob):' /etc/passwd; id -u",
            "1\nalice:*:1000:1000::/:/bin/sh\nbob:*:1001:1001::/:/bin/sh\n0",
        )],
    ),
    row(
        "--userns",
        &[
            inside("--userns host", MAP, "0 1000 1 1 100000 65536"),
            inside("--userns keep-id", "id -u; id -un", "1000\nalice"),
            inside("--userns keep-id:uid=200,gid=210", "id -u; id -g", "200\n210"),
            inside("--userns nomap", MAP, "0 1 65536"),
            inside("--userns auto:size=500", "cat /proc/self/uid_map | awk '{ print $1, $3 }'", "0 500")
                .unlike("alice has too few ids for Podman to do it"),
            outside(
                "--userns container:front",
                // Without a network, see `with_front` of `namespaces.rs`.
                "test $(pontoon run --rm --network none @O @B readlink /proc/self/ns/user) = \
                     $(pontoon exec front readlink /proc/self/ns/user) && echo shared",
                "shared",
            ),
        ],
    )
    .wrong(&["bogus", "container:nosuch", "auto:foo=1"]),
    row(
        "--uidmap",
        &[
            inside("--uidmap 0:1:1000", MAP, "0 1 1000"),
            inside("--uidmap +1234:@1000", MAP, "0 100000 1234 1234 1000 1 1235 101234 64302"),
        ],
    )
    .wrong(&["x", "0:1:0"]),
    row("--gidmap", &[inside("--gidmap 0:0:100", GROUP_MAP, "0 1000 1 1 100000 99")]).wrong(&["x", "0:1:0"]),
    row(
        "--subuidname",
        &[inside("--subuidname alice", MAP, "0 1 65536")
            .unlike("Podman cannot give a user her own ids by her name")],
    )
    .wrong(&["nosuch"]),
    row(
        "--subgidname",
        &[inside("--subgidname alice", GROUP_MAP, "0 1 65536")
            .unlike("Podman cannot give a user her own ids by her name")],
    )
    .wrong(&["nosuch"]),
];
