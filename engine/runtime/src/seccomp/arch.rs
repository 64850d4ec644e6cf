//! Architectures: their names, the kernel's audit words, and the numbers of their calls.

use super::table::{ARM_PRIVATE, CALLS, NONE};

/// An architecture whose calls a filter can cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arch {
    // The order is that of the columns of the table of calls.
    /// amd64, with x86 and x32 as the compatible ones.
    X86_64,
    /// 32-bit x86.
    X86,
    /// The x32 calls of amd64.
    X32,
    /// arm64, with arm as the compatible one.
    Aarch64,
    /// 32-bit arm, EABI.
    Arm,
    /// riscv64.
    Riscv64,
    /// ppc64le.
    Ppc64le,
    /// s390x.
    S390x,
    /// loong64.
    Loongarch64,
}

/// Calls of x32 have this bit in their number.
pub(super) const X32_BIT: u32 = 0x4000_0000;

impl Arch {
    /// The one this program was built for.
    #[must_use]
    pub fn native() -> Option<Self> {
        Some(match std::env::consts::ARCH {
            "x86_64" => Self::X86_64,
            "x86" => Self::X86,
            "aarch64" => Self::Aarch64,
            "arm" => Self::Arm,
            "riscv64" => Self::Riscv64,
            "powerpc64" if cfg!(target_endian = "little") => Self::Ppc64le,
            "s390x" => Self::S390x,
            "loongarch64" => Self::Loongarch64,
            _ => return None,
        })
    }

    /// Its name in `includes.arches` and `excludes.arches`, which is Go's.
    pub(super) fn go_name(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::X86 => "386",
            Self::X32 => "x32",
            Self::Aarch64 => "arm64",
            Self::Arm => "arm",
            Self::Riscv64 => "riscv64",
            Self::Ppc64le => "ppc64le",
            Self::S390x => "s390x",
            Self::Loongarch64 => "loong64",
        }
    }

    /// The architecture that libseccomp calls by that name, if its calls are in our table.
    pub(super) fn from_scmp_name(name: &str) -> Option<Self> {
        Some(match name {
            "SCMP_ARCH_X86_64" => Self::X86_64,
            "SCMP_ARCH_X86" => Self::X86,
            "SCMP_ARCH_X32" => Self::X32,
            "SCMP_ARCH_AARCH64" => Self::Aarch64,
            "SCMP_ARCH_ARM" => Self::Arm,
            "SCMP_ARCH_RISCV64" => Self::Riscv64,
            "SCMP_ARCH_PPC64LE" => Self::Ppc64le,
            "SCMP_ARCH_S390X" => Self::S390x,
            "SCMP_ARCH_LOONGARCH64" => Self::Loongarch64,
            _ => return None,
        })
    }

    /// Whether programs of `other` run on a kernel of this architecture, in tables that we have.
    pub(super) fn runs(self, other: Self) -> bool {
        self == other
            || matches!((self, other), (Self::X86_64, Self::X86 | Self::X32) | (Self::Aarch64, Self::Arm))
    }

    /// `AUDIT_ARCH_…`, what the kernel says in `seccomp_data.arch`.
    pub(super) fn audit_word(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xc000_003e,
            Self::X86 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
            Self::Arm => 0x4000_0028,
            Self::Riscv64 => 0xc000_00f3,
            Self::Ppc64le => 0xc000_0015,
            Self::S390x => 0x8000_0016,
            Self::Loongarch64 => 0xc000_0102,
        }
    }

    /// Whether the upper half of an argument counts. x32 is like the 32-bit ones here, as in libseccomp.
    pub(super) fn has_wide_arguments(self) -> bool {
        !matches!(self, Self::X86 | Self::X32 | Self::Arm)
    }

    /// Where the upper half of an argument lies: `seccomp_data` is in the kernel's byte order.
    pub(super) fn is_big_endian(self) -> bool {
        self == Self::S390x
    }

    /// Whether socket and System V calls can also be made through `socketcall` and `ipc`.
    pub(super) fn has_multiplexers(self) -> bool {
        matches!(self, Self::X86 | Self::Ppc64le | Self::S390x)
    }

    /// The number of a call, given by its row in the table.
    pub(super) fn number(self, call: u16) -> Option<u32> {
        let number = *CALLS.get(usize::from(call))?.numbers.get(self as usize)?;
        match number {
            NONE => None,
            private if private >= ARM_PRIVATE => Some(0x000f_0000 + u32::from(private - ARM_PRIVATE)),
            number if self == Self::X32 => Some(u32::from(number) | X32_BIT),
            number => Some(u32::from(number)),
        }
    }
}

/// Version of a kernel, for rules that need a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion(pub u32, pub u32);

impl KernelVersion {
    /// Reads `6.18.44-…`, as `uname -r` and `minKernel` have it.
    #[must_use]
    pub fn parse(release: &str) -> Option<Self> {
        let mut parts = release.split(|letter: char| !letter.is_ascii_digit());
        Some(Self(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }

    /// The running kernel's. A release nobody can read counts as the oldest, so that rules for newer ones stay off.
    #[must_use]
    pub fn running() -> Self {
        let system = rustix::system::uname();
        system.release().to_str().ok().and_then(Self::parse).unwrap_or(Self(0, 0))
    }
}
