//! The keys of `[Build]`.

use super::Emit::{Joined, Own, Separate, Switch};
use super::Form::{Boolean, Command, List, Pairs, Scalar};
use super::{Key, global_args, key, module, podman_args, service_name};

pub(super) static KEYS: [Key; 28] = [
    module("5.2"),
    global_args("5.2"),
    service_name("5.3"),
    key(
        "SetWorkingDirectory",
        Scalar,
        Own("`WorkingDirectory=` in [Service], and the last word"),
        "5.2",
        "directory the build copies from",
        "unit",
    ),
    key("Pull", Scalar, Joined("--pull"), "5.2", "when base images are pulled", "newer"),
    key("Arch", Scalar, Separate("--arch"), "5.2", "machine the image is for", "arm64"),
    key("AuthFile", Scalar, Separate("--authfile"), "5.2", "file with credentials", "/etc/auth.json"),
    key(
        "IgnoreFile",
        Scalar,
        Separate("--ignorefile"),
        "5.7",
        "file naming what is not copied",
        ".dockerignore",
    ),
    key("Target", Scalar, Separate("--target"), "5.2", "stage to build", "release"),
    key("Variant", Scalar, Separate("--variant"), "5.2", "variant of the machine", "v8"),
    key("Retry", Scalar, Separate("--retry"), "5.5", "how often a failed pull is tried again", "3"),
    key("RetryDelay", Scalar, Separate("--retry-delay"), "5.5", "pause between tries", "10s"),
    key("TLSVerify", Boolean, Switch("--tls-verify"), "5.2", "whether certificates are checked", "false"),
    key(
        "ForceRM",
        Boolean,
        Switch("--force-rm"),
        "5.2",
        "whether containers of a failed build go too",
        "false",
    ),
    key("DNS", List, Separate("--dns"), "5.2", "name server to ask", "192.0.2.1"),
    key("DNSOption", List, Separate("--dns-option"), "5.2", "option for resolv.conf", "ndots:1"),
    key("DNSSearch", List, Separate("--dns-search"), "5.2", "search domain", "example.com"),
    key("GroupAdd", List, Separate("--group-add"), "5.2", "further group of the build", "keep-groups"),
    key("ImageTag", List, Separate("--tag"), "5.2", "name of the image", "localhost/shop:1"),
    key("BuildArg", Pairs, Separate("--build-arg"), "5.7", "value of an ARG", "VERSION=3"),
    key("Environment", Pairs, Separate("--env"), "5.2", "variable of the image", "LANG=C.UTF-8"),
    key("Label", Pairs, Separate("--label"), "5.2", "label of the image", "app=shop"),
    key("Annotation", Pairs, Separate("--annotation"), "5.2", "annotation of the manifest", "team=web"),
    key("Network", List, Own("`--network VALUE`"), "5.2", "network during the build", "host"),
    key("Secret", Command, Separate("--secret"), "5.2", "secret offered to the build", "id=token,src=token"),
    key("Volume", List, Own("`-v VALUE`"), "5.2", "directory offered to the build", "/srv/cache:/cache"),
    key("File", Scalar, Own("`--file VALUE`"), "5.2", "the Containerfile", "Containerfile"),
    podman_args("5.2"),
];
