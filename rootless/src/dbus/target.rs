//! Waiting until a manager has reached, or given up, a target it works towards.

use std::future::poll_fn;
use std::pin::Pin;

use zbus::export::futures_core::Stream;
use zbus::{MatchRule, MessageStream, OwnedObjectPath, OwnedVariant};

use super::bus::Link;
use super::manager::{MANAGER, SERVICE, ask, job_ends};
use super::{Bus, ManagerError};

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const UNIT: &str = "org.freedesktop.systemd1.Unit";

/// What became of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// It is reached.
    Active,
    /// Nobody works towards it.
    Idle,
}

/// Waits while a manager works towards a target; returns at once if it is reached, or if nothing pulls it in.
///
/// # Errors
/// [`ManagerError`]
pub fn settled(bus: &Bus, unit: &str, begin: impl FnOnce()) -> Result<Target, ManagerError> {
    let deed = format!("wait for `{unit}`");
    let wait = async |link: &Link| {
        // Before the first look, so that no end is missed.
        let mut ends = job_ends(link).await?;
        let object = link.call(MANAGER, "LoadUnit", &(unit,)).await?;
        let object: OwnedObjectPath = object.body().deserialize()?;
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .path(object.as_str())
            .interface(PROPERTIES)
            .member("PropertiesChanged")
            .build()?;
        let mut changes = MessageStream::for_match_rule(rule, &link.connection, None).await?;
        let mut begin = Some(begin);
        loop {
            if is_active(link, &object).await? {
                return Ok(Target::Active);
            }
            if !has_job(link, &object).await? {
                return Ok(Target::Idle);
            }
            if let Some(begin) = begin.take() {
                begin();
            }
            // Whichever comes first is a reason to look again.
            poll_fn(|context| {
                let job = Pin::new(&mut ends).poll_next(context);
                let change = Pin::new(&mut changes).poll_next(context);
                if job.is_ready() || change.is_ready() {
                    std::task::Poll::Ready(())
                } else {
                    std::task::Poll::Pending
                }
            })
            .await;
        }
    };
    ask(bus, &deed, wait)?.map_err(|source| ManagerError::Call { deed, source })
}

async fn is_active(link: &Link, object: &OwnedObjectPath) -> zbus::Result<bool> {
    Ok(String::try_from(property(link, object, "ActiveState").await?)? == "active")
}

/// Whether a job for the unit is under way.
async fn has_job(link: &Link, object: &OwnedObjectPath) -> zbus::Result<bool> {
    let job: (u32, OwnedObjectPath) = property(link, object, "Job").await?.try_into()?;
    Ok(job.0 != 0)
}

async fn property(link: &Link, object: &OwnedObjectPath, name: &str) -> zbus::Result<OwnedVariant> {
    let value = link.call((SERVICE, object.as_str(), PROPERTIES), "Get", &(UNIT, name)).await?;
    value.body().deserialize()
}
