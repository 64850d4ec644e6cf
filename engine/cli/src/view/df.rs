//! `system df`: how much room images, containers and volumes take.

use std::time::SystemTime;

use serde::Serialize;

use super::images::split_name;
use super::shown_id;
use crate::format::{Headings, TemplateError, json, render_list};
use crate::time::{duration_words, precise_size_words};

/// One image.
#[derive(Debug, Clone)]
pub struct Image {
    /// Id, whole, without `sha256:`.
    pub id: String,
    /// Names with tags.
    pub names: Vec<String>,
    /// When it was made.
    pub created: Option<SystemTime>,
    /// Bytes of its layers.
    pub size: u64,
    /// Bytes of those that other images have, too.
    pub shared: u64,
    /// How many containers use it.
    pub containers: usize,
}

/// One container.
#[derive(Debug, Clone)]
pub struct Container {
    /// Id, whole.
    pub id: String,
    /// Its image's id.
    pub image_id: String,
    /// Its command.
    pub command: Vec<String>,
    /// How many volumes it uses.
    pub volumes: usize,
    /// Bytes that it has written.
    pub size: u64,
    /// When it was made.
    pub created: SystemTime,
    /// `running`, …
    pub state: &'static str,
    /// Whether a supervisor is at work.
    pub active: bool,
    /// Its name.
    pub name: String,
}

/// One volume.
#[derive(Debug, Clone)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// How many containers use it.
    pub links: usize,
    /// Bytes of its files.
    pub size: u64,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Room {
    /// Images, newest first.
    pub images: Vec<Image>,
    /// Bytes of the layers of all images together.
    pub image_size: u64,
    /// Bytes of layers that no used image needs.
    pub image_reclaimable: u64,
    /// Containers, oldest first.
    pub containers: Vec<Container>,
    /// Volumes by name.
    pub volumes: Vec<Volume>,
}

/// One kind of things, for the summary.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    #[serde(rename = "Type")]
    kind: &'static str,
    total: usize,
    active: usize,
    raw_size: u64,
    raw_reclaimable: u64,
    total_count: usize,
    size: String,
    reclaimable: String,
}

impl Summary {
    fn new(kind: &'static str, total: usize, active: usize, size: u64, reclaimable: u64) -> Self {
        let (part, whole) = (u128::from(reclaimable), u128::from(size));
        let percent = (100 * part + whole / 2).checked_div(whole).unwrap_or(0);
        Self {
            kind,
            total,
            active,
            raw_size: size,
            raw_reclaimable: reclaimable,
            total_count: total,
            size: precise_size_words(size),
            reclaimable: format!("{} ({percent}%)", precise_size_words(reclaimable)),
        }
    }
}

fn summaries(room: &Room) -> [Summary; 3] {
    let Room { images, containers, volumes, .. } = room;
    let written =
        |only_idle: bool| containers.iter().filter(|it| !(only_idle && it.active)).map(|it| it.size).sum();
    let kept =
        |only_unused: bool| volumes.iter().filter(|it| !only_unused || it.links == 0).map(|it| it.size).sum();
    [
        Summary::new(
            "Images",
            // An image counts once for each name, as in the list of images.
            images.iter().map(|it| it.names.len().max(1)).sum(),
            images.iter().filter(|it| it.containers > 0).count(),
            room.image_size,
            room.image_reclaimable,
        ),
        Summary::new(
            "Containers",
            containers.len(),
            containers.iter().filter(|it| it.active).count(),
            written(false),
            written(true),
        ),
        Summary::new(
            "Local Volumes",
            volumes.len(),
            volumes.iter().filter(|it| it.links > 0).count(),
            kept(false),
            kept(true),
        ),
    ]
}

