//! Content digests: the validated name of a blob, and readers that check a stream against it.
//!
//! A [`Digest`] cannot hold anything but an algorithm we know and lower-case hex of the right length, so it is safe as
//! a file name or a part of an address. It knows nothing about what the bytes mean.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};

/// A hash algorithm that may name content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256; what everybody uses.
    Sha256,
    /// SHA-512; allowed by the OCI specification.
    Sha512,
}

impl Algorithm {
    /// Returns the name as it stands before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// Returns how many hex digits a digest of this algorithm has.
    pub fn hex_len(self) -> usize {
        match self {
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        }
    }
}

/// A checked content digest, such as `sha256:` and 64 lower-case hex digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(Box<str>);

/// Says that a text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a digest: {reason}")]
pub struct InvalidDigest {
    /// The text, shortened if it was long, without control characters.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Digest {
    /// Computes the SHA-256 digest of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Digest {
        let mut digester = Digester::new(Algorithm::Sha256);
        digester.update(bytes);
        digester.finish()
    }

    /// Computes the digest of `bytes` by the given algorithm.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Digest {
        let mut digester = Digester::new(algorithm);
        digester.update(bytes);
        digester.finish()
    }

    /// Returns the algorithm.
    pub fn algorithm(&self) -> Algorithm {
        if self.0.starts_with("sha512:") { Algorithm::Sha512 } else { Algorithm::Sha256 }
    }

    /// Returns the hex digits after the colon.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// Returns the first twelve hex digits, as people see ids.
    pub fn short(&self) -> &str {
        self.hex().get(..12).unwrap_or("")
    }

    /// Returns the whole text, `algorithm:hex`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Digest, InvalidDigest> {
        let invalid = |reason| InvalidDigest { text: shorten(text), reason };
        let (name, hex) = text.split_once(':').ok_or_else(|| invalid("it has no colon"))?;
        let algorithm = match name {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            _ => return Err(invalid("its algorithm is neither sha256 nor sha512")),
        };
        if hex.len() != algorithm.hex_len() {
            return Err(invalid("its length is wrong"));
        }
        if !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(invalid("it has other characters than lower-case hex digits"));
        }
        Ok(Digest(text.into()))
    }
}

/// Keeps a hostile text from flooding or colouring a message.
fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(160).map(|ch| if ch.is_control() { '?' } else { ch }).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Digest, InvalidDigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.0.into()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Computes a digest piece by piece.
#[derive(Clone)]
pub struct Digester(State);

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha512(Box<Sha512>),
}

impl Digester {
    /// Starts with nothing read.
    pub fn new(algorithm: Algorithm) -> Digester {
        Digester(match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Box::new(Sha512::new())),
        })
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// Returns the digest of all that was taken in.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(state) => format_digest(Algorithm::Sha256, &state.finalize()),
            State::Sha512(state) => format_digest(Algorithm::Sha512, &state.finalize()),
        }
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Digester")
    }
}

fn format_digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut text = String::with_capacity(7 + bytes.len() * 2);
    text.push_str(algorithm.name());
    text.push(':');
    for byte in bytes {
        text.push(HEX[usize::from(byte >> 4)]);
        text.push(HEX[usize::from(byte & 15)]);
    }
    Digest(text.into())
}

/// Says why a stream is not the content it was announced as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The bytes have another digest.
    #[error("content has digest {actual}, not {expected}")]
    Digest {
        /// What was announced.
        expected: Digest,
        /// What was read.
        actual: Digest,
    },
    /// The stream ended early.
    #[error("content of {expected_digest} ended after {actual} of {expected} bytes")]
    TooShort {
        /// The announced digest.
        expected_digest: Digest,
        /// The announced size.
        expected: u64,
        /// The size read.
        actual: u64,
    },
    /// The stream goes on after the announced size.
    #[error("content of {expected_digest} is longer than {expected} bytes")]
    TooLong {
        /// The announced digest.
        expected_digest: Digest,
        /// The announced size.
        expected: u64,
    },
}

/// A reader that hands bytes through and refuses, at the latest at the end, content that is not what was announced.
///
/// The last read, which would return 0, returns an error of kind `InvalidData` that carries a [`VerifyError`] instead,
/// when the digest or the size is wrong. Too many bytes are refused as soon as they come. Whoever stops reading before
/// the end has verified nothing.
#[derive(Debug)]
pub struct DigestReader<R> {
    inner: R,
    digester: Option<Digester>,
    expected: Digest,
    size: Option<u64>,
    count: u64,
}

