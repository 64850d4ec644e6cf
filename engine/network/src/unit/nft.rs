//! nft(8), which changes rules all at once or not at all, and takes its time: it runs while everything else goes on.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use pontoon_rootless::helper::{self, MissingHelper};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Why the rules are not changed.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// There is no nft.
    #[error(transparent)]
    Missing(#[from] MissingHelper),
    /// It does not run.
    #[error("cannot run {}", program.display())]
    Run {
        /// Where it is.
        program: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It said no.
    #[error("nft failed: {0}")]
    Refused(String),
}

impl NftError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing(missing) => Some(missing.hint()),
            // Of an unknown family or statement the kernel says one or the other.
            Self::Refused(words) if words.contains("not supported") || words.contains("No such file") => Some(
                "the kernel must have nf_tables with the family inet (CONFIG_NF_TABLES_INET, NFT_FIB_INET, NFT_SOCKET, NFT_MASQ); \
                 --network pasta does without"
                    .to_owned(),
            ),
            Self::Run { .. } | Self::Refused(_) => None,
        }
    }
}

/// One that runs. Its input and its complaints are files in memory, so that neither it nor we ever wait for the other.
#[derive(Debug)]
pub struct Nft {
    program: PathBuf,
    child: Child,
    process: OwnedFd,
    complaints: File,
}

impl Nft {
    /// Has the rules changed.
    ///
    /// # Errors
    /// [`NftError`].
    pub fn begin(text: &str) -> Result<Self, NftError> {
        let program = helper::find("nft", "nftables")?;
        let begun = || {
            let file = || Ok::<_, io::Error>(File::from(memfd_create("pontoon-nft", MemfdFlags::CLOEXEC)?));
            let (mut input, complaints) = (file()?, file()?);
            input.write_all(text.as_bytes())?;
            input.rewind()?;
            let mut command = Command::new(&program);
            command.args(["-f", "-"]).env_clear();
            command.stdin(input).stdout(Stdio::null()).stderr(complaints.try_clone()?);
            let child = command.spawn()?;
            let process = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
            Ok((child, process, complaints))
        };
        match begun() {
            Ok((child, process, complaints)) => Ok(Self { program, child, process, complaints }),
            Err(source) => Err(NftError::Run { program, source }),
        }
    }

    /// Waits for its end, and says what came of it.
    ///
    /// # Errors
    /// [`NftError`].
    pub fn finish(self) -> Result<(), NftError> {
        let Self { program, mut child, mut complaints, .. } = self;
        let mut words = String::new();
        let status = child.wait().and_then(|status| {
            if !status.success() {
                complaints.rewind()?;
                complaints.read_to_string(&mut words)?;
            }
            Ok(status)
        });
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => {
                Err(NftError::Refused(words.lines().take(3).map(str::trim).collect::<Vec<_>>().join("; ")))
            }
            Err(source) => Err(NftError::Run { program, source }),
        }
    }
}

impl AsFd for Nft {
    /// Readable when it has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }
}
