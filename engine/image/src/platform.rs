//! Operating systems and processors in the words of image indexes, and which of several fits.
//!
//! It reads nothing of the machine but what it was compiled for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Operating system, architecture and its variant, in Go's words (`linux/arm64/v8`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// Operating system.
    #[serde(default)]
    pub os: String,
    /// Architecture.
    #[serde(default)]
    pub architecture: String,
    /// Variant of the architecture; empty if there is none.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "crate::config::null_is_default"
    )]
    pub variant: String,
}

/// Which platform an image is wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformRequest {
    /// The platform.
    pub platform: Platform,
    /// Whether somebody asked for it by name (`--platform`, `--arch`); then another one than the host's is meant.
    pub explicit: bool,
}

/// Says that a text names no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a platform; write os/architecture or os/architecture/variant, such as linux/arm64")]
pub struct InvalidPlatform {
    /// The text.
    pub text: String,
}

impl PlatformRequest {
    /// Asks for the platform of this machine.
    pub fn host() -> PlatformRequest {
        PlatformRequest { platform: Platform::host(), explicit: false }
    }

    /// Asks for this platform and no other.
    pub fn only(platform: Platform) -> PlatformRequest {
        PlatformRequest { platform, explicit: true }
    }
}

impl Platform {
    /// Makes a platform from words, which are normalised (`x86_64` is `amd64`).
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Platform {
        let (architecture, implied) = match architecture.to_ascii_lowercase().as_str() {
            "x86_64" | "x86-64" => ("amd64".to_owned(), ""),
            "aarch64" => ("arm64".to_owned(), ""),
            "armhf" | "armv7l" => ("arm".to_owned(), "v7"),
            "armel" | "armv6l" => ("arm".to_owned(), "v6"),
            "i386" | "i486" | "i586" | "i686" => ("386".to_owned(), ""),
            other => (other.to_owned(), ""),
        };
        let variant = variant.filter(|it| !it.is_empty()).unwrap_or(implied).to_ascii_lowercase();
        Platform { os: os.to_ascii_lowercase(), architecture, variant }
    }

    /// Returns the platform this program runs on.
    pub fn host() -> Platform {
        let architecture = match std::env::consts::ARCH {
            "x86" => "386",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            "powerpc64" => "ppc64",
            "loongarch64" => "loong64",
            other => other,
        };
        let variant = (architecture == "arm").then_some("v7");
        Platform::new("linux", architecture, variant)
    }

    /// Returns how well `offered` fits this wish: 0 is perfect, `None` means not at all.
    ///
    /// An ARM processor runs what was built for older variants, so those fit too, the newest best.
    pub fn fit(&self, offered: &Platform) -> Option<u32> {
        let offered = offered.normalised();
        if self.os != offered.os || self.architecture != offered.architecture {
            return None;
        }
        let wanted = self.effective_variant();
        let given = offered.effective_variant();
        if wanted == given {
            return Some(0);
        }
        match (arm_version(&wanted), arm_version(&given)) {
            (Some(wanted), Some(given)) if self.architecture == "arm" => wanted.checked_sub(given),
            _ if given.is_empty() => Some(100),
            _ => None,
        }
    }

    fn normalised(&self) -> Platform {
        Platform::new(&self.os, &self.architecture, Some(&self.variant))
    }

    /// Fills in the variant that an architecture has when none is named.
    fn effective_variant(&self) -> String {
        match (self.architecture.as_str(), self.variant.as_str()) {
            ("arm64", "") => "v8".to_owned(),
            ("arm", "") => "v7".to_owned(),
            ("amd64", "v1") => String::new(),
            (_, variant) => variant.to_owned(),
        }
    }
}

fn arm_version(variant: &str) -> Option<u32> {
    variant.strip_prefix('v')?.parse().ok()
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Platform, InvalidPlatform> {
        let invalid = || InvalidPlatform { text: text.to_owned() };
        let words: Vec<&str> = text.split('/').collect();
        let good = |word: &&str| {
            !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        if !words.iter().all(good) {
            return Err(invalid());
        }
        match words.as_slice() {
            [os] if matches!(*os, "linux" | "windows" | "freebsd") => {
                Ok(Platform { os: (*os).to_owned(), ..Platform::host() })
            }
            [architecture] => Ok(Platform::new("linux", architecture, None)),
            [os, architecture] => Ok(Platform::new(os, architecture, None)),
            [os, architecture, variant] => Ok(Platform::new(os, architecture, Some(variant))),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |word: &str| -> String {
            let word: String = word.chars().filter(|ch| !ch.is_control()).take(40).collect();
            if word.is_empty() { "unknown".to_owned() } else { word }
        };
        write!(formatter, "{}/{}", word(&self.os), word(&self.architecture))?;
        match self.variant.is_empty() {
            true => Ok(()),
            false => write!(formatter, "/{}", word(&self.variant)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn fit(wanted: &str, offered: &str) -> Option<u32> {
        wanted.parse::<Platform>().unwrap().fit(&offered.parse().unwrap())
    }

    #[test]
    fn words_are_normalised() {
        for (text, shown) in [
            ("linux/x86_64", "linux/amd64"),
            ("aarch64", "linux/arm64"),
            ("linux/armhf", "linux/arm/v7"),
            ("Linux/ARM/V6", "linux/arm/v6"),
        ] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), shown);
        }
        for text in ["", "/", "linux/", "a/b/c/d", "linux/a b"] {
            assert!(text.parse::<Platform>().is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn older_arm_variants_fit_and_newer_do_not() {
        assert_eq!(fit("linux/arm/v7", "linux/arm/v7"), Some(0));
        assert_eq!(fit("linux/arm/v7", "linux/arm/v6"), Some(1));
        assert_eq!(fit("linux/arm/v6", "linux/arm/v7"), None);
        assert_eq!(fit("linux/arm64", "linux/arm64/v8"), Some(0));
        assert_eq!(fit("linux/arm64/v8", "linux/arm64"), Some(0));
    }

    #[test]
    fn other_processors_and_systems_do_not_fit() {
        assert_eq!(fit("linux/amd64", "linux/arm64"), None);
        assert_eq!(fit("linux/amd64", "windows/amd64"), None);
        assert_eq!(fit("linux/amd64", "linux/amd64/v3"), None);
        assert_eq!(fit("linux/amd64/v3", "linux/amd64"), Some(100));
    }

    #[test]
    fn the_host_fits_itself() {
        assert_eq!(Platform::host().fit(&Platform::host()), Some(0));
    }
}
