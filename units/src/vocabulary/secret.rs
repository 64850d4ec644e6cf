//! The keys of `[Secret]`. Podman has no such files: its generator passes over them.

use super::Emit::{Own, Separate};
use super::Form::{Command, Pairs, Scalar};
use super::{Key, OURS, global_args, key, module, service_name};

pub(super) static KEYS: [Key; 9] = [
    module(OURS),
    global_args(OURS),
    service_name(OURS),
    key("Label", Pairs, Separate("--label"), OURS, "label of the secret", "app=shop"),
    key("File", Scalar, Own("`--file VALUE`"), OURS, "file that holds the data", "/etc/shop/db-password"),
    key(
        "Credential",
        Scalar,
        Own("`--file %d/VALUE`"),
        OURS,
        "credential of the service (LoadCredential=, SetCredentialEncrypted= in [Service]) that holds the data",
        "db-password",
    ),
    key(
        "Renew",
        Scalar,
        Own("a .timer unit beside the service"),
        OURS,
        "after what time the data is looked at again, or when in the calendar (as in OnCalendar=); services whose containers use it \
         are restarted if it is other data",
        "1h",
    ),
    key(
        "SecretName",
        Scalar,
        Own("the name, after all options"),
        OURS,
        "name of the secret; the default is systemd- and the file's name, and containers see it under the latter",
        "db-password",
    ),
    key(
        "Command",
        Command,
        Own("the command, after the name"),
        OURS,
        "command that prints the data, run without a shell",
        "/usr/bin/pass show shop/db",
    ),
];
