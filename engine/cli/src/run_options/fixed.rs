//! Options of which only the value that describes our one way is taken.

use super::OptionError;
use super::error::Fault;
use crate::args::FixedOptions;

/// Refuses all other values by name.
pub(super) fn check(options: &FixedOptions) -> Result<(), OptionError> {
    let rows: [(&'static str, Option<&String>, &[&str]); 1] =
        [("--seccomp-policy", options.seccomp_policy.as_ref(), &["", "default"])];
    for (option, value, taken) in rows {
        let Some(value) = value.filter(|value| !taken.contains(&value.as_str())) else { continue };
        let taken: Vec<String> =
            taken.iter().filter(|word| !word.is_empty()).map(|word| format!("`{word}`")).collect();
        return Err(Fault::not_supported()
            .hint(format!("{option} takes {}", taken.join(" or ")))
            .of(option, value));
    }
    Ok(())
}
