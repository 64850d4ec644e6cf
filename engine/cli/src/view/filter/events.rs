//! `--filter` of `events`: filters of one key are alternatives, different keys must all hold.

use pontoon_monitor::event::{Deed, Event, Kind};

use super::{Filter, FilterError};

const FILTERS: &[&str] =
    &["container", "event", "image", "label", "pod", "secret", "status", "type", "volume"];

/// The filters of one command.
#[derive(Debug, Clone, Default)]
pub struct EventFilters(Vec<Filter>);

impl EventFilters {
    /// Reads the values of all `--filter`.
    pub fn parse(values: &[String]) -> Result<Self, FilterError> {
        let mut filters = Filter::parse_all(values)?;
        for filter in &mut filters {
            // Podman takes its keys in capitals, too.
            filter.key.make_ascii_lowercase();
            let words: &'static [&'static str] = match filter.key.as_str() {
                "event" | "status" => {
                    "event".clone_into(&mut filter.key);
                    // Docker's word.
                    if filter.value == "die" {
                        Deed::Died.word().clone_into(&mut filter.value);
                    }
                    Deed::WORDS
                }
                "type" => Kind::WORDS,
                known if FILTERS.contains(&known) => continue,
                _ => return Err(filter.unknown(FILTERS)),
            };
            if !words.contains(&filter.value.as_str()) {
                return Err(FilterError::Word {
                    key: filter.key.clone(),
                    value: filter.value.clone(),
                    known: words,
                });
            }
        }
        Ok(Self(filters))
    }

    /// Whether an event passes.
    pub fn pass(&self, event: &Event) -> bool {
        self.0.iter().all(|filter| {
            self.0.iter().filter(|other| other.key == filter.key).any(|same| holds(same, event))
        })
    }

    /// What the journal itself can match: the same filters, as far as they are about a field's whole value.
    pub fn journal_matches(&self) -> Vec<String> {
        let field = |filter: &Filter| match filter.key.as_str() {
            "event" => Some(format!("PODMAN_EVENT={}", filter.value)),
            "type" => Some(format!("PODMAN_TYPE={}", filter.value)),
            _ => None,
        };
        self.0.iter().filter_map(field).collect()
    }
}

fn holds(filter: &Filter, event: &Event) -> bool {
    let value = filter.value.as_str();
    let is = |kind| event.kind == kind && (event.name == value || event.id.starts_with(value));
    match filter.key.as_str() {
        "container" => is(Kind::Container),
        "image" => is(Kind::Image),
        "pod" => is(Kind::Pod),
        "secret" => is(Kind::Secret),
        // By the beginning of the name, as Podman and Docker have it.
        "volume" => event.kind == Kind::Volume && event.name.starts_with(value),
        "event" => event.deed.word() == value,
        "type" => event.kind.word() == value,
        _ => super::has_label(&event.attributes, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: Kind, deed: Deed) -> Event {
        Event {
            id: "abcdef".to_owned(),
            name: "web".to_owned(),
            attributes: [("tier".to_owned(), "front".to_owned())].into(),
            ..Event::now(kind, deed)
        }
    }

    #[track_caller]
    fn check(filters: &[&str], kind: Kind, deed: Deed, expected: bool) {
        let filters: Vec<String> = filters.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(EventFilters::parse(&filters).unwrap().pass(&event(kind, deed)), expected, "{filters:?}");
    }

    #[test]
    fn objects_are_found_by_name_or_the_beginning_of_their_id() {
        check(&[], Kind::System, Deed::Refresh, true);
        for value in ["web", "abc", "abcdef"] {
            check(&[&format!("container={value}")], Kind::Container, Deed::Start, true);
            check(&[&format!("image={value}")], Kind::Image, Deed::Pull, true);
            check(&[&format!("secret={value}")], Kind::Secret, Deed::Create, true);
            check(&[&format!("container={value}")], Kind::Image, Deed::Pull, false);
        }
        check(&["container=we"], Kind::Container, Deed::Start, false);
        check(&["volume=we"], Kind::Volume, Deed::Create, true);
        check(&["volume=abc"], Kind::Volume, Deed::Create, false);
        check(&["pod=web"], Kind::Container, Deed::Start, false);
    }

    #[test]
    fn one_key_is_or_and_several_are_and() {
        check(&["event=start", "event=stop"], Kind::Container, Deed::Stop, true);
        check(&["status=start", "event=stop"], Kind::Container, Deed::Start, true);
        check(&["event=start", "type=image"], Kind::Container, Deed::Start, false);
        check(&["EVENT=die"], Kind::Container, Deed::Died, true);
        check(&["label=tier"], Kind::Container, Deed::Start, true);
        check(&["label=tier=front"], Kind::Container, Deed::Start, true);
        check(&["label=tier=back"], Kind::Container, Deed::Start, false);
        check(&["label=tier=back", "label=tier"], Kind::Container, Deed::Start, true);
    }

    #[track_caller]
    fn check_error(filter: &str, expected: &str) {
        let err = EventFilters::parse(&[filter.to_owned()]).unwrap_err();
        let text = format!("{err} -> {}", err.hint().unwrap_or_default());
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_wrong_filter_says_what_is_allowed() {
        check_error("nonsense", "it must be KEY=VALUE");
        check_error("colour=red", "`colour` is no filter of this list -> the filters are container, event,");
        check_error(
            "event=explode",
            "invalid value `explode` for the filter `event` -> it is one of attach, auto-update,",
        );
        check_error("type=boat", "it is one of artifact, container,");
    }
}
