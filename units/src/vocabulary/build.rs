//! The keys of `[Build]`.

use super::Emit::{Joined, Own, Separate, Switch};
use super::Form::{Boolean, Command, List, Pairs, Scalar, ScalarOrEmpty};
use super::{Key, later};

pub(super) static KEYS: [Key; 28] = [
    later("ContainersConfModule", List, Own, "5.2", "containers.conf module to load", "mirror.conf"),
    later(
        "GlobalArgs",
        Command,
        Own,
        "5.2",
        "words between the program and its sub-command",
        "--log-level=debug",
    ),
    later("ServiceName", ScalarOrEmpty, Own, "5.3", "name of the service, without `.service`", "shop-build"),
    later("SetWorkingDirectory", Scalar, Own, "5.2", "directory the build copies from", "unit"),
    later("Pull", Scalar, Joined("--pull"), "5.2", "when base images are pulled", "newer"),
    later("Arch", Scalar, Separate("--arch"), "5.2", "machine the image is for", "arm64"),
    later("AuthFile", Scalar, Separate("--authfile"), "5.2", "file with credentials", "/etc/auth.json"),
    later(
        "IgnoreFile",
        Scalar,
        Separate("--ignorefile"),
        "5.7",
        "file naming what is not copied",
        ".dockerignore",
    ),
    later("Target", Scalar, Separate("--target"), "5.2", "stage to build", "release"),
    later("Variant", Scalar, Separate("--variant"), "5.2", "variant of the machine", "v8"),
    later("Retry", Scalar, Separate("--retry"), "5.5", "how often a failed pull is tried again", "3"),
    later("RetryDelay", Scalar, Separate("--retry-delay"), "5.5", "pause between tries", "10s"),
    later("TLSVerify", Boolean, Switch("--tls-verify"), "5.2", "whether certificates are checked", "false"),
    later(
        "ForceRM",
        Boolean,
        Switch("--force-rm"),
        "5.2",
        "whether containers of a failed build go too",
        "false",
    ),
    later("DNS", List, Separate("--dns"), "5.2", "name server to ask", "192.0.2.1"),
    later("DNSOption", List, Separate("--dns-option"), "5.2", "option for resolv.conf", "ndots:1"),
    later("DNSSearch", List, Separate("--dns-search"), "5.2", "search domain", "example.com"),
    later("GroupAdd", List, Separate("--group-add"), "5.2", "further group of the build", "keep-groups"),
    later("ImageTag", List, Separate("--tag"), "5.2", "name of the image", "localhost/shop:1"),
    later("BuildArg", Pairs, Separate("--build-arg"), "5.7", "value of an ARG", "VERSION=3"),
    later("Environment", Pairs, Separate("--env"), "5.2", "variable of the image", "LANG=C.UTF-8"),
    later("Label", Pairs, Separate("--label"), "5.2", "label of the image", "app=shop"),
    later("Annotation", Pairs, Separate("--annotation"), "5.2", "annotation of the manifest", "team=web"),
    later("Network", List, Own, "5.2", "network during the build", "host"),
    later(
        "Secret",
        Command,
        Separate("--secret"),
        "5.2",
        "secret offered to the build",
        "id=token,src=token",
    ),
    later("Volume", List, Own, "5.2", "directory offered to the build", "/srv/cache:/cache"),
    later("File", Scalar, Own, "5.2", "the Containerfile", "Containerfile"),
    later("PodmanArgs", Command, Own, "5.2", "further words before the directory", "--squash"),
];