impl<R: Read> DigestReader<R> {
    /// Wraps `inner`, which must give exactly `size` bytes (if it is known) with the digest `expected`.
    pub fn new(inner: R, expected: Digest, size: Option<u64>) -> DigestReader<R> {
        let digester = Some(Digester::new(expected.algorithm()));
        DigestReader { inner, digester, expected, size, count: 0 }
    }

    /// Returns how many bytes have been read.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Tells whether the end was reached and found right.
    pub fn verified(&self) -> bool {
        self.digester.is_none()
    }

    fn check_end(&mut self) -> Result<(), VerifyError> {
        let Some(digester) = self.digester.clone() else { return Ok(()) };
        if let Some(expected) = self.size
            && self.count < expected
        {
            let expected_digest = self.expected.clone();
            return Err(VerifyError::TooShort { expected_digest, expected, actual: self.count });
        }
        let actual = digester.finish();
        if actual != self.expected {
            return Err(VerifyError::Digest { expected: self.expected.clone(), actual });
        }
        self.digester = None;
        Ok(())
    }
}

impl<R: Read> Read for DigestReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(digester) = self.digester.as_mut() else { return Ok(0) };
        if buf.is_empty() {
            return Ok(0);
        }
        let length = self.inner.read(buf)?;
        if length == 0 {
            self.check_end().map_err(|err| io::Error::new(io::ErrorKind::InvalidData, err))?;
            return Ok(0);
        }
        self.count += length as u64;
        if let Some(expected) = self.size
            && self.count > expected
        {
            let err = VerifyError::TooLong { expected_digest: self.expected.clone(), expected };
            return Err(io::Error::new(io::ErrorKind::InvalidData, err));
        }
        digester.update(buf.get(..length).unwrap_or_default());
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[track_caller]
    fn refused(text: &str) {
        assert!(text.parse::<Digest>().is_err(), "{text} was accepted");
    }

    #[test]
    fn a_digest_is_kept_word_for_word() {
        let digest: Digest = HELLO.parse().unwrap();
        assert_eq!(digest.to_string(), HELLO);
        assert_eq!(digest.algorithm(), Algorithm::Sha256);
        assert_eq!(digest.hex().len(), 64);
        assert_eq!(digest, Digest::sha256(b"hello"));
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for text in [
            "",
            "sha256",
            "sha256:",
            "sha256:../../etc/passwd",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            "SHA256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
            "sha256:2CF24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
            "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b982",
            "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b98244",
            "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n",
            "sha512:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
            "sha256:../../../../../../../../../../../../../../../../../../../../../x",
        ] {
            refused(text);
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_message() {
        let err = "sha256:\u{1b}[31mred".parse::<Digest>().unwrap_err();
        assert!(!err.to_string().contains('\u{1b}'));
    }

    #[test]
    fn json_with_a_bad_digest_does_not_parse() {
        assert!(serde_json::from_str::<Digest>("\"sha256:../x\"").is_err());
        assert_eq!(serde_json::from_str::<Digest>(&format!("\"{HELLO}\"")).unwrap().as_str(), HELLO);
    }

    #[track_caller]
    fn read_all(content: &[u8], digest: &str, size: Option<u64>) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        DigestReader::new(content, digest.parse().unwrap(), size).read_to_end(&mut out).map(|_| out)
    }

    #[test]
    fn right_content_passes() {
        assert_eq!(read_all(b"hello", HELLO, Some(5)).unwrap(), b"hello");
        assert_eq!(read_all(b"hello", HELLO, None).unwrap(), b"hello");
        let long = Digest::of(Algorithm::Sha512, b"hello").to_string();
        assert_eq!(read_all(b"hello", &long, Some(5)).unwrap(), b"hello");
    }

    #[test]
    fn wrong_truncated_and_long_content_is_refused() {
        for (content, size) in [(&b"hellO"[..], 5), (b"hell", 5), (b"hello!", 5), (b"", 5), (b"hello", 4)] {
            let err = read_all(content, HELLO, Some(size)).unwrap_err();
            assert_eq!(err.kind(), io::ErrorKind::InvalidData);
            assert!(err.get_ref().unwrap().is::<VerifyError>());
        }
    }
}
