//! Whether a user's services outlive the session.

use std::path::Path;

use zbus::{OwnedObjectPath, OwnedVariant};

use super::bus::Link;
use super::{Bus, BusError, Fault};

const SERVICE: &str = "org.freedesktop.login1";
const MANAGER: (&str, &str, &str) = (SERVICE, "/org/freedesktop/login1", "org.freedesktop.login1.Manager");

/// Why linger cannot be read or set.
#[derive(Debug, thiserror::Error)]
pub enum LingerError {
    /// The system bus is not there.
    #[error("cannot ask logind about user {uid}")]
    Bus {
        /// The user.
        uid: u32,
        /// Why.
        #[source]
        source: BusError,
    },
    /// logind refused, or did not answer.
    #[error("cannot {} linger of user {uid}", deed(*asked))]
    Call {
        /// The user.
        uid: u32,
        /// What it should become; `None` if it was only asked for.
        asked: Option<bool>,
        /// Why.
        #[source]
        source: Fault,
    },
}

fn deed(asked: Option<bool>) -> &'static str {
    match asked {
        None => "read",
        Some(true) => "enable",
        Some(false) => "disable",
    }
}

impl LingerError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Bus { source, .. } => source.hint(),
            Self::Call { uid, asked: Some(on), .. } => {
                let word = if *on { "enable" } else { "disable" };
                Some(format!("as root: loginctl {word}-linger $(id -nu {uid})"))
            }
            Self::Call { asked: None, .. } => {
                Some("`systemctl status systemd-logind` must work first".to_owned())
            }
        }
    }
}

/// Whether the user lingers, by logind's own mark on disk: no bus, a few microseconds.
#[must_use]
pub fn lingers(user: &str) -> bool {
    let plain = !user.is_empty() && !user.contains('/') && user != "." && user != "..";
    plain && Path::new("/var/lib/systemd/linger").join(user).exists()
}

/// Asks logind whether the user lingers. One that logind does not know has no session and does not linger.
///
/// # Errors
/// [`LingerError`].
pub fn linger_status(bus: &Bus, uid: u32) -> Result<bool, LingerError> {
    let answer =
        bus.with(async |link| ask(link, uid).await).map_err(|source| LingerError::Bus { uid, source })?;
    answer.or_else(|err| {
        let fault = Fault::from(&err);
        if fault.is("org.freedesktop.login1.NoSuchUser") {
            return Ok(false);
        }
        Err(LingerError::Call { uid, asked: None, source: fault })
    })
}

async fn ask(link: &Link, uid: u32) -> zbus::Result<bool> {
    let user = link.call(MANAGER, "GetUser", &(uid,)).await?;
    let user: OwnedObjectPath = user.body().deserialize()?;
    let properties = (SERVICE, user.as_str(), "org.freedesktop.DBus.Properties");
    let value = link.call(properties, "Get", &("org.freedesktop.login1.User", "Linger")).await?;
    let value: OwnedVariant = value.body().deserialize()?;
    bool::try_from(value)
}

/// Makes the user linger, or not any more. Whoever is not root may be asked for a password by the desktop's agent.
///
/// # Errors
/// [`LingerError`].
pub fn set_linger(bus: &Bus, uid: u32, on: bool) -> Result<(), LingerError> {
    // The last word lets the agent ask.
    let set = bus.with(async |link| link.call(MANAGER, "SetUserLinger", &(uid, on, true)).await.map(drop));
    set.map_err(|source| LingerError::Bus { uid, source })?.map_err(|err| LingerError::Call {
        uid,
        asked: Some(on),
        source: Fault::from(&err),
    })
}
