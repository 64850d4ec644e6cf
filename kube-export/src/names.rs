//! Names that Kubernetes allows, and the nearest one to a name that it does not.

/// What a name may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRule {
    /// A label of RFC 1123: containers, volumes and ports, and what becomes a host name.
    Label,
    /// A subdomain of RFC 1123, of labels with dots between: most objects.
    Subdomain,
}

impl NameRule {
    /// The longest name.
    #[must_use]
    pub fn longest(self) -> usize {
        match self {
            Self::Label => 63,
            Self::Subdomain => 253,
        }
    }

    /// Whether a name is allowed.
    #[must_use]
    pub fn allows(self, name: &str) -> bool {
        let is_label = |label: &str| {
            let is_end =
                |byte: Option<&u8>| byte.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
            let bytes = label.as_bytes();
            is_end(bytes.first())
                && is_end(bytes.last())
                && bytes.iter().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || *it == b'-')
        };
        name.len() <= self.longest()
            && match self {
                Self::Label => is_label(name),
                Self::Subdomain => name.split('.').all(is_label),
            }
    }

    /// A name that is allowed and as near to this one as can be: the name itself, if it is allowed.
    #[must_use]
    pub fn nearest(self, name: &str) -> String {
        if self.allows(name) {
            return name.to_owned();
        }
        let keep = |char: char| match char {
            'a'..='z' | '0'..='9' | '-' => char,
            'A'..='Z' => char.to_ascii_lowercase(),
            '.' if self == Self::Subdomain => '.',
            _ => '-',
        };
        let text: String = name.chars().map(keep).collect();
        let parts = text.split('.').map(|part| part.trim_matches('-')).filter(|part| !part.is_empty());
        let mut text = parts.collect::<Vec<_>>().join(".");
        // All of it is ASCII by now.
        text.truncate(self.longest());
        let text = text.trim_end_matches(['-', '.']);
        if text.is_empty() { "x".to_owned() } else { text.to_owned() }
    }

    /// What is allowed, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Label => {
                "it takes up to 63 small letters, digits and `-`, and begins and ends with a letter or digit"
            }
            Self::Subdomain => {
                "it takes up to 253 small letters, digits, `-` and `.`, and begins and ends with a letter or digit"
            }
        }
    }
}

/// Whether a key of a label or an annotation is one: `[PREFIX/]NAME` (kubernetes.io, "Labels and Selectors").
#[must_use]
pub fn is_qualified(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => NameRule::Subdomain.allows(prefix) && is_word(name),
        None => is_word(key),
    }
}

/// Whether a text can be the value of a label.
#[must_use]
pub fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_word(value)
}

/// Whether a text can be a key of a ConfigMap or a Secret.
#[must_use]
pub fn is_data_key(key: &str) -> bool {
    let is_char = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.');
    !key.is_empty() && key.len() <= 253 && key != "." && key != ".." && key.bytes().all(is_char)
}

/// Whether an image's name may stand for another image tomorrow: one without a tag, or with `latest`. A cluster that is told
/// nothing else pulls such a one each time.
#[must_use]
pub fn moves(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or_default();
    !image.contains('@') && (!last.contains(':') || last.ends_with(":latest"))
}

fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_end = |it: Option<&u8>| it.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= 63
        && is_end(bytes.first())
        && is_end(bytes.last())
        && bytes.iter().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_allowed() {
        for (name, label, subdomain) in [
            ("web", "web", "web"),
            ("My_App.1", "my-app-1", "my-app.1"),
            ("-x-", "x", "x"),
            ("..", "x", "x"),
            ("", "x", "x"),
            ("größe", "gr--e", "gr--e"),
        ] {
            assert_eq!(NameRule::Label.nearest(name), label, "{name}");
            assert_eq!(NameRule::Subdomain.nearest(name), subdomain, "{name}");
        }
        let long = "a".repeat(62) + "-b";
        assert_eq!(NameRule::Label.nearest(&long), "a".repeat(62));
        for name in [long.as_str(), "a.-b", "ß", "a..b", "x."] {
            for rule in [NameRule::Label, NameRule::Subdomain] {
                assert!(rule.allows(&rule.nearest(name)), "{name}");
            }
        }
    }

    #[test]
    fn images_that_move() {
        for (image, expected) in [
            ("i", true),
            ("h:5000/i", true),
            ("i:latest", true),
            ("i:1", false),
            ("i:latest@sha256:0", false),
        ] {
            assert_eq!(moves(image), expected, "{image}");
        }
    }

    #[test]
    fn keys_and_values_of_labels() {
        for key in ["app", "app.kubernetes.io/name", "a_b.c-d", "A/b"] {
            assert_eq!(is_qualified(key), key != "A/b", "{key}");
        }
        for key in ["", "a b", "/x", "x/", "-x", "a/b/c"] {
            assert!(!is_qualified(key), "{key}");
        }
        assert!(
            is_label_value("") && is_label_value("A_1") && !is_label_value("a b") && !is_label_value("x!")
        );
        assert!(is_data_key("..x") && !is_data_key("..") && !is_data_key("a/b") && !is_data_key(""));
    }
}
