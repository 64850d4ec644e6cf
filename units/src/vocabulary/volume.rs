//! The keys of `[Volume]`.

use super::Emit::{Own, Separate};
use super::Form::{Boolean, Number, Pairs, Scalar, ScalarOrEmpty};
use super::{Key, global_args, key, module, podman_args, service_name};

pub(super) static KEYS: [Key; 16] = [
    module("4.8"),
    global_args("4.8"),
    service_name("5.3"),
    key("UID", ScalarOrEmpty, Separate("--uid"), "6.0", "user that owns the volume", "1000"),
    key("GID", ScalarOrEmpty, Separate("--gid"), "6.0", "group that owns the volume", "1000"),
    key("Driver", ScalarOrEmpty, Separate("--driver"), "4.8", "what provides the volume", "local"),
    key(
        "Image",
        Scalar,
        Own("`--opt image=VALUE`"),
        "4.8",
        "image whose files the volume holds",
        "docker.io/library/site:1",
    ),
    key(
        "Copy",
        Boolean,
        Own("`--opt copy` or `--opt nocopy`"),
        "4.4",
        "whether the image's files are copied in at first",
        "false",
    ),
    key("Device", Scalar, Own("`--opt device=VALUE`"), "4.4", "what is mounted", "/dev/vg/data"),
    key("Type", Scalar, Own("`--opt type=VALUE`"), "4.4", "type of the file system", "ext4"),
    key("User", Number, Own("`uid=VALUE` in `--opt o=`"), "4.4", "user id in the mount options", "1000"),
    key("Group", Number, Own("`gid=VALUE` in `--opt o=`"), "4.4", "group id in the mount options", "1000"),
    key("Options", Scalar, Own("the rest of `--opt o=`"), "4.4", "mount options", "nodev,noexec"),
    key("Label", Pairs, Separate("--label"), "4.4", "label of the volume", "app=shop"),
    podman_args("4.6"),
    key("VolumeName", Scalar, Own("the name, after all options"), "4.7", "name of the volume", "data"),
];
