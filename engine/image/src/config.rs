//! The image configuration: what a container of the image runs, and which layers its root file system has.
//!
//! Parsed tolerantly, as images of fifteen years are: `null` for empty lists, unknown fields, Docker's additions. The
//! bytes are never written again from this; whoever stores a configuration stores the bytes it came in.
//!
//! A string with a NUL is refused, since no program could ever be started with it. Environment entries without `=` or
//! without a name are kept in [`RunConfig::env`] and left out of [`ImageConfig::environment`]: they never take a value
//! from the host.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;
use crate::platform::Platform;

/// The largest configuration that is read.
pub const MAX_CONFIG_SIZE: u64 = 4 << 20;

/// Says why bytes are no usable image configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is larger than [`MAX_CONFIG_SIZE`].
    #[error("the image configuration is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// It is no JSON of the expected shape.
    #[error("the image configuration cannot be read")]
    Json {
        /// Where and what.
        #[source]
        source: serde_json::Error,
    },
    /// It is some other JSON value, such as a list, which would otherwise be taken for a list of fields.
    #[error("the image configuration is no JSON object")]
    NoObject,
    /// A string has a NUL character.
    #[error("`{field}` of the image configuration has a NUL character")]
    Nul {
        /// The JSON field.
        field: &'static str,
    },
    /// It is for another kind of root file system.
    #[error("the image's root file system is of type `{found}`, not `layers`")]
    RootFsType {
        /// The type it names.
        found: String,
    },
}

/// A parsed image configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When it was made (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Processor architecture in Go's words; may be empty.
    #[serde(default)]
    pub architecture: String,
    /// Operating system in Go's words; may be empty.
    #[serde(default)]
    pub os: String,
    /// Variant of the architecture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What a container runs.
    #[serde(default, deserialize_with = "null_is_default")]
    pub config: RunConfig,
    /// The layers.
    #[serde(default)]
    pub rootfs: RootFs,
    /// How it was made, oldest first.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryEntry>,
    /// A comment of the maker (Docker).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// The execution defaults, as the image gives them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RunConfig {
    /// User and group, as names or numbers, looked up in the image.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Published ports, such as `80/tcp`.
    #[serde(deserialize_with = "keys", serialize_with = "key_map", skip_serializing_if = "Vec::is_empty")]
    pub exposed_ports: Vec<String>,
    /// Environment, `NAME=value`, as it stands in the image.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Program; `None` when the image has none.
    #[serde(deserialize_with = "words", skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Arguments, or the program where there is no entrypoint.
    #[serde(deserialize_with = "words", skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Paths that want a volume.
    #[serde(deserialize_with = "keys", serialize_with = "key_map", skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    /// Working directory.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Labels.
    #[serde(deserialize_with = "labels", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Signal that asks the program to end: a name or a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// Health check (Docker).
    #[serde(deserialize_with = "tolerated", skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<HealthConfig>,
    /// Words for `RUN` and the shell form of commands (Docker).
    #[serde(deserialize_with = "words", skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
    /// Triggers for builds upon this image (Docker).
    #[serde(deserialize_with = "words", skip_serializing_if = "Option::is_none")]
    pub on_build: Option<Vec<String>>,
}

/// A health check of Docker's format; times are nanoseconds, 0 means the default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HealthConfig {
    /// `NONE`, `CMD` and words, or `CMD-SHELL` and one line.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// Time between checks.
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// Time a check may take.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// Time at the start in which failures do not count.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// Time between checks within the start period.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// Failures in a row that make it unhealthy.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
}

/// The layers by the digests of their uncompressed archives, lowest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The digests.
    #[serde(default, deserialize_with = "null_is_default")]
    pub diff_ids: Vec<Digest>,
}

/// One step of how the image was made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryEntry {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By which command.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// By whom.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// A comment.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether the step made no layer.
    #[serde(skip_serializing_if = "is_false")]
    pub empty_layer: bool,
}

