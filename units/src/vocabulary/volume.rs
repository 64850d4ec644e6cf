//! The keys of `[Volume]`.

use super::Emit::{Own, Prefixed, Separate};
use super::Form::{Boolean, Command, List, Number, Pairs, Scalar, ScalarOrEmpty};
use super::{Key, later, ready};

pub(super) static KEYS: [Key; 16] = [
    ready("ContainersConfModule", List, Own, "4.8", "containers.conf module to load", "gpu.conf"),
    ready(
        "GlobalArgs",
        Command,
        Own,
        "4.8",
        "words between the program and its sub-command",
        "--log-level=debug",
    ),
    ready("ServiceName", ScalarOrEmpty, Own, "5.3", "name of the service, without `.service`", "shop-data"),
    ready("UID", ScalarOrEmpty, Separate("--uid"), "6.0", "user that owns the volume", "1000"),
    ready("GID", ScalarOrEmpty, Separate("--gid"), "6.0", "group that owns the volume", "1000"),
    ready("Driver", ScalarOrEmpty, Own, "4.8", "what provides the volume", "local"),
    later("Image", Scalar, Own, "4.8", "image whose files the volume holds", "docker.io/library/site:1"),
    ready("Copy", Boolean, Own, "4.4", "whether the image's files are copied in at first", "false"),
    ready("Device", Scalar, Prefixed("--opt", "device="), "4.4", "what is mounted", "/dev/vg/data"),
    ready("Type", Scalar, Own, "4.4", "type of the file system", "ext4"),
    ready("User", Number, Own, "4.4", "user id in the mount options", "1000"),
    ready("Group", Number, Own, "4.4", "group id in the mount options", "1000"),
    ready("Options", Scalar, Own, "4.4", "mount options", "nodev,noexec"),
    ready("Label", Pairs, Separate("--label"), "4.4", "label of the volume", "app=shop"),
    ready("PodmanArgs", Command, Own, "4.6", "further words before the name", "--opt=size=1G"),
    ready("VolumeName", Scalar, Own, "4.7", "name of the volume", "data"),
];
