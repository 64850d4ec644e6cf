//! The keys of `[Image]`.

use super::Emit::{Own, Separate, Switch};
use super::Form::{Boolean, Command, List, Scalar, ScalarOrEmpty};
use super::{Key, later};

pub(super) static KEYS: [Key; 18] = [
    later("ContainersConfModule", List, Own, "4.8", "containers.conf module to load", "mirror.conf"),
    later(
        "GlobalArgs",
        Command,
        Own,
        "4.8",
        "words between the program and its sub-command",
        "--log-level=debug",
    ),
    later("ServiceName", ScalarOrEmpty, Own, "5.3", "name of the service, without `.service`", "shop-image"),
    later("Arch", Scalar, Separate("--arch"), "4.8", "machine the image is for", "arm64"),
    later("AuthFile", Scalar, Separate("--authfile"), "4.8", "file with credentials", "/etc/auth.json"),
    later("CertDir", Scalar, Separate("--cert-dir"), "4.8", "directory with certificates", "/etc/certs"),
    later("Creds", Scalar, Separate("--creds"), "4.8", "user and password of the registry", "user:secret"),
    later(
        "DecryptionKey",
        Scalar,
        Separate("--decryption-key"),
        "4.8",
        "key of an encrypted image",
        "/etc/key.pem",
    ),
    later("OS", Scalar, Separate("--os"), "4.8", "system the image is for", "linux"),
    later("Policy", Scalar, Separate("--policy"), "5.6", "when the image is pulled", "newer"),
    later("Variant", Scalar, Separate("--variant"), "4.8", "variant of the machine", "v8"),
    later("Retry", Scalar, Separate("--retry"), "5.5", "how often a failed pull is tried again", "3"),
    later("RetryDelay", Scalar, Separate("--retry-delay"), "5.5", "pause between tries", "10s"),
    later("AllTags", Boolean, Switch("--all-tags"), "4.8", "whether every tag is pulled", "true"),
    later("TLSVerify", Boolean, Switch("--tls-verify"), "4.8", "whether certificates are checked", "false"),
    later("ImageTag", Scalar, Own, "4.8", "name by which others use the image", "localhost/shop:1"),
    later("PodmanArgs", Command, Own, "4.8", "further words before the image", "--quiet"),
    later("Image", Scalar, Own, "4.8", "image to pull", "docker.io/library/nginx:1.27"),
];
