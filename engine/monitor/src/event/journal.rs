//! Events in the journal: the fields that Podman writes, so that what reads them goes on working.

use serde_json::Value;

use super::{Deed, Event, HealthNews, Kind};
use crate::time;

/// `SYSLOG_IDENTIFIER` of our events: ours, so that nobody takes them for Podman's.
pub const IDENTIFIER: &str = "pontoon";

/// The message for the journal's socket, <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>.
#[must_use]
pub fn to_journal(event: &Event) -> Vec<u8> {
    let mut message = Vec::with_capacity(1024);
    let mut field = |name: &str, value: &str| push_field(&mut message, name, value);
    field("SYSLOG_IDENTIFIER", IDENTIFIER);
    // Podman's numbers: a message of a health check is a notice.
    field("PRIORITY", if event.health.is_some() { "5" } else { "6" });
    field("PODMAN_EVENT", event.deed.word());
    field("PODMAN_TYPE", event.kind.word());
    field("PODMAN_TIME", &time::rfc3339_z(event.time));
    // Podman writes these for some kinds even where they are empty.
    let (is_image, is_container) = (event.kind == Kind::Image, event.kind == Kind::Container);
    for (name, value, always) in [
        (name_field(event.kind), &event.name, is_image || is_container),
        ("PODMAN_ID", &event.id, is_image || is_container),
        ("PODMAN_IMAGE", &event.image, is_container),
        ("PODMAN_POD_ID", &event.pod, false),
        ("ERROR", &event.error, false),
    ] {
        if always || !value.is_empty() {
            field(name, value);
        }
    }
    if let Some(code) = event.exit_code {
        field("PODMAN_EXIT_CODE", &code.to_string());
    }
    if !event.attributes.is_empty()
        && let Ok(labels) = serde_json::to_string(&event.attributes)
    {
        field("PODMAN_LABELS", &labels);
    }
    if let Some(health) = &event.health {
        field("PODMAN_HEALTH_STATUS", &health.status);
        field("PODMAN_HEALTH_FAILING_STREAK", &health.failing_streak.to_string());
        if !health.log.is_empty() {
            field("PODMAN_HEALTH_LOG", &health.log);
        }
    }
    field("MESSAGE", &event.text(&time::go_words(event.time), true));
    message
}

/// The field that a name is in.
fn name_field(kind: Kind) -> &'static str {
    if kind == Kind::Network { "PODMAN_NETWORK_NAME" } else { "PODMAN_NAME" }
}

/// A value of several lines comes with its length; else it could pass for other fields.
fn push_field(message: &mut Vec<u8>, name: &str, value: &str) {
    message.extend(name.as_bytes());
    if value.contains('\n') {
        message.push(b'\n');
        message.extend((value.len() as u64).to_le_bytes());
    } else {
        message.push(b'=');
    }
    message.extend(value.as_bytes());
    message.push(b'\n');
}

/// An event from a line of `journalctl --output=json`; `None` for any other entry.
#[must_use]
pub fn from_journal(line: &str) -> Option<Event> {
    let entry: Value = serde_json::from_str(line).ok()?;
    let field = |name: &str| entry.get(name).map(text).unwrap_or_default();
    let status = field("PODMAN_HEALTH_STATUS");
    let health = (!status.is_empty()).then(|| HealthNews {
        status,
        failing_streak: field("PODMAN_HEALTH_FAILING_STREAK").parse().unwrap_or(0),
        log: field("PODMAN_HEALTH_LOG"),
    });
    let kind = Kind::of(&field("PODMAN_TYPE"))?;
    Some(Event {
        kind,
        deed: Deed::of(&field("PODMAN_EVENT"))?,
        time: time::parse_rfc3339(&field("PODMAN_TIME"))?,
        id: field("PODMAN_ID"),
        name: field(name_field(kind)),
        image: field("PODMAN_IMAGE"),
        pod: field("PODMAN_POD_ID"),
        exit_code: field("PODMAN_EXIT_CODE").parse().ok(),
        attributes: serde_json::from_str(&field("PODMAN_LABELS")).unwrap_or_default(),
        health,
        error: field("ERROR"),
    })
}

/// A field's value. What cannot be printed, journalctl gives as a list of bytes.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(bytes) => {
            let bytes: Vec<u8> =
                bytes.iter().filter_map(|it| it.as_u64().and_then(|it| u8::try_from(it).ok())).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => String::new(),
    }
}
