//! The keys of `[Kube]`.

use super::Emit::{Joined, Own, Separate};
use super::Form::{Boolean, Command, List, Number, Scalar, ScalarOrEmpty, Words};
use super::{Key, later};

pub(super) static KEYS: [Key; 19] = [
    later("ContainersConfModule", List, Own, "4.8", "containers.conf module to load", "gpu.conf"),
    later(
        "GlobalArgs",
        Command,
        Own,
        "4.8",
        "words between the program and its sub-command",
        "--log-level=debug",
    ),
    later("ServiceName", ScalarOrEmpty, Own, "5.3", "name of the service, without `.service`", "shop"),
    later("SetWorkingDirectory", Scalar, Own, "4.7", "directory relative paths begin at", "yaml"),
    later("KubeDownForce", Boolean, Own, "4.8", "whether stopping removes volumes as well", "true"),
    later(
        "ExitCodePropagation",
        Scalar,
        Joined("--service-exit-code-propagation"),
        "4.6",
        "which exit codes make the service fail",
        "any",
    ),
    later("LogDriver", ScalarOrEmpty, Separate("--log-driver"), "4.5", "where the output goes", "journald"),
    later("LogOpt", Words, Separate("--log-opt"), "5.2", "option of the log driver", "tag=shop"),
    later("UserNS", Scalar, Separate("--userns"), "4.5", "how ids are mapped", "keep-id"),
    later("RemapUsers", Scalar, Own, "4.4", "deprecated: how ids are mapped", "auto"),
    later("RemapUid", Words, Own, "4.4", "deprecated: range of user ids", "0:10000:1000"),
    later("RemapGid", Words, Own, "4.4", "deprecated: range of group ids", "0:10000:1000"),
    later("RemapUidSize", Number, Own, "4.4", "deprecated: how many ids", "4096"),
    later("Network", List, Own, "4.4", "network to be in", "shop.network"),
    later("AutoUpdate", Words, Own, "4.7", "whether and how newer images are taken", "web/registry"),
    later("ConfigMap", Words, Own, "4.4", "file with a ConfigMap", "settings.yaml"),
    later("PublishPort", List, Separate("--publish"), "4.4", "port of the host", "8080:80"),
    later("PodmanArgs", Command, Own, "4.6", "further words before the YAML files", "--no-hosts"),
    later("Yaml", Words, Own, "4.4", "file with Kubernetes objects", "shop.yaml"),
];
