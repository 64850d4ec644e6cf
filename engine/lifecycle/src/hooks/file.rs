//! One file: a hook, when it is run, and for which containers.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use pontoon_runtime::hooks::{Hook, Stage};
use regex_lite::Regex;
use serde::Deserialize;

use super::Container;

/// The most bytes a file may have.
const MAX_SIZE: u64 = 1 << 20;

/// What is wrong with a file. Its text follows the file's name.
#[derive(Debug, thiserror::Error)]
pub enum HookFault {
    /// It cannot be read.
    #[error(": {0}")]
    Read(io::Error),
    /// It is no JSON, or lacks what it must have.
    #[error(":{line}:{column}: {message}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// A version that we do not know.
    #[error(": the version `{0}` is not known; there are 1.0.0 and 0.1.0")]
    Version(String),
    /// A stage that there is not.
    #[error(": there is no stage `{0}`")]
    Stage(String),
    /// No stage at all.
    #[error(": it names no stage")]
    NoStage,
    /// A program that is not named whole.
    #[error(": the path of the hook must be absolute, and is `{}`", .0.display())]
    Path(PathBuf),
    /// An expression that is none.
    #[error(": `{text}` is no regular expression: {message}")]
    Expression {
        /// As it was written.
        text: String,
        /// What is wrong.
        message: String,
    },
}

/// Version 1.0.0. Keys that are not known are passed over, as in Podman.
#[derive(Debug, Deserialize)]
struct Current {
    hook: Program,
    #[serde(default)]
    when: When,
    #[serde(default)]
    stages: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Program {
    path: PathBuf,
    #[serde(default)]
    args: Vec<String>,
    env: Option<Vec<String>>,
    timeout: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct When {
    always: Option<bool>,
    has_bind_mounts: Option<bool>,
    annotations: BTreeMap<String, String>,
    commands: Vec<String>,
    /// One condition is enough: so it was in version 0.1.0.
    #[serde(skip)]
    any: bool,
}

/// Version 0.1.0.
#[derive(Debug, Deserialize)]
struct Former {
    hook: PathBuf,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default, alias = "stage")]
    stages: Vec<String>,
    #[serde(default, alias = "cmd")]
    cmds: Vec<String>,
    #[serde(default, alias = "annotation")]
    annotations: Vec<String>,
    #[serde(default, alias = "hasbindmounts")]
    has_bind_mounts: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Versioned {
    #[serde(default)]
    version: String,
}

/// A file, understood.
#[derive(Debug)]
pub(super) struct HookFile {
    pub path: PathBuf,
    pub program: PathBuf,
    args: Vec<String>,
    env: Option<Vec<String>>,
    timeout: Option<u32>,
    stages: Vec<Stage>,
    when: When,
}

fn syntax(err: &serde_json::Error) -> HookFault {
    let message = err.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
    HookFault::Syntax { line: err.line(), column: err.column(), message }
}

impl HookFile {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, HookFault> {
        // A pipe with that name would keep us waiting.
        if !fs::metadata(path).map_err(HookFault::Read)?.is_file() {
            return Err(HookFault::Read(io::Error::other("it is no regular file")));
        }
        let mut text = String::new();
        let file = fs::File::open(path).map_err(HookFault::Read)?;
        file.take(MAX_SIZE).read_to_string(&mut text).map_err(HookFault::Read)?;
        Self::parse(path, &text)
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, HookFault> {
        let versioned: Versioned = serde_json::from_str(text).map_err(|err| syntax(&err))?;
        let current: Current = match versioned.version.as_str() {
            "1.0.0" => serde_json::from_str(text).map_err(|err| syntax(&err))?,
            // Files without a version are of the one that had none.
            "0.1.0" | "" => serde_json::from_str::<Former>(text).map_err(|err| syntax(&err))?.into(),
            other => return Err(HookFault::Version(other.to_owned())),
        };
        let Current { hook, when, stages } = current;
        if !hook.path.is_absolute() {
            return Err(HookFault::Path(hook.path));
        }
        if stages.is_empty() {
            return Err(HookFault::NoStage);
        }
        let mut known = Vec::new();
        for stage in stages {
            match Stage::parse(&stage) {
                Some(stage) => known.push(stage),
                None if stage == Stage::Precreate.name() => known.push(Stage::Precreate),
                None => return Err(HookFault::Stage(stage)),
            }
        }
        let file = Self {
            path: path.to_owned(),
            program: hook.path,
            args: hook.args,
            env: hook.env,
            timeout: hook.timeout,
            stages: known,
            when,
        };
        for text in file.when.expressions() {
            expression(text)?;
        }
        Ok(file)
    }

    /// Whether it is for a container.
    pub(super) fn is_for(&self, container: Container<'_>) -> Result<bool, HookFault> {
        self.when.holds(container)
    }

    /// Its hook, once for each stage.
    pub(super) fn hooks(&self) -> impl Iterator<Item = Hook> {
        self.stages.iter().map(|stage| Hook {
            stage: *stage,
            path: self.program.clone(),
            args: self.args.clone(),
            env: self.env.clone(),
            timeout: self.timeout,
            origin: self.path.clone(),
        })
    }
}

impl From<Former> for Current {
    fn from(former: Former) -> Self {
        let Former { hook, arguments, stages, cmds, annotations, has_bind_mounts } = former;
        let args = if arguments.is_empty() {
            Vec::new()
        } else {
            std::iter::once(hook.to_string_lossy().into_owned()).chain(arguments).collect()
        };
        let when = When {
            always: None,
            has_bind_mounts,
            // Only values were spoken of; one expression for all of them says the same.
            annotations: (!annotations.is_empty())
                .then(|| {
                    (
                        ".*".to_owned(),
                        annotations.iter().map(|it| format!("(?:{it})")).collect::<Vec<_>>().join("|"),
                    )
                })
                .into_iter()
                .collect(),
            commands: cmds,
            any: true,
        };
        Self { hook: Program { path: hook, args, env: None, timeout: None }, when, stages }
    }
}

fn expression(text: &str) -> Result<Regex, HookFault> {
    Regex::new(text).map_err(|err| HookFault::Expression { text: text.to_owned(), message: err.to_string() })
}

impl When {
    fn expressions(&self) -> impl Iterator<Item = &str> {
        let annotations = self.annotations.iter().flat_map(|(key, value)| [key, value]);
        annotations.chain(&self.commands).map(String::as_str)
    }

    /// All conditions that are named must hold, and one at least must be named; of the commands, one must fit.
    fn holds(&self, container: Container<'_>) -> Result<bool, HookFault> {
        let mut named = Vec::new();
        named.extend(self.always);
        named.extend(self.has_bind_mounts.map(|it| it && container.has_mounts));
        for (key, value) in &self.annotations {
            let (key, value) = (expression(key)?, expression(value)?);
            named.push(container.annotations.iter().any(|it| key.is_match(it.0) && value.is_match(it.1)));
        }
        if !self.commands.is_empty() {
            let mut fits = false;
            for command in &self.commands {
                fits |= expression(command)?.is_match(container.command);
            }
            named.push(fits);
        }
        Ok(if self.any { named.contains(&true) } else { !named.is_empty() && !named.contains(&false) })
    }
}