impl ImageConfig {
    /// Parses the bytes of a configuration.
    pub fn parse(bytes: &[u8]) -> Result<ImageConfig, ConfigError> {
        if bytes.len() as u64 > MAX_CONFIG_SIZE {
            return Err(ConfigError::TooLarge { limit: MAX_CONFIG_SIZE });
        }
        if !starts_as_object(bytes) {
            return Err(ConfigError::NoObject);
        }
        let config: ImageConfig =
            serde_json::from_slice(bytes).map_err(|source| ConfigError::Json { source })?;
        if !matches!(config.rootfs.kind.as_str(), "" | "layers") {
            return Err(ConfigError::RootFsType { found: config.rootfs.kind });
        }
        config.refuse_nul()?;
        Ok(config)
    }

    /// Returns the platform it was made for; empty words when it does not say.
    pub fn platform(&self) -> Platform {
        Platform::new(&self.os, &self.architecture, self.variant.as_deref())
    }

    /// Returns when it was made, in seconds since 1970, if it says so.
    pub fn created_seconds(&self) -> Option<i64> {
        self.created.as_deref().and_then(crate::time::parse_rfc3339)
    }

    /// Returns the environment as names and values, in the image's order; a later entry of the same name replaces the
    /// value of the first. Entries without `=` or without a name are left out.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = Vec::with_capacity(self.config.env.len());
        for entry in &self.config.env {
            let Some((name, value)) = entry.split_once('=') else { continue };
            if name.is_empty() {
                continue;
            }
            match pairs.iter_mut().find(|(known, _)| known == name) {
                Some(pair) => pair.1 = value.to_owned(),
                None => pairs.push((name.to_owned(), value.to_owned())),
            }
        }
        pairs
    }

    fn refuse_nul(&self) -> Result<(), ConfigError> {
        let run = &self.config;
        let list = |words: &Option<Vec<String>>| words.iter().flatten().any(|word| word.contains('\0'));
        let fields: [(&'static str, bool); 10] = [
            ("config.User", run.user.contains('\0')),
            ("config.Env", run.env.iter().any(|word| word.contains('\0'))),
            ("config.Entrypoint", list(&run.entrypoint)),
            ("config.Cmd", list(&run.cmd)),
            ("config.Volumes", run.volumes.iter().any(|word| word.contains('\0'))),
            ("config.ExposedPorts", run.exposed_ports.iter().any(|word| word.contains('\0'))),
            ("config.WorkingDir", run.working_dir.contains('\0')),
            (
                "config.Labels",
                run.labels.iter().any(|(key, value)| key.contains('\0') || value.contains('\0')),
            ),
            ("config.StopSignal", run.stop_signal.as_ref().is_some_and(|word| word.contains('\0'))),
            (
                "config.Healthcheck",
                run.healthcheck.iter().flat_map(|it| &it.test).any(|it| it.contains('\0')),
            ),
        ];
        match fields.iter().find(|(_, found)| *found) {
            Some((field, _)) => Err(ConfigError::Nul { field }),
            None => Ok(()),
        }
    }
}

/// Tells whether the first byte that counts opens an object.
pub(crate) fn starts_as_object(json: &[u8]) -> bool {
    json.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Reads `null` as the default; Go writes empty lists that way.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a list of words; very old images have a single string there.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        Many(Vec<String>),
        One(String),
    }
    Ok(Option::<Words>::deserialize(deserializer)?.map(|words| match words {
        Words::Many(words) => words,
        Words::One(word) => vec![word],
    }))
}

/// Reads Go's set, an object whose values say nothing; a plain list is understood too. Sorted, for stable output.
fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Keys {
        Set(BTreeMap<String, serde::de::IgnoredAny>),
        List(Vec<String>),
    }
    Ok(match Option::<Keys>::deserialize(deserializer)? {
        Some(Keys::Set(set)) => set.into_keys().collect(),
        Some(Keys::List(list)) => list,
        None => Vec::new(),
    })
}

