//! Secrets in the open: whoever may read the unit file or ask systemd sees the variables of `Environment=`.

use super::{Lint, is_expanded};

/// Parts of names that speak of something secret.
const SECRET: [&str; 8] =
    ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "API_KEY", "APIKEY", "PRIVATE_KEY"];

/// Ends of names that only tell where a secret is.
const NOT_ITSELF: [&str; 4] = ["_FILE", "_PATH", "_URL", "_DIR"];

pub(super) fn look(lint: &mut Lint<'_>) {
    for pair in lint.words("Environment") {
        let Some((name, value)) = pair.text.split_once('=') else { continue };
        let name = name.to_ascii_uppercase();
        let is_secret = SECRET.iter().any(|part| name.contains(part))
            && !NOT_ITSELF.iter().any(|end| name.ends_with(end))
            && !value.is_empty()
            && !is_expanded(value)
            && !matches!(value, "true" | "false" | "yes" | "no" | "0" | "1");
        if is_secret {
            let text = format!("`{name}` looks like a secret, and everybody may read it here");
            let hint = format!(
                "write `Secret=NAME,type=env,target={name}`, or `EnvironmentFile=` with a file of mode 0600"
            );
            lint.warn(&pair, text, hint);
        }
    }
}