const HEADINGS: &Headings = &[
    ("Active", "ACTIVE"),
    ("RawReclaimable", "RAW RECLAIMABLE"),
    ("RawSize", "RAW SIZE"),
    ("Reclaimable", "RECLAIMABLE"),
    ("Size", "SIZE"),
    ("Total", "TOTAL"),
    ("TotalCount", "TOTAL COUNT"),
    ("Type", "TYPE"),
];

/// The text of `system df`.
pub fn text(room: &Room, format: Option<&str>) -> Result<String, TemplateError> {
    let rows = summaries(room);
    if format == Some("json") {
        let rows: Vec<String> = rows.iter().map(|it| format!("    {}", json::compact(it))).collect();
        return Ok(format!("[\n{}\n]\n", rows.join(",\n")));
    }
    let usual = "table {{.Type}}\\t{{.Total}}\\t{{.Active}}\\t{{.Size}}\\t{{.Reclaimable}}";
    render_list(format.unwrap_or(usual), &rows, HEADINGS, false)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImageRow {
    repository: String,
    tag: String,
    #[serde(rename = "ID")]
    id: String,
    created: String,
    size: String,
    shared: String,
    unique: String,
    containers: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerRow<'a> {
    #[serde(rename = "ID")]
    id: String,
    image: String,
    command: String,
    volumes: usize,
    size: String,
    created: String,
    status: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct VolumeRow<'a> {
    name: &'a str,
    links: usize,
    size: String,
}

/// The text of `system df --verbose`: three tables.
pub fn verbose(room: &Room, now: SystemTime) -> Result<String, TemplateError> {
    let since = |moment: SystemTime| duration_words(now.duration_since(moment).unwrap_or_default());
    let none = || ("<none>".to_owned(), "<none>".to_owned());
    let images: Vec<ImageRow> = room
        .images
        .iter()
        .flat_map(|image| {
            let named = image.names.iter().map(|it| split_name(it));
            let unnamed = image.names.is_empty().then(none);
            named.chain(unnamed).map(|(repository, tag)| ImageRow {
                repository,
                tag,
                id: shown_id(&image.id, false),
                created: image.created.map_or_else(|| "N/A".to_owned(), since),
                size: precise_size_words(image.size),
                shared: precise_size_words(image.shared),
                unique: precise_size_words(image.size.saturating_sub(image.shared)),
                containers: image.containers,
            })
        })
        .collect();
    let containers: Vec<ContainerRow<'_>> = room
        .containers
        .iter()
        .map(|container| ContainerRow {
            id: shown_id(&container.id, false),
            image: shown_id(&container.image_id, false),
            command: super::ps::words(&container.command),
            volumes: container.volumes,
            size: precise_size_words(container.size),
            created: since(container.created),
            status: container.state,
            name: &container.name,
        })
        .collect();
    let volumes: Vec<VolumeRow<'_>> = room
        .volumes
        .iter()
        .map(|it| VolumeRow { name: &it.name, links: it.links, size: precise_size_words(it.size) })
        .collect();
    let images = render_list(
        "table {{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{.Created}}\\t{{.Size}}\\t{{.Shared}}\\t{{.Unique}}\\t{{.Containers}}",
        &images,
        &[
            ("Repository", "REPOSITORY"),
            ("Tag", "TAG"),
            ("ID", "IMAGE ID"),
            ("Created", "CREATED"),
            ("Size", "SIZE"),
            ("Shared", "SHARED SIZE"),
            ("Unique", "UNIQUE SIZE"),
            ("Containers", "CONTAINERS"),
        ],
        false,
    )?;
    let containers = render_list(
        "table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.Volumes}}\\t{{.Size}}\\t{{.Created}}\\t{{.Status}}\\t{{.Name}}",
        &containers,
        &[
            ("ID", "CONTAINER ID"),
            ("Image", "IMAGE"),
            ("Command", "COMMAND"),
            ("Volumes", "LOCAL VOLUMES"),
            ("Size", "SIZE"),
            ("Created", "CREATED"),
            ("Status", "STATUS"),
            ("Name", "NAMES"),
        ],
        false,
    )?;
    let volumes = render_list(
        "table {{.Name}}\\t{{.Links}}\\t{{.Size}}",
        &volumes,
        &[("Name", "VOLUME NAME"), ("Links", "LINKS"), ("Size", "SIZE")],
        false,
    )?;
    Ok(format!(
        "Images space usage:\n\n{images}\nContainers space usage:\n\n{containers}\nLocal Volumes space usage:\n\n{volumes}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Room {
        let image = |names: &[&str], shared, containers| Image {
            id: "eeecd57e9f5205034fd0935fe8c08821b3d58cb7701bbee46b67f17400d9a9cd".to_owned(),
            names: names.iter().map(|it| (*it).to_owned()).collect(),
            created: Some(SystemTime::UNIX_EPOCH),
            size: 2_186_342,
            shared,
            containers,
        };
        let container = |name: &str, active, size| Container {
            id: "f55d8d5df53c57db4593524daa96007a7e1560ef30afd8c51965c807c897e5ad".to_owned(),
            image_id: "eeecd57e9f5205034fd0935fe8c08821b3d58cb7701bbee46b67f17400d9a9cd".to_owned(),
            command: vec!["sleep".to_owned(), "1000".to_owned()],
            volumes: 1,
            size,
            created: SystemTime::UNIX_EPOCH,
            state: if active { "running" } else { "exited" },
            active,
            name: name.to_owned(),
        };
        Room {
            images: vec![
                image(&["localhost/second:v1", "localhost:5000/busybox:latest"], 0, 1),
                image(&[], 10, 0),
            ],
            image_size: 2_186_342,
            image_reclaimable: 0,
            containers: vec![container("web", true, 11_271), container("done", false, 11_133)],
            volumes: vec![
                Volume { name: "data".to_owned(), links: 1, size: 18 },
                Volume { name: "empty".to_owned(), links: 0, size: 7 },
            ],
        }
    }

    #[test]
    fn the_summary_counts_what_can_be_given_back() {
        assert_eq!(
            text(&room(), None).unwrap(),
            "TYPE           TOTAL       ACTIVE      SIZE        RECLAIMABLE\n\
             Images         3           1           2.186MB     0B (0%)\n\
             Containers     2           1           22.4kB      11.13kB (50%)\n\
             Local Volumes  2           1           25B         7B (28%)\n"
        );
        let json = text(&room(), Some("json")).unwrap();
        assert!(
            json.starts_with(
                "[\n    {\"Type\":\"Images\",\"Total\":3,\"Active\":1,\"RawSize\":2186342,\"RawReclaimable\":0,\
                 \"TotalCount\":3,\"Size\":\"2.186MB\",\"Reclaimable\":\"0B (0%)\"},\n"
            ),
            "{json}"
        );
        assert!(text(&room(), Some("{{.Bogus}}")).is_err());
        assert!(
            text(&Room::default(), None)
                .unwrap()
                .contains("Images         0           0           0B          0B (0%)")
        );
    }

    #[test]
    fn verbose_lists_each_thing() {
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(300);
        let told = verbose(&room(), now).unwrap();
        for line in [
            "REPOSITORY              TAG         IMAGE ID      CREATED     SIZE        SHARED SIZE  UNIQUE SIZE  CONTAINERS\n",
            "localhost/second        v1          eeecd57e9f52  5 minutes   2.186MB     0B           2.186MB      1\n",
            "<none>                  <none>      eeecd57e9f52  5 minutes   2.186MB     10B          2.186MB      0\n",
            "f55d8d5df53c  eeecd57e9f52  sleep 1000  1              11.27kB     5 minutes   running     web\n",
            "VOLUME NAME  LINKS       SIZE\ndata         1           18B\nempty        0           7B\n",
        ] {
            assert!(told.contains(line), "{line}{told}");
        }
    }
}
