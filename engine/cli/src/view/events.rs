//! Events, as `events` shows them.

use std::collections::BTreeMap;

use pontoon_monitor::event::{Event, Kind};
use serde::Serialize;

use super::{is_json, is_json_lines};
use crate::format::{TemplateError, json, render_list};
use crate::time::{from_nanos, go_words};

/// An event as JSON; the names are Podman's, as they are.
#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "ContainerExitCode", skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(rename = "ID", skip_serializing_if = "str::is_empty")]
    id: &'a str,
    #[serde(rename = "Image", skip_serializing_if = "str::is_empty")]
    image: &'a str,
    #[serde(rename = "Name", skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    network: &'a str,
    #[serde(rename = "Status")]
    status: &'static str,
    time: u64,
    #[serde(rename = "timeNano")]
    nanos: u64,
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(rename = "PodID", skip_serializing_if = "str::is_empty")]
    pod: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    health_status: &'a str,
    #[serde(rename = "Error", skip_serializing_if = "str::is_empty")]
    error: &'a str,
    #[serde(rename = "Attributes")]
    attributes: Option<&'a BTreeMap<String, String>>,
}

/// What a template can ask for.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row<'a> {
    container_exit_code: Option<i32>,
    #[serde(rename = "ID")]
    id: &'a str,
    image: &'a str,
    name: &'a str,
    network: &'a str,
    status: &'static str,
    time: u64,
    time_nano: u64,
    #[serde(rename = "Type")]
    kind: &'static str,
    health_status: &'a str,
    error: &'a str,
    container_inspect_data: &'static str,
    #[serde(rename = "PodID")]
    pod_id: &'a str,
    attributes: &'a BTreeMap<String, String>,
}

/// How events are shown.
#[derive(Debug, Clone, Copy)]
pub struct EventFormat<'a> {
    /// `--format`
    pub format: Option<&'a str>,
    /// `--no-trunc`
    pub whole_ids: bool,
}

impl EventFormat<'_> {
    /// Finds out whether the template can be used, before there is anything to show.
    pub fn check(&self) -> Result<(), TemplateError> {
        match self.format {
            Some(template) if !is_json(self.format) && !is_json_lines(self.format) => {
                render_list::<Row<'_>>(template, &[], &[], true).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// The text for an event, with its end.
    pub fn text(&self, event: &Event) -> Result<String, TemplateError> {
        let health = event.health.as_ref().map_or("", |it| it.status.as_str());
        let (status, kind) = (event.deed.word(), event.kind.word());
        // A network's name has a field of its own, beside the id of the container that came or left.
        let (name, network) = match event.kind {
            Kind::Network => ("", event.name.as_str()),
            _ => (event.name.as_str(), ""),
        };
        let (time, nanos) = (event.time / 1_000_000_000, event.time);
        match self.format {
            None => Ok(format!("{}\n", event.text(&go_words(from_nanos(event.time)), self.whole_ids))),
            format if is_json(format) || is_json_lines(format) => {
                let wire = Wire {
                    exit_code: event.exit_code,
                    id: &event.id,
                    image: &event.image,
                    name,
                    network,
                    status,
                    time,
                    nanos,
                    kind,
                    pod: &event.pod,
                    health_status: health,
                    error: &event.error,
                    attributes: Some(&event.attributes).filter(|it| !it.is_empty()),
                };
                Ok(format!("{}\n", json::compact(&wire)))
            }
            Some(template) => {
                let row = Row {
                    container_exit_code: event.exit_code,
                    id: &event.id,
                    image: &event.image,
                    name,
                    network,
                    status,
                    time,
                    time_nano: nanos,
                    kind,
                    health_status: health,
                    error: &event.error,
                    container_inspect_data: "",
                    pod_id: &event.pod,
                    attributes: &event.attributes,
                };
                render_list(template, &[row], &[], true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pontoon_monitor::event::{Deed, HealthNews};

    use super::*;

    fn event() -> Event {
        Event {
            id: "0123456789abcdef".to_owned(),
            name: "web".to_owned(),
            image: "busybox".to_owned(),
            pod: String::new(),
            time: 1_795_226_689_120_000_000,
            exit_code: Some(3),
            attributes: [("a".to_owned(), "b".to_owned())].into(),
            ..Event::now(Kind::Container, Deed::Died)
        }
    }

    #[track_caller]
    fn check(format: &str, event: &Event, expected: &str) {
        let format = EventFormat { format: Some(format), whole_ids: true };
        format.check().unwrap();
        assert_eq!(format.text(event).unwrap(), expected);
    }

    #[test]
    fn json_has_podmans_names() {
        check(
            "json",
            &event(),
            "{\"ContainerExitCode\":3,\"ID\":\"0123456789abcdef\",\"Image\":\"busybox\",\"Name\":\"web\",\
             \"Status\":\"died\",\"time\":1795226689,\"timeNano\":1795226689120000000,\"Type\":\"container\",\
             \"Attributes\":{\"a\":\"b\"}}\n",
        );
        let volume =
            Event { name: "data".to_owned(), time: 1_000_000_000, ..Event::now(Kind::Volume, Deed::Create) };
        check(
            "{{json .}}",
            &volume,
            "{\"Name\":\"data\",\"Status\":\"create\",\"time\":1,\"timeNano\":1000000000,\"Type\":\"volume\",\
             \"Attributes\":null}\n",
        );
    }

    #[test]
    fn templates_have_podmans_fields() {
        let health = HealthNews { status: "healthy".to_owned(), ..HealthNews::default() };
        let event = Event { health: Some(health), ..event() };
        check(
            "{{.ID}} {{.Image}} {{.Name}} {{.Status}} {{.Type}} {{.Time}} {{.TimeNano}}\\t{{.ContainerExitCode}}",
            &event,
            "0123456789abcdef busybox web died container 1795226689 1795226689120000000\t3\n",
        );
        check("{{.HealthStatus}} {{.Attributes}} {{.Attributes.a}}", &event, "healthy map[a:b] b\n");
        check("{{.Error}}{{.Network}}{{.PodID}}{{.ContainerInspectData}}", &event, "\n");
        check("table {{.ID}} {{.Name}}", &event, "0123456789abcdef  web\n");
        let wrong = EventFormat { format: Some("{{.ID"), whole_ids: true };
        assert!(wrong.check().is_err());
        let unknown = EventFormat { format: Some("{{.Nonsense}}"), whole_ids: true };
        assert!(unknown.text(&event).is_err());
    }

    #[test]
    fn ids_are_whole_or_short() {
        let text = |whole_ids| EventFormat { format: None, whole_ids }.text(&event()).unwrap();
        assert!(text(true).contains(" container died 0123456789abcdef (image=busybox, name=web, a=b)\n"));
        assert!(text(false).contains(" container died 0123456789ab (image=busybox, name=web, a=b)\n"));
    }
}