fn key_map<S: serde::Serializer>(keys: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Empty {}
    serializer.collect_map(keys.iter().map(|key| (key, Empty {})))
}

/// Reads labels; a value that is `null` counts as empty.
fn labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let labels = Option::<BTreeMap<String, Option<String>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(labels.into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect())
}

/// Reads a health check if it can be understood; a strange one does not make the image unusable.
fn tolerated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<HealthConfig>, D::Error> {
    let value = Option::<serde_json::Value>::deserialize(deserializer)?;
    Ok(value.and_then(|value| serde_json::from_value(value).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parse(json: &str) -> ImageConfig {
        ImageConfig::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_docker_configuration_is_understood() {
        let config = parse(
            r#"{"architecture":"amd64","os":"linux","created":"2024-01-01T00:00:00Z","docker_version":"20",
            "container_config":{"Cmd":null},"config":{"Hostname":"x","Env":["PATH=/bin","A=1"],"Cmd":["sh"],
            "Entrypoint":null,"ExposedPorts":{"80/tcp":{},"443/tcp":{}},"Volumes":{"/data":{}},"WorkingDir":"/w",
            "Labels":{"a":"b","n":null},"OnBuild":null,"StopSignal":"SIGQUIT","User":"1:2",
            "Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":30000000000,"Retries":3}},
            "rootfs":{"type":"layers","diff_ids":[]},"history":[{"created_by":"x","empty_layer":true}]}"#,
        );
        assert_eq!(config.config.exposed_ports, ["443/tcp", "80/tcp"]);
        assert_eq!(config.config.volumes, ["/data"]);
        assert_eq!(config.config.entrypoint, None);
        assert_eq!(config.config.labels["n"], "");
        assert_eq!(config.config.healthcheck.as_ref().unwrap().retries, 3);
        assert!(config.history[0].empty_layer);
        let again = ImageConfig::parse(&serde_json::to_vec(&config).unwrap()).unwrap();
        assert_eq!(again, config, "it can be written and read again");
    }

    #[test]
    fn nulls_and_missing_parts_are_empty() {
        assert_eq!(parse("{}"), ImageConfig::default());
        assert_eq!(
            parse(r#"{"config":null,"history":null,"rootfs":{"diff_ids":null}}"#),
            ImageConfig::default()
        );
        let config = parse(r#"{"config":{"Env":null,"Volumes":null,"Labels":null,"User":null,"Cmd":"sh"}}"#);
        assert_eq!(config.config.cmd, Some(vec!["sh".to_owned()]));
    }

    #[test]
    fn a_strange_health_check_is_dropped() {
        assert_eq!(parse(r#"{"config":{"Healthcheck":{"Test":7}}}"#).config.healthcheck, None);
    }

    #[test]
    fn environment_entries_without_a_value_never_reach_the_container() {
        let config = parse(r#"{"config":{"Env":["A=1","SECRET","*","=x","","B=","A=2","C=a=b"]}}"#);
        let pairs = config.environment();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("A", "2"), ("B", ""), ("C", "a=b")]);
    }

    #[test]
    fn a_nul_is_refused_with_its_field() {
        let err = ImageConfig::parse(br#"{"config":{"Env":["A=\u0000"]}}"#).unwrap_err();
        assert_eq!(err.to_string(), "`config.Env` of the image configuration has a NUL character");
    }

    #[test]
    fn bad_diff_ids_and_types_are_refused() {
        for json in [
            r#"{"rootfs":{"diff_ids":["sha256:../../x"]}}"#,
            r#"{"rootfs":{"type":"layers+base","diff_ids":[]}}"#,
            r#"{"config":{"Env":"x"}}"#,
            "[]",
            "",
        ] {
            assert!(ImageConfig::parse(json.as_bytes()).is_err(), "{json} was accepted");
        }
    }
}
