//! Which devices the processes of a control group may open and make: rules, and the program that the kernel asks.
//!
//! Rules are a value, and so is the program; loading and attaching it is the supervisor's business. A device that no rule
//! speaks of is denied. Where several rules speak of one, the last decides, for each kind of access by itself.

mod program;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use program::compile;

/// Kinds of device nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// Character devices.
    Char,
    /// Block devices.
    Block,
    /// Both.
    All,
}

/// What may be done with a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Access {
    /// Opening it for reading.
    pub read: bool,
    /// Opening it for writing.
    pub write: bool,
    /// Making a node for it.
    pub mknod: bool,
}

impl Access {
    /// Everything.
    pub const ALL: Self = Self { read: true, write: true, mknod: true };

    /// Reads `r`, `w` and `m`, each at most once, in any order; `None` for anything else, and for nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut access = Self::default();
        for letter in text.chars() {
            let place = match letter {
                'r' => &mut access.read,
                'w' => &mut access.write,
                'm' => &mut access.mknod,
                _ => return None,
            };
            if std::mem::replace(place, true) {
                return None;
            }
        }
        (!text.is_empty()).then_some(access)
    }
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRule {
    /// Whether it allows or denies.
    pub allow: bool,
    /// Which nodes.
    pub kind: DeviceKind,
    /// Their major number; `None` is any.
    pub major: Option<u32>,
    /// Their minor number; `None` is any.
    pub minor: Option<u32>,
    /// What is allowed or denied.
    pub access: Access,
}

impl DeviceRule {
    const fn allow(kind: DeviceKind, major: Option<u32>, minor: Option<u32>, access: Access) -> Self {
        Self { allow: true, kind, major, minor, access }
    }
}

const MKNOD: Access = Access { read: false, write: false, mknod: true };

const fn usual(major: u32, minor: Option<u32>) -> DeviceRule {
    DeviceRule::allow(DeviceKind::Char, Some(major), minor, Access::ALL)
}

/// What every container may do, as crun(1) has it: nodes of any device may be made, and these be used.
pub const USUAL: [DeviceRule; 12] = [
    DeviceRule::allow(DeviceKind::Char, None, None, MKNOD),
    DeviceRule::allow(DeviceKind::Block, None, None, MKNOD),
    usual(1, Some(3)),    // null
    usual(1, Some(5)),    // zero
    usual(1, Some(7)),    // full
    usual(1, Some(8)),    // random
    usual(1, Some(9)),    // urandom
    usual(5, Some(0)),    // tty
    usual(5, Some(1)),    // console
    usual(5, Some(2)),    // ptmx
    usual(136, None),     // pts/*
    usual(10, Some(200)), // net/tun
];
