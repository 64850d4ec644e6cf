//! Settings of an environment, and values that are made of others.

/// Settings, in the order in which they were first made.
#[derive(Debug, Default)]
pub(super) struct Settings(Vec<(String, String)>);

impl Settings {
    pub(super) fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|it| it.0 == name) {
            Some(setting) => value.clone_into(&mut setting.1),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    pub(super) fn unset(&mut self, name: &str) {
        self.0.retain(|it| it.0 != name);
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|it| it.0 == name).map(|it| it.1.as_str())
    }

    /// `NAME=value`.
    pub(super) fn into_strings(self) -> Vec<String> {
        self.0.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}

/// Fills in `$NAME`, `${NAME}`, `${NAME:-WORD}` (if it is not set) and `${NAME:+WORD}` (if it is), as in a Containerfile. A
/// backslash takes the meaning from a `$`; what is no reference stays as it is.
pub(super) fn expand<'a>(text: &str, value: impl Fn(&str) -> Option<&'a str> + Copy) -> String {
    let mut made = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\\']) {
        let (before, from) = rest.split_at(at);
        made.push_str(before);
        if let Some(after) = from.strip_prefix("\\$") {
            made.push('$');
            rest = after;
            continue;
        }
        let Some(after) = from.strip_prefix('$') else {
            made.push('\\');
            rest = from.get(1..).unwrap_or_default();
            continue;
        };
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if let Some((inside, behind)) = after.strip_prefix('{').and_then(braced) {
            let end = inside.find(|letter| !is_name(letter)).unwrap_or(inside.len());
            let (name, form) = inside.split_at(end);
            match (value(name).filter(|it| !it.is_empty()), form.get(..2)) {
                (Some(_), Some(":+")) | (None, Some(":-")) => {
                    made.push_str(&expand(form.get(2..).unwrap_or_default(), value));
                }
                (Some(value), _) => made.push_str(value),
                (None, _) => {}
            }
            rest = behind;
        } else {
            let end = after.find(|letter| !is_name(letter)).unwrap_or(after.len());
            let (name, behind) = after.split_at(end);
            if name.is_empty() {
                made.push('$');
            } else {
                made.push_str(value(name).unwrap_or_default());
            }
            rest = behind;
        }
    }
    made.push_str(rest);
    made
}

/// What stands before the brace that closes, and what behind it.
fn braced(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0;
    let end = text.find(|letter| {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth < 0
    })?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_filled_in() {
        let value = |name: &str| (name == "A").then_some("x");
        for (text, expected) in [
            ("$A-${A}b", "x-xb"),
            ("${A}:$B:${B}", "x::"),
            ("${B:-none}${A:-none}", "nonex"),
            ("${A:+${A}y}${B:+z}", "xy"),
            ("\\$A \\n $ ${A", "$A \\n $ ${A"),
        ] {
            assert_eq!(expand(text, value), expected, "{text}");
        }
    }
}
