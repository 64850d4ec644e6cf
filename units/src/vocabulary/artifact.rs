//! The keys of `[Artifact]`.

use super::Emit::{Own, Separate, Switch};
use super::Form::{Boolean, Scalar};
use super::{Key, global_args, key, module, podman_args, service_name};

pub(super) static KEYS: [Key; 13] = [
    module("5.7"),
    global_args("5.7"),
    service_name("5.7"),
    key("AuthFile", Scalar, Separate("--authfile"), "5.7", "file with credentials", "/etc/auth.json"),
    key("CertDir", Scalar, Separate("--cert-dir"), "5.7", "directory with certificates", "/etc/certs"),
    key("Creds", Scalar, Separate("--creds"), "5.7", "user and password of the registry", "user:secret"),
    key(
        "DecryptionKey",
        Scalar,
        Separate("--decryption-key"),
        "5.7",
        "key of an encrypted one",
        "/etc/key.pem",
    ),
    key("Retry", Scalar, Separate("--retry"), "5.7", "how often a failed pull is tried again", "3"),
    key("RetryDelay", Scalar, Separate("--retry-delay"), "5.7", "pause between tries", "10s"),
    key("Quiet", Boolean, Switch("--quiet"), "5.7", "whether progress is not shown", "true"),
    key("TLSVerify", Boolean, Switch("--tls-verify"), "5.7", "whether certificates are checked", "false"),
    podman_args("5.7"),
    key(
        "Artifact",
        Scalar,
        Own("the artifact, after all options"),
        "5.7",
        "artifact to pull",
        "quay.io/models/small:1",
    ),
];
