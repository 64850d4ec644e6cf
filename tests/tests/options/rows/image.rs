//! Which image, and how it is had.

use crate::row::{Row, inside, outside, row};

/// A registry that is not there: only who needs it notices.
const RUN: &str =
    "pontoon tag @B localhost:5998/@N; pontoon run --rm @O localhost:5998/@N echo ran || echo refused
                   pontoon untag @B localhost:5998/@N";

const NEWER: &str = "Podman 5.4 does not have it yet";

pub const ROWS: &[Row] = &[
    row(
        "--pull",
        &[
            outside("--pull never", RUN, "ran"),
            outside("--pull missing", RUN, "ran"),
            outside("--pull newer", RUN, "ran"),
            outside("--pull always", RUN, "refused"),
        ],
    )
    .wrong(&["sometimes"]),
    row(
        "--quiet",
        &[outside("--quiet", "pontoon create --name @N @O localhost:5000/second 2>&1 >/dev/null | wc -c", "0")],
    )
    .wrong(&["maybe"]),
    row("--arch", &[inside("--arch amd64 --pull newer", "uname -m", "x86_64")]),
    row("--os", &[inside("--os linux --pull newer", "uname", "Linux")]),
    row("--variant", &[inside("--variant v1 --pull never", "uname", "Linux")]),
    row("--platform", &[inside("--platform linux/amd64 --pull newer", "uname -m", "x86_64")]),
    row("--authfile", &[inside("--authfile @D/auth.json --pull newer", "echo ran", "ran")]).wrong(&["/nosuch"]),
    row("--cert-dir", &[inside("--cert-dir @D --pull newer", "echo ran", "ran").unlike(NEWER)]).wrong(&["/nosuch"]),
    row("--creds", &[inside("--creds alice:secret --pull newer", "echo ran", "ran").unlike(NEWER)]),
    row(
        "--tls-verify",
        &[
            inside("--tls-verify=false --pull always", "echo ran", "ran"),
            outside(
                "--tls-verify=true --pull newer",
                "pontoon run --rm --pull always --tls-verify=true @B true 2>&1 | grep -qi http && echo refused",
                "refused",
            ),
        ],
    )
    .wrong(&["maybe"]),
    row("--disable-content-trust", &[inside("--disable-content-trust", "echo ran", "ran")]),
    row("--image-volume", &[inside("--image-volume anonymous", "echo ran", "ran"), inside("--image-volume ignore", "echo ran", "ran")]).wrong(&["bogus"]),
    row("--retry", &[inside("--retry 2 --pull newer", "echo ran", "ran")]).wrong(&["many"]),
    row("--retry-delay", &[inside("--retry 1 --retry-delay 1s", "echo ran", "ran")]).wrong(&["soon"]),
    row(
        "--rmi",
        &[outside(
            "--rmi",
            "pontoon create --name @N @B true >/dev/null; pontoon commit -q @N localhost/@N >/dev/null 2>&1; pontoon rm @N >/dev/null
             pontoon run @O localhost/@N true; pontoon image exists localhost/@N || echo gone",
            "gone",
        ).unlike("Podman's `create` has no such option")],
    )
    .wrong(&["maybe"]),
];
