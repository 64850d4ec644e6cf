//! An event in one line, for people.

use super::{Deed, Event, Kind};

/// Length of a short id.
const SHORT: usize = 12;

impl Event {
    /// The line of `podman events`, without its end. `time` is the event's, in words; ids are whole or short.
    ///
    /// Whatever stands in a name or a label, it is one line, and no control character reaches a terminal.
    #[must_use]
    pub fn text(&self, time: &str, whole_ids: bool) -> String {
        let id = if whole_ids { &self.id } else { self.id.get(..SHORT).unwrap_or(&self.id) };
        let mut text = format!("{time} {} {}", self.kind.word(), self.deed.word());
        let mut word = |word: &str| {
            text.push(' ');
            text.push_str(word);
        };
        match self.kind {
            Kind::Container | Kind::Pod => {
                word(id);
                word(&format!("({})", self.details().join(", ")));
            }
            // As Podman tells who came and left; of one that is made or removed it tells nothing.
            Kind::Network if matches!(self.deed, Deed::Connect | Deed::Disconnect) => {
                word(&self.id);
                word(&format!("(container={}, name={})", self.id, self.name));
            }
            Kind::Network => {
                word(id);
                word(&format!("(name={})", self.name));
            }
            Kind::Secret => word(id),
            Kind::System if self.name.is_empty() => {}
            Kind::Volume | Kind::System | Kind::Machine => word(&self.name),
            Kind::Image | Kind::Artifact => {
                word(id);
                word(&self.name);
                if !self.error.is_empty() {
                    word(&self.error);
                }
            }
        }
        text.chars().fold(String::with_capacity(text.len()), |mut clean, letter| {
            if letter.is_control() {
                clean.extend(letter.escape_default());
            } else {
                clean.push(letter);
            }
            clean
        })
    }

    /// What stands in parentheses.
    fn details(&self) -> Vec<String> {
        let mut details = vec![format!("image={}", self.image), format!("name={}", self.name)];
        if !self.pod.is_empty() {
            details.push(format!("pod_id={}", self.pod));
        }
        if let Some(health) = &self.health {
            details.push(format!("health_status={}", health.status));
            details.push(format!("health_failing_streak={}", health.failing_streak));
            details.push(format!("health_log={}", health.log));
        }
        details.extend(self.attributes.iter().map(|(name, value)| format!("{name}={value}")));
        details
    }
}
