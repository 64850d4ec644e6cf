//! The keys of `[Artifact]`.

use super::Emit::{Own, Separate, Switch};
use super::Form::{Boolean, Command, List, Scalar, ScalarOrEmpty};
use super::{Key, key};

pub(super) static KEYS: [Key; 13] = [
    key(
        "ContainersConfModule",
        List,
        Own("`--module=VALUE`, before every sub-command"),
        "5.7",
        "containers.conf module to load",
        "mirror.conf",
    ),
    key(
        "GlobalArgs",
        Command,
        Own("its words, before every sub-command"),
        "5.7",
        "words between the program and its sub-command",
        "--log-level=debug",
    ),
    key(
        "ServiceName",
        ScalarOrEmpty,
        Own("the name of the service"),
        "5.7",
        "name of the service, without `.service`",
        "shop-model",
    ),
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
    key(
        "PodmanArgs",
        Command,
        Own("its words, as they are"),
        "5.7",
        "further words before the artifact",
        "--log-level=debug",
    ),
    key(
        "Artifact",
        Scalar,
        Own("the artifact, after all options"),
        "5.7",
        "artifact to pull",
        "quay.io/models/small:1",
    ),
];
