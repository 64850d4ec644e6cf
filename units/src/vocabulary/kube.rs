//! The keys of `[Kube]`.

use super::Emit::{Joined, Own, Separate};
use super::Form::{Boolean, Command, List, Number, Scalar, ScalarOrEmpty, Words};
use super::{Key, key};

pub(super) static KEYS: [Key; 19] = [
    key("ContainersConfModule", List, Own, "4.8", "containers.conf module to load", "gpu.conf"),
    key(
        "GlobalArgs",
        Command,
        Own,
        "4.8",
        "words between the program and its sub-command",
        "--log-level=debug",
    ),
    key("ServiceName", ScalarOrEmpty, Own, "5.3", "name of the service, without `.service`", "shop"),
    key("SetWorkingDirectory", Scalar, Own, "4.7", "directory relative paths begin at", "yaml"),
    key("KubeDownForce", Boolean, Own, "4.8", "whether stopping removes volumes as well", "true"),
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
    key("RemapUsers", Scalar, Own, "4.4", "deprecated: how ids are mapped", "auto"),
    key("RemapUid", Words, Own, "4.4", "deprecated: range of user ids", "0:10000:1000"),
    key("RemapGid", Words, Own, "4.4", "deprecated: range of group ids", "0:10000:1000"),
    key("RemapUidSize", Number, Own, "4.4", "deprecated: how many ids", "4096"),
    key("Network", List, Own, "4.4", "network to be in", "shop.network"),
    key("AutoUpdate", Words, Own, "4.7", "whether and how newer images are taken", "web/registry"),
    key("ConfigMap", Words, Own, "4.4", "file with a ConfigMap", "settings.yaml"),
    key("PublishPort", List, Separate("--publish"), "4.4", "port of the host", "8080:80"),
    key("PodmanArgs", Command, Own, "4.6", "further words before the YAML files", "--no-hosts"),
    key("Yaml", Words, Own, "4.4", "file with Kubernetes objects", "shop.yaml"),
];
