//! The keys of `[Kube]`.

use super::Emit::{Joined, Own, Separate};
use super::Form::{Boolean, List, Scalar, ScalarOrEmpty, Words};
use super::{
    Key, global_args, key, module, podman_args, remap_gid, remap_uid, remap_uid_size, remap_users,
    service_name,
};

pub(super) static KEYS: [Key; 19] = [
    module("4.8"),
    global_args("4.8"),
    service_name("5.3"),
    key(
        "SetWorkingDirectory",
        Scalar,
        Own("`WorkingDirectory=` in [Service]"),
        "4.7",
        "directory relative paths begin at",
        "yaml",
    ),
    key(
        "KubeDownForce",
        Boolean,
        Own("`--force` of `kube down`"),
        "4.8",
        "whether stopping removes volumes as well",
        "true",
    ),
    key(
        "ExitCodePropagation",
        Scalar,
        Joined("--service-exit-code-propagation"),
        "4.6",
        "which exit codes make the service fail",
        "any",
    ),
    key("LogDriver", ScalarOrEmpty, Separate("--log-driver"), "4.5", "where the output goes", "journald"),
    key("LogOpt", Words, Separate("--log-opt"), "5.2", "option of the log driver", "tag=shop"),
    key("UserNS", Scalar, Separate("--userns"), "4.5", "how ids are mapped", "keep-id"),
    remap_users("4.4"),
    remap_uid("4.4"),
    remap_gid("4.4"),
    remap_uid_size("4.4"),
    key("Network", List, Own("`--network VALUE`"), "4.4", "network to be in", "shop.network"),
    key(
        "AutoUpdate",
        Words,
        Own("`--annotation=io.containers.autoupdate=VALUE`"),
        "4.7",
        "whether and how newer images are taken",
        "web/registry",
    ),
    key("ConfigMap", Words, Own("`--configmap VALUE`"), "4.4", "file with a ConfigMap", "settings.yaml"),
    key("PublishPort", List, Separate("--publish"), "4.4", "port of the host", "8080:80"),
    podman_args("4.6"),
    key(
        "Yaml",
        Words,
        Own("the files, after all options"),
        "4.4",
        "file with Kubernetes objects",
        "shop.yaml",
    ),
];
