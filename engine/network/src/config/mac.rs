//! Hardware addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A hardware address of six bytes, written `92:d0:c6:0a:29:33`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MacAddress(pub [u8; 6]);

/// A text that is no hardware address of one interface.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no hardware address of an interface: six bytes like 92:d0:c6:0a:29:33, the first of them even"
)]
pub struct MacError {
    /// The text.
    pub text: String,
}

impl FromStr for MacAddress {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let wrong = || MacError { text: text.to_owned() };
        let mark = if text.contains('-') { '-' } else { ':' };
        let mut bytes = [0; 6];
        let mut words = text.split(mark);
        for byte in &mut bytes {
            let word = words.next().filter(|it| it.len() == 2).ok_or_else(wrong)?;
            // `from_str_radix` alone would take a sign.
            if !word.bytes().all(|it| it.is_ascii_hexdigit()) {
                return Err(wrong());
            }
            *byte = u8::from_str_radix(word, 16).map_err(|_| wrong())?;
        }
        // The kernel gives no interface an address of a group, nor the one of nobody.
        let [first, ..] = bytes;
        if words.next().is_some() || first & 1 == 1 || bytes == [0; 6] {
            return Err(wrong());
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> Self {
        mac.to_string()
    }
}

impl TryFrom<String> for MacAddress {
    type Error = MacError;

    fn try_from(text: String) -> Result<Self, MacError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_as_read() {
        for text in ["92:d0:c6:0a:29:33", "92-D0-C6-0a-29-33"] {
            assert_eq!(text.parse::<MacAddress>().unwrap().to_string(), "92:d0:c6:0a:29:33");
        }
    }

    #[test]
    fn what_no_interface_can_have() {
        for text in [
            "",
            "92",
            "93:d0:c6:0a:29:33",
            "00:00:00:00:00:00",
            "92:d0:c6:0a:29",
            "92:d0:c6:0a:29:33:44",
            "+2:d0:c6:0a:29:33",
            "9:d0:c6:0a:29:33",
        ] {
            assert!(text.parse::<MacAddress>().is_err(), "{text}");
        }
    }
}
