//! What was said of a container where its words do not show it: variables of ConfigMaps, of Secrets and of the pod.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::env::Variables;
use crate::objects::{Container, EnvFrom, EnvVar, Volume};

/// What was said of a container's variables, and of the words in which they may stand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Said {
    env: Vec<EnvVar>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env_from: Vec<EnvFrom>,
    command: Vec<String>,
    args: Vec<String>,
    /// Of the variables that it became: who has others by now is not what was said any more.
    digest: String,
}

impl Said {
    /// What is to be remembered of a container with these variables; nothing of one that says all by itself.
    pub(super) fn of(container: &Container, variables: &Variables) -> Option<Self> {
        let refers = !container.env_from.is_empty() || container.env.iter().any(|it| it.value_from.is_some());
        refers.then(|| Self {
            env: container.env.clone(),
            env_from: container.env_from.clone(),
            command: container.command.clone(),
            args: container.args.clone(),
            digest: digest(variables),
        })
    }

    /// Reads what an annotation says; none if it is not one of ours, or if the container has other variables than it had.
    #[must_use]
    pub fn read(annotation: &str, variables: &[(String, String)]) -> Option<Self> {
        let said: Self = serde_json::from_str(annotation).ok()?;
        (said.digest == digest(variables)).then_some(said)
    }

    /// Says it of a container again.
    pub fn restore(self, container: &mut Container) {
        let Self { env, env_from, command, args, digest: _ } = self;
        (container.env, container.env_from) = (env, env_from);
        (container.command, container.args) = (command, args);
    }
}

fn digest(variables: &[(String, String)]) -> String {
    let mut hash = Sha256::new();
    for text in variables.iter().flat_map(|(name, value)| [name, value]) {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().iter().map(|it| format!("{it:02x}")).collect()
}

/// An object that something refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed<'a> {
    /// A Secret, else a ConfigMap.
    pub is_secret: bool,
    /// Its name.
    pub name: &'a str,
    /// It need not be there.
    pub is_optional: bool,
}

impl<'a> Needed<'a> {
    fn new(is_secret: bool, name: &'a str, optional: Option<bool>) -> Self {
        Self { is_secret, name, is_optional: optional == Some(true) }
    }
}

/// What the variables of a container need.
#[must_use]
pub fn needed_by_container(container: &Container) -> Vec<Needed<'_>> {
    let mut needed = Vec::new();
    for from in &container.env_from {
        for (is_secret, reference) in [(false, &from.config_map_ref), (true, &from.secret_ref)] {
            needed.extend(reference.iter().map(|it| Needed::new(is_secret, &it.name, it.optional)));
        }
    }
    for source in container.env.iter().filter_map(|it| it.value_from.as_ref()) {
        for (is_secret, key) in [(false, &source.config_map_key_ref), (true, &source.secret_key_ref)] {
            needed.extend(key.iter().map(|it| Needed::new(is_secret, &it.name, it.optional)));
        }
    }
    needed
}

/// What a volume needs.
#[must_use]
pub fn needed_by_volume(volume: &Volume) -> Vec<Needed<'_>> {
    let mut needed = Vec::new();
    needed.extend(volume.config_map.iter().map(|it| Needed::new(false, &it.name, it.optional)));
    needed.extend(volume.secret.iter().map(|it| Needed::new(true, &it.secret_name, it.optional)));
    for source in volume.projected.iter().flat_map(|it| &it.sources) {
        needed.extend(source.config_map.iter().map(|it| Needed::new(false, &it.name, it.optional)));
        needed.extend(source.secret.iter().map(|it| Needed::new(true, &it.name, it.optional)));
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_holds_as_long_as_the_variables_do() {
        let from = crate::objects::EnvSource::default();
        let env = vec![EnvVar { name: "A".to_owned(), value: None, value_from: Some(from) }];
        let container = Container { env, args: vec!["$(A)".to_owned()], ..Container::default() };
        let variables = vec![("A".to_owned(), "x".to_owned())];
        let text = serde_json::to_string(&Said::of(&container, &variables).unwrap()).unwrap();
        let mut again = Container { args: vec!["x".to_owned()], ..Container::default() };
        Said::read(&text, &variables).unwrap().restore(&mut again);
        assert_eq!(again, container);
        assert_eq!(Said::read(&text, &[("A".to_owned(), "y".to_owned())]), None);
        assert_eq!(Said::read("{}", &variables), None);
        assert_eq!(Said::of(&Container::default(), &variables), None);
    }
}
