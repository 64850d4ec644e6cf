//! Keys that leave a container without ending it: `--detach-keys`.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;

/// Podman's.
const DEFAULT: &str = "ctrl-p,ctrl-q";

/// A text that names no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid value `{text}` for `--detach-keys`: `{key}` is no key")]
pub struct KeysError {
    text: String,
    key: String,
}

impl KeysError {
    /// What is wrong, without the option.
    pub(crate) fn reason(&self) -> String {
        format!("`{}` is no key", self.key)
    }

    /// What to write instead.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(
            "write keys as a, ctrl-a, ctrl-@, ctrl-[ and so on, with commas between; empty for none"
                .to_owned(),
        )
    }
}

/// A sequence of bytes that is looked for in what is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachKeys {
    keys: Vec<u8>,
    /// How many of them were typed, and are held back.
    typed: usize,
}

/// What became of a piece of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// It was handed on.
    More,
    /// There is no more, or nobody takes it.
    End,
    /// The keys were typed.
    Detach,
}

impl DetachKeys {
    /// Reads the value of the option; `None` is the default.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn read(text: Option<&str>) -> Result<Self, KeysError> {
        let text = text.unwrap_or(DEFAULT);
        let key = |word: &str| match word.as_bytes() {
            [one] => Some(*one),
            _ => match word.strip_prefix("ctrl-")?.as_bytes() {
                [letter @ b'a'..=b'z'] => Some(letter - b'a' + 1),
                [letter @ b'A'..=b'Z'] => Some(letter - b'A' + 1),
                [b'@'] => Some(0),
                [sign @ (b'[' | b'\\' | b']' | b'^' | b'_')] => Some(sign - b'@'),
                _ => None,
            },
        };
        let words = text.split(',').filter(|_| !text.is_empty());
        let keys: Result<Vec<u8>, KeysError> = words
            .map(|word| key(word).ok_or_else(|| KeysError { text: text.to_owned(), key: word.to_owned() }))
            .collect();
        Ok(Self { keys: keys?, typed: 0 })
    }

    /// What is to be handed on of a piece of input; true at the end of the sequence, which is not.
    pub fn pass(&mut self, bytes: &[u8]) -> (Vec<u8>, bool) {
        if self.keys.is_empty() {
            return (bytes.to_vec(), false);
        }
        let mut passed = Vec::with_capacity(bytes.len() + self.typed);
        for byte in bytes {
            if self.keys.get(self.typed) == Some(byte) {
                self.typed += 1;
                if self.typed == self.keys.len() {
                    self.typed = 0;
                    return (passed, true);
                }
                continue;
            }
            // What was held back was meant after all.
            passed.extend(self.keys.iter().take(self.typed));
            self.typed = 0;
            if self.keys.first() == Some(byte) && self.keys.len() > 1 {
                self.typed = 1;
            } else {
                passed.push(*byte);
            }
        }
        (passed, false)
    }
}

/// What is typed, on its way to the payload. Nothing here waits: a payload that does not read must not keep us from showing
/// what it writes.
#[derive(Debug)]
pub struct Typing {
    keys: DetachKeys,
    /// Read, and not yet taken.
    pending: Vec<u8>,
    detaches: bool,
}

impl Typing {
    /// For the way to the payload, which is switched to not waiting.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn new(keys: DetachKeys, to: BorrowedFd<'_>) -> Result<Self, Errno> {
        let flags = rustix::fs::fcntl_getfl(to)?;
        rustix::fs::fcntl_setfl(to, flags | rustix::fs::OFlags::NONBLOCK)?;
        Ok(Self { keys, pending: Vec::new(), detaches: false })
    }

    /// For a way on which nobody types: no byte has a meaning of its own.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn of_bytes(to: BorrowedFd<'_>) -> Result<Self, Errno> {
        Self::new(DetachKeys { keys: Vec::new(), typed: 0 }, to)
    }

    /// Whether something waits to be taken; until it is, nothing more is read.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Reads what is there, and hands it on.
    pub fn read(&mut self, from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Typed {
        let mut buffer = [0u8; 64 << 10];
        let count = match rustix::io::read(from, &mut buffer) {
            Ok(0) => return Typed::End,
            Ok(count) => count,
            Err(Errno::INTR | Errno::AGAIN) => return Typed::More,
            Err(_) => return Typed::End,
        };
        let (passed, detaches) = self.keys.pass(buffer.get(..count).unwrap_or_default());
        self.pending = passed;
        self.detaches = detaches;
        self.hand_on(to)
    }

    /// Hands on what is taken now.
    pub fn hand_on(&mut self, to: BorrowedFd<'_>) -> Typed {
        while !self.pending.is_empty() {
            match rustix::io::write(to, &self.pending) {
                Ok(written) => drop(self.pending.drain(..written)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Typed::More,
                Err(_) => return Typed::End,
            }
        }
        if self.detaches { Typed::Detach } else { Typed::More }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_what_is_typed() {
        let mut keys = DetachKeys::read(None).unwrap();
        assert_eq!(keys.pass(b"ab"), (b"ab".to_vec(), false));
        assert_eq!(keys.pass(b"a\x10"), (b"a".to_vec(), false));
        assert_eq!(keys.pass(b"b\x10\x10"), (b"\x10b\x10".to_vec(), false));
        assert_eq!(keys.pass(b"\x11x"), (Vec::new(), true));
        let mut none = DetachKeys::read(Some("")).unwrap();
        assert_eq!(none.pass(b"\x10\x11"), (b"\x10\x11".to_vec(), false));
        let mut one = DetachKeys::read(Some("ctrl-]")).unwrap();
        assert_eq!(one.pass(b"a\x1d"), (b"a".to_vec(), true));
    }

    #[test]
    fn what_is_no_key_is_told() {
        for text in ["ctrl-", "ctrl-1", "alt-a", "a,,b"] {
            assert!(DetachKeys::read(Some(text)).is_err(), "{text}");
        }
    }
}
