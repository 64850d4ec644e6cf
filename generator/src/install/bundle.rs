//! A file with several units in it: parts divided by lines `---`, each saying what it is called.

use pontoon_units::UnitKind;

use super::{Given, InstallError};

/// The word before a part's name.
const NAME: &str = "FileName=";

/// Takes a bundle apart; each part gets the extension of the first section that has one.
pub(super) fn split(bundle: &Given) -> Result<Vec<Given>, InstallError> {
    let broken = |line, reason| InstallError::Bundle { name: bundle.name.clone(), line, reason };
    let text = std::str::from_utf8(&bundle.bytes).map_err(|error| {
        let line =
            bundle.bytes.get(..error.valid_up_to()).unwrap_or(&[]).split(|byte| *byte == b'\n').count();
        broken(line, "the text is not UTF-8")
    })?;
    let mut parts = Vec::new();
    let mut part: Vec<&str> = Vec::new();
    let mut first = 1;
    for (number, line) in text.lines().chain(["---"]).enumerate() {
        if line.trim() != "---" {
            part.push(line);
            continue;
        }
        if part.iter().any(|line| !line.trim().is_empty()) {
            let name = name_of(&part).map_err(|reason| broken(first, reason))?;
            parts.push(Given { name, bytes: format!("{}\n", part.join("\n").trim()).into_bytes() });
        }
        part.clear();
        first = number + 2;
    }
    if parts.is_empty() { Err(broken(1, "there is no unit in it")) } else { Ok(parts) }
}

/// What a part is called.
fn name_of(part: &[&str]) -> Result<String, &'static str> {
    let name = part
        .iter()
        .find_map(|line| line.trim().strip_prefix('#')?.trim_start().strip_prefix(NAME))
        .map(str::trim)
        .ok_or("the part does not say its name")?;
    if name.is_empty() || name.contains(['/', '\\']) || UnitKind::of_file_name(name).is_some() {
        return Err("the part's name must be one without directory and extension");
    }
    let kind =
        part.iter().filter_map(|line| line.trim().strip_prefix('[')?.strip_suffix(']')).find_map(|section| {
            UnitKind::ALL.into_iter().find(|kind| kind.section().eq_ignore_ascii_case(section))
        });
    let kind = kind.ok_or("the part has no section that says what it is")?;
    Ok(format!("{name}.{}", kind.extension()))
}
