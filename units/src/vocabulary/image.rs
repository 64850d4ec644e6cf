//! The keys of `[Image]`.

use super::Emit::{Own, Separate, Switch};
use super::Form::{Boolean, Scalar};
use super::{Key, global_args, key, module, podman_args, service_name};

pub(super) static KEYS: [Key; 18] = [
    module("4.8"),
    global_args("4.8"),
    service_name("5.3"),
    key("Arch", Scalar, Separate("--arch"), "4.8", "machine the image is for", "arm64"),
    key("AuthFile", Scalar, Separate("--authfile"), "4.8", "file with credentials", "/etc/auth.json"),
    key("CertDir", Scalar, Separate("--cert-dir"), "4.8", "directory with certificates", "/etc/certs"),
    key("Creds", Scalar, Separate("--creds"), "4.8", "user and password of the registry", "user:secret"),
    key(
        "DecryptionKey",
        Scalar,
        Separate("--decryption-key"),
        "4.8",
        "key of an encrypted image",
        "/etc/key.pem",
    ),
    key("OS", Scalar, Separate("--os"), "4.8", "system the image is for", "linux"),
    key("Policy", Scalar, Separate("--policy"), "5.6", "when the image is pulled", "newer"),
    key("Variant", Scalar, Separate("--variant"), "4.8", "variant of the machine", "v8"),
    key("Retry", Scalar, Separate("--retry"), "5.5", "how often a failed pull is tried again", "3"),
    key("RetryDelay", Scalar, Separate("--retry-delay"), "5.5", "pause between tries", "10s"),
    key("AllTags", Boolean, Switch("--all-tags"), "4.8", "whether every tag is pulled", "true"),
    key("TLSVerify", Boolean, Switch("--tls-verify"), "4.8", "whether certificates are checked", "false"),
    key(
        "ImageTag",
        Scalar,
        Own("the name other files get for this one"),
        "4.8",
        "name by which others use the image",
        "localhost/shop:1",
    ),
    podman_args("4.8"),
    key(
        "Image",
        Scalar,
        Own("the image, after all options"),
        "4.8",
        "image to pull",
        "docker.io/library/nginx:1.27",
    ),
];
