//! What went wrong, as the face tells it: the error with its causes, what to do about it, and the exit code.

use std::error::Error;
use std::fmt;

use pontoon_cli::exit::ExitStatus;
use pontoon_rootless::shortage;

/// A failed command.
#[derive(Debug)]
pub struct Failure {
    /// The error.
    pub error: Box<dyn Error + Send + Sync>,
    /// What to do about it.
    pub hint: Option<String>,
    /// How the program ends.
    pub status: ExitStatus,
}

impl Failure {
    /// An error of ours.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>, hint: Option<String>) -> Self {
        Self { error: error.into(), hint, status: ExitStatus::OurFault }
    }

    /// The same with another exit code.
    #[must_use]
    pub fn with_code(mut self, code: i32) -> Self {
        self.status = match code {
            126 => ExitStatus::NotExecutable,
            127 => ExitStatus::NotFound,
            125 => ExitStatus::OurFault,
            other => ExitStatus::Payload(u8::try_from(other).unwrap_or(125)),
        };
        self
    }

    /// The same, as a cause of something that was tried. What was said already is not said again as a cause.
    #[must_use]
    pub fn while_doing(self, deed: String) -> Self {
        if self.error.is::<Silent>() {
            return self;
        }
        Self { error: Box::new(Tried { deed, source: self.error }), ..self }
    }

    /// Prints it on standard error.
    pub fn print(&self) {
        if self.error.is::<Silent>() {
            return;
        }
        // Whatever was tried, of what has run short there is always something to say.
        let hint = self.hint.clone().or_else(|| shortage::hint(self.error.as_ref()));
        pontoon_cli::message::print_error(self.error.as_ref(), hint.as_deref());
    }
}

#[derive(Debug)]
struct Tried {
    deed: String,
    source: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.deed)
    }
}

impl Error for Tried {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// Errors that know what to do about themselves.
macro_rules! explained {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                let hint = error.hint();
                Self::new(error, hint)
            }
        })+
    };
}

/// Errors that say it all.
macro_rules! plain {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error, None)
            }
        })+
    };
}

explained!(
    pontoon_cli::args::ArgsError,
    pontoon_cli::containers_conf::ConfError,
    pontoon_cli::detach_keys::KeysError,
    pontoon_cli::format::TemplateError,
    pontoon_cli::generate::quadlet::QuadletError,
    pontoon_cli::generate::systemd::GenerateError,
    pontoon_cli::run_options::OptionError,
    pontoon_lifecycle::artifact::AddError,
    pontoon_lifecycle::artifact::ExtractError,
    pontoon_lifecycle::artifact::PullArtifactError,
    pontoon_lifecycle::artifact::UseArtifactError,
    pontoon_lifecycle::commit::CommitError,
    pontoon_lifecycle::create::CreateError,
    pontoon_lifecycle::reach::ReachError,
    pontoon_lifecycle::host::HostError,
    pontoon_lifecycle::list::LookError,
    pontoon_lifecycle::mounted::MountError,
    pontoon_lifecycle::network::ConnectError,
    pontoon_lifecycle::network::NetworkDeedError,
    pontoon_lifecycle::pause::PauseError,
    pontoon_lifecycle::pod::CreatePodError,
    pontoon_lifecycle::pod::LookPodError,
    pontoon_lifecycle::pod::RemovePodError,
    pontoon_cli::view::top::ColumnError,
    pontoon_cli::view::FilterError,
    pontoon_image::ArchiveError,
    pontoon_cli::time::TimeError,
    pontoon_generator::install::InstallError,
    pontoon_lifecycle::pull::ImportError,
    pontoon_lifecycle::pull::LoadError,
    pontoon_lifecycle::pull::PullNamedError,
    pontoon_lifecycle::remove::RemoveError,
    pontoon_lifecycle::stop::AskError,
    pontoon_lifecycle::update::UpdateError,
    pontoon_lifecycle::user_namespace::EnterError,
    pontoon_lifecycle::volume::VolumeDeedError,
    pontoon_lifecycle::volume_options::VolumeOptionError,
    pontoon_network::lease::LeaseError,
    pontoon_rootless::dbus::BusError,
    pontoon_rootless::dbus::LingerError,
    pontoon_rootless::dbus::ManagerError,
    pontoon_rootless::userns::UserNamespaceError,
    pontoon_storage::ArtifactStoreError,
    pontoon_storage::FileError,
    pontoon_storage::OpenError,
    pontoon_storage::SecretError,
);

plain!(
    pontoon_cli::containers_conf::NetworkConfError,
    pontoon_lifecycle::check::CheckError,
    pontoon_lifecycle::reset::ResetError,
    pontoon_lifecycle::rename::RenameError,
    pontoon_image::FetchError,
    pontoon_image::RegistriesError,
    pontoon_lifecycle::acquire::AcquireError,
    pontoon_image::InvalidReference,
    pontoon_storage::FindContainerError,
    pontoon_storage::FindImageError,
    pontoon_storage::FindPodError,
    pontoon_storage::FindVolumeError,
    pontoon_storage::RecordError,
    std::io::Error,
);

impl From<pontoon_lifecycle::start::StartError> for Failure {
    fn from(error: pontoon_lifecycle::start::StartError) -> Self {
        let (hint, code) = (error.hint(), error.exit_code());
        Self::new(error, hint).with_code(code)
    }
}

impl From<pontoon_lifecycle::facts::PlanError> for Failure {
    fn from(error: pontoon_lifecycle::facts::PlanError) -> Self {
        let (hint, code) = (error.hint(), error.exit_code());
        Self::new(error, hint).with_code(code)
    }
}

/// An error whose words were printed already, by a child.
#[derive(Debug)]
struct Silent;

impl fmt::Display for Silent {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Error for Silent {}

impl Failure {
    /// A failure that a child has told of.
    pub fn silent() -> Self {
        Self::new(Silent, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_not_said_again_as_a_cause() {
        assert!(Failure::silent().while_doing("cannot make it".to_owned()).error.is::<Silent>());
        assert_eq!(
            Failure::new("why", None).while_doing("cannot make it".to_owned()).error.to_string(),
            "cannot make it"
        );
    }
}
