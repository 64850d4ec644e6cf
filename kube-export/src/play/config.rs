//! ConfigMaps and Secrets: those of the files, and secrets that are kept already.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::said::{needed_by_container, needed_by_volume};
use super::{Facts, Fault, Spot};
use crate::document::{self, Document, Object};
use crate::names::is_data_key;
use crate::objects::{ConfigMap, PodSpec, Secret, Texts};

/// Keys and their data.
pub type Data = BTreeMap<String, Vec<u8>>;

/// Where data can be had.
pub(super) struct Configs<'a> {
    maps: BTreeMap<&'a str, Data>,
    said: BTreeMap<&'a str, &'a ConfigMap>,
    secrets: BTreeMap<&'a str, Data>,
    facts: &'a dyn Facts,
}

impl<'a> Configs<'a> {
    pub(super) fn new(documents: impl Iterator<Item = &'a Document>, facts: &'a dyn Facts) -> Self {
        let mut configs =
            Self { maps: BTreeMap::new(), said: BTreeMap::new(), secrets: BTreeMap::new(), facts };
        for document in documents {
            match &document.object {
                Object::ConfigMap(map) => {
                    configs.maps.insert(&map.metadata.name, of_map(map).unwrap_or_default());
                    configs.said.insert(&map.metadata.name, map);
                }
                Object::Secret(secret) => {
                    configs.secrets.insert(&secret.metadata.name, of_secret(secret).unwrap_or_default());
                }
                _ => {}
            }
        }
        configs
    }

    pub(super) fn map(&self, name: &str) -> Option<Data> {
        self.maps.get(name).cloned()
    }

    /// The ConfigMaps that a pod refers to, each once.
    pub(super) fn maps_of(&self, spec: &PodSpec) -> Vec<ConfigMap> {
        let containers = spec.init_containers.iter().chain(&spec.containers);
        let by_containers = containers.flat_map(needed_by_container);
        let by_volumes = spec.volumes.iter().flat_map(needed_by_volume);
        let names: BTreeSet<&str> =
            by_containers.chain(by_volumes).filter(|it| !it.is_secret).map(|it| it.name).collect();
        names.into_iter().filter_map(|it| self.said.get(it)).map(|it| (*it).clone()).collect()
    }

    pub(super) fn secret(&self, name: &str) -> Option<Data> {
        match self.secrets.get(name) {
            Some(data) => Some(data.clone()),
            None => read_secret(&self.facts.secret(name)?),
        }
    }

    /// Tells what is wrong with a ConfigMap or a Secret.
    #[expect(clippy::unused_self, reason = "a question to whoever has them")]
    pub(super) fn check(&self, document: &Document, faults: &mut Vec<Fault>) {
        let spot = Spot::of(document);
        let mut check = |field: &str, texts: &Texts, encoded: bool| {
            for (key, value) in texts {
                let spot = spot.field(field).field(key);
                if !is_data_key(key) {
                    let text = format!(
                        "`{field}`: `{key}` cannot be a key: it takes letters, digits, `-`, `_` and `.`"
                    );
                    faults.push(Fault { at: spot.at(), text, hint: None });
                }
                if encoded && decode(value).is_none() {
                    let text = format!("`{field}.{key}` is not base64");
                    let hint = Some("`stringData` of a Secret takes text as it is".to_owned());
                    faults.push(Fault { at: spot.at(), text, hint });
                }
            }
        };
        match &document.object {
            Object::ConfigMap(it) => {
                check("data", &it.data, false);
                check("binaryData", &it.binary_data, true);
            }
            Object::Secret(it) => {
                check("data", &it.data, true);
                check("stringData", &it.string_data, false);
            }
            _ => {}
        }
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    // Whoever breaks its lines means what is without them.
    let text: String = text.chars().filter(|it| !it.is_ascii_whitespace()).collect();
    STANDARD.decode(text).ok()
}

fn of_map(map: &ConfigMap) -> Option<Data> {
    let text = map.data.iter().map(|(key, value)| Some((key.clone(), value.clone().into_bytes())));
    let binary = map.binary_data.iter().map(|(key, value)| Some((key.clone(), decode(value)?)));
    text.chain(binary).collect()
}

fn of_secret(secret: &Secret) -> Option<Data> {
    let binary = secret.data.iter().map(|(key, value)| Some((key.clone(), decode(value)?)));
    let text = secret.string_data.iter().map(|(key, value)| Some((key.clone(), value.clone().into_bytes())));
    binary.chain(text).collect()
}

/// The keys of a secret that is kept: it is the YAML of a Secret, as Podman keeps those.
#[must_use]
pub fn read_secret(data: &[u8]) -> Option<Data> {
    of_secret(&secret_object(data)?)
}

/// The Secret that such a secret is.
#[must_use]
pub fn secret_object(data: &[u8]) -> Option<Secret> {
    let contents = document::contents("secret", std::str::from_utf8(data).ok()?).ok()?;
    contents.documents.into_iter().find_map(|it| match it.object {
        Object::Secret(secret) => Some(secret),
        _ => None,
    })
}
