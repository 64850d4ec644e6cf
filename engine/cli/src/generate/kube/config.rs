//! ConfigMaps of files with variables, and Secrets.

use std::collections::BTreeMap;

use pontoon_kube::document::Object;
use pontoon_kube::names::{NameRule, is_data_key};
use pontoon_kube::objects::{ConfigMap, Container, EnvFrom, Metadata, ObjectReference, Secret, Texts};
use pontoon_kube::play::{Needed, secret_object};

use super::{EnvFile, Member, Writing};

/// Writes files with variables as ConfigMaps. What they give is taken out of `variables`, which then holds the rest.
pub(super) fn files(
    writing: &mut Writing<'_>,
    member: &Member<'_>,
    container: &mut Container,
    variables: &mut BTreeMap<&str, &str>,
) {
    // A later file is stronger, there as here; what is said otherwise since then is stronger than both.
    let mut maps: Vec<(&EnvFile, Texts)> = Vec::new();
    for file in member.env_files.iter().rev() {
        let last: BTreeMap<&str, &str> =
            file.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut data = Texts::new();
        for (name, value) in last {
            if is_data_key(name) && variables.get(name) == Some(&value) {
                variables.remove(name);
                data.insert(name.to_owned(), value.to_owned());
            }
        }
        maps.push((file, data));
    }
    for (file, data) in maps.into_iter().rev().filter(|it| !it.1.is_empty()) {
        let wanted = NameRule::Label.nearest(&format!("{}-{}", member.name, file.name));
        let map = |name: &str| ConfigMap {
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            metadata: Metadata { name: name.to_owned(), ..Metadata::default() },
            data: data.clone(),
            ..ConfigMap::default()
        };
        let is_free =
            |name: &str| writing.configs.iter().all(|it| it.kind() != "ConfigMap" || it.name() != name);
        let numbered = |number: u32| match number {
            0 => wanted.clone(),
            number => NameRule::Label.nearest(&format!("{}-{number}", wanted.get(..55).unwrap_or(&wanted))),
        };
        let Some(name) = (0..).map(numbered).find(|it| is_free(it)) else { continue };
        writing.configs.push(Object::ConfigMap(map(&name)));
        let reference = ObjectReference { name, optional: None };
        container.env_from.push(EnvFrom { config_map_ref: Some(reference), ..EnvFrom::default() });
    }
}

/// Objects that something of a pod refers to: ConfigMaps are written as the pod was played of them, Secrets if that is wanted; what is
/// not written the cluster must have.
pub(super) fn needed(writing: &mut Writing<'_>, member: &str, option: &str, all: &[Needed<'_>]) {
    for needed in all {
        let (kind, name) = (if needed.is_secret { "Secret" } else { "ConfigMap" }, needed.name);
        if writing.configs.iter().any(|it| it.kind() == kind && it.name() == name) {
            continue;
        }
        let is_missing = needed.is_secret && writing.facts.secret(name).is_err();
        let found = match needed.is_secret {
            false => writing.maps.iter().find(|it| it.metadata.name == name).cloned().map(Object::ConfigMap),
            true if !writing.wishes.secrets => None,
            true => {
                let data = writing.facts.secret(name).ok();
                data.and_then(|it| secret_object(&it)).map(Object::Secret)
            }
        };
        match found {
            Some(object) => writing.configs.push(object),
            None if needed.is_optional && (is_missing || !needed.is_secret) => {}
            None => {
                let more = match needed.is_secret && !writing.wishes.secrets && !is_missing {
                    true => "; --secrets writes it, with its values",
                    false => "",
                };
                writing.approximated(
                    member,
                    option,
                    format!("the cluster must have the {kind} `{name}`{more}"),
                );
            }
        }
    }
}

/// The Secret that holds a secret, and its key there: written if that is wanted, else the cluster must have it.
pub(super) fn secret(writing: &mut Writing<'_>, member: &str, name: &str) -> (String, String) {
    let object = NameRule::Subdomain.nearest(name);
    let key = if is_data_key(name) { name.to_owned() } else { object.clone() };
    let needed = format!("the cluster must have a Secret `{object}` with the key `{key}`");
    let reason = match writing.wishes.secrets.then(|| writing.facts.secret(name)) {
        None => format!("{needed}; --secrets writes it, with its value"),
        Some(Err(why)) => format!("{needed}, whose value cannot be had here: {why}"),
        Some(Ok(data)) => {
            let is_there = writing.configs.iter().any(|it| it.kind() == "Secret" && it.name() == object);
            if !is_there {
                writing.configs.push(Object::Secret(Secret::of(&object, &key, &data)));
            }
            return (object, key);
        }
    };
    writing.approximated(member, &format!("--secret {name}"), reason);
    (object, key)
}
