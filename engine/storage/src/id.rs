//! Ids of containers, images and layers: 64 lower-case hexadecimal digits, checked at the border.
//!
//! A value of these types can be a file name: it holds no slash, no dot and has one length.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {wanted}")]
pub struct IdError {
    /// The text.
    pub text: String,
    /// What it should have been.
    pub wanted: &'static str,
}

fn is_hex64(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(DIGITS.get(usize::from(digit)).copied().unwrap_or(b'?')));
        }
    }
    text
}

/// Sixteen hexadecimal digits nobody else has.
///
/// # Errors
/// The kernel's error.
pub fn random_suffix() -> rustix::io::Result<String> {
    let mut bytes = [0_u8; 8];
    fill_random(&mut bytes)?;
    Ok(hex(&bytes))
}

fn fill_random(bytes: &mut [u8]) -> rustix::io::Result<()> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..)
        && !rest.is_empty()
    {
        filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(())
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $wanted:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The 64 hexadecimal digits.
            #[must_use]
            pub fn hex(&self) -> &str {
                &self.0
            }

            /// Makes the id of the 32 bytes of a digest.
            #[must_use]
            pub fn from_bytes(bytes: &[u8; 32]) -> Self {
                Self(hex(bytes).into_boxed_str())
            }

            /// Reads the 64 digits alone, without any algorithm before them.
            #[allow(dead_code, reason = "one of the three types has no use for it")]
            pub(crate) fn from_hex(text: &str) -> Option<Self> {
                is_hex64(text).then(|| Self(text.into()))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix)
                    .filter(|digits| is_hex64(digits))
                    .map(|digits| Self(digits.into()))
                    .ok_or_else(|| IdError { text: text.chars().take(200).collect(), wanted: $wanted })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}{}", $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}{}", $prefix, self.0)
            }
        }
    };
}

hex_id! {
    /// The id of a container: 64 hexadecimal digits.
    ContainerId, "a container id (64 hexadecimal digits)", ""
}

hex_id! {
    /// The id of an image: the hexadecimal digits of the sha256 of its config.
    ImageId, "an image id (64 hexadecimal digits)", ""
}

hex_id! {
    /// The digest of a layer's uncompressed archive, as `rootfs.diff_ids` writes it: `sha256:` and 64 digits.
    DiffId, "a layer's diff id (`sha256:` and 64 hexadecimal digits)", "sha256:"
}

impl ContainerId {
    /// Draws a new id.
    pub fn random() -> Result<Self, rustix::io::Errno> {
        let mut bytes = [0_u8; 32];
        fill_random(&mut bytes)?;
        Ok(Self::from_bytes(&bytes))
    }

    /// The first twelve digits, as lists show them.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl ImageId {
    /// The first twelve digits, as lists show them.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl DiffId {
    /// The directory's name below `layers/`.
    pub(crate) fn dir_name(&self) -> String {
        format!("sha256-{}", self.0)
    }

    /// Reads a directory's name below `layers/` back.
    pub(crate) fn from_dir_name(name: &str) -> Option<Self> {
        Self::from_hex(name.strip_prefix("sha256-")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_64_lower_case_digits_and_nothing_else() {
        let digits = "0123456789abcdef".repeat(4);
        assert_eq!(digits.parse::<ContainerId>().unwrap().short(), "0123456789ab");
        assert_eq!(
            format!("sha256:{digits}").parse::<DiffId>().unwrap().to_string(),
            format!("sha256:{digits}")
        );
        for wrong in
            ["", "sha256:../../x", "abc", &digits.to_uppercase(), &digits[1..], &format!("{digits}0")]
        {
            assert!(wrong.parse::<ContainerId>().is_err(), "{wrong}");
            assert!(wrong.parse::<DiffId>().is_err(), "{wrong}");
        }
        assert!(format!("sha512:{digits}").parse::<DiffId>().is_err());
        assert!(digits.parse::<DiffId>().is_err());
    }

    #[test]
    fn random_ids_differ() {
        assert_ne!(ContainerId::random().unwrap(), ContainerId::random().unwrap());
    }
}
