//! policy.json: which images may come in at all (containers-policy.json(5)).
//!
//! Signatures are not verified yet. So an image for which the policy demands one is refused, never let in unverified.
//! Without any policy file everything is accepted.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::environment::Environment;

/// Where an image comes from, in the words of policy.json.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `docker`, `docker-archive`, `oci-archive` or `oci`.
    pub transport: &'static str,
    /// What rules may name, from the narrowest to the widest.
    pub scopes: Vec<String>,
}

/// The rules of a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    path: PathBuf,
    default: Vec<Rule>,
    transports: BTreeMap<String, BTreeMap<String, Vec<Rule>>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Accept,
    Reject,
    /// A signature is demanded, of this type.
    Signed(String),
}

/// Says why an image may not come in, or why nobody can tell.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no policy.
    #[error("`{path}` is no policy file")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and what.
        #[source]
        source: serde_json::Error,
    },
    /// A list of rules is empty, which could be read as all or nothing.
    #[error("`{path}` has an empty list of rules for {scope}")]
    NoRules {
        /// The file.
        path: PathBuf,
        /// For what.
        scope: String,
    },
    /// A rule says no.
    #[error("`{image}` is rejected by `{path}`, rule for {scope}")]
    Rejected {
        /// The image.
        image: String,
        /// The file.
        path: PathBuf,
        /// The scope of the rule.
        scope: String,
    },
    /// A rule demands a signature.
    #[error("`{path}` demands a signature (`{kind}`) of `{image}`, and signatures cannot be verified yet")]
    Signature {
        /// The image.
        image: String,
        /// The file.
        path: PathBuf,
        /// The type of the rule.
        kind: String,
    },
}

impl PolicyError {
    /// Returns what could be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            PolicyError::Signature { image, .. } => Some(format!(
                "if you trust the image without its signature, add a rule `insecureAcceptAnything` for {image}"
            )),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct RawPolicy {
    default: Vec<RawRule>,
    #[serde(default)]
    transports: BTreeMap<String, BTreeMap<String, Vec<RawRule>>>,
}

#[derive(Deserialize)]
struct RawRule {
    #[serde(rename = "type")]
    kind: String,
}

impl From<RawRule> for Rule {
    fn from(rule: RawRule) -> Rule {
        match rule.kind.as_str() {
            "insecureAcceptAnything" => Rule::Accept,
            "reject" => Rule::Reject,
            _ => Rule::Signed(rule.kind),
        }
    }
}

impl Policy {
    /// Returns the files Podman reads, the first that exists wins.
    pub fn standard_paths(environment: &Environment) -> Vec<PathBuf> {
        let mut paths = environment.user_config_dirs();
        paths.push(PathBuf::from("/etc/containers"));
        paths.into_iter().map(|dir| dir.join("policy.json")).collect()
    }

    /// Reads the first file that exists.
    pub fn read(paths: &[PathBuf]) -> Result<Option<Policy>, PolicyError> {
        for path in paths {
            match std::fs::read(path) {
                Ok(text) => return Policy::parse(path, &text).map(Some),
                Err(err) if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(source) => return Err(PolicyError::Read { path: path.clone(), source }),
            }
        }
        Ok(None)
    }

    /// Parses the text of the file at `path`.
    pub fn parse(path: &Path, text: &[u8]) -> Result<Policy, PolicyError> {
        let json = |source| PolicyError::Json { path: path.to_owned(), source };
        let raw: RawPolicy = serde_json::from_slice(text).map_err(json)?;
        let rules = |scope: &str, raw: Vec<RawRule>| match raw.is_empty() {
            true => Err(PolicyError::NoRules { path: path.to_owned(), scope: scope.to_owned() }),
            false => Ok(raw.into_iter().map(Rule::from).collect::<Vec<Rule>>()),
        };
        let mut transports = BTreeMap::new();
        for (transport, scopes) in raw.transports {
            let mut known = BTreeMap::new();
            for (scope, raw) in scopes {
                let parsed = rules(&scope, raw)?;
                known.insert(scope, parsed);
            }
            transports.insert(transport, known);
        }
        Ok(Policy { path: path.to_owned(), default: rules("default", raw.default)?, transports })
    }

    /// Decides whether an image may come in. Every rule of the narrowest scope must agree.
    pub fn check(&self, image: &str, origin: &Origin) -> Result<(), PolicyError> {
        let scopes = self.transports.get(origin.transport);
        let every = String::new();
        let found = scopes.and_then(|scopes| {
            origin.scopes.iter().chain([&every]).find_map(|scope| Some((scope.clone(), scopes.get(scope)?)))
        });
        let (scope, rules) = found.unwrap_or_else(|| ("default".to_owned(), &self.default));
        let scope = if scope.is_empty() { format!("all of {}", origin.transport) } else { scope };
        for rule in rules {
            let (image, path) = (image.to_owned(), self.path.clone());
            match rule {
                Rule::Accept => {}
                Rule::Reject => return Err(PolicyError::Rejected { image, path, scope }),
                Rule::Signed(kind) => {
                    return Err(PolicyError::Signature { image, path, kind: kind.clone() });
                }
            }
        }
        Ok(())
    }
}

impl Origin {
    /// An image of a registry: the name itself, its repository, each namespace, the host, and wildcards for its domains.
    pub(crate) fn registry(image: &crate::reference::Reference) -> Origin {
        let repository = image.name();
        let mut scopes = vec![image.to_string()];
        let mut rest = repository.as_str();
        loop {
            scopes.push(rest.to_owned());
            match rest.rsplit_once('/') {
                Some((shorter, _)) => rest = shorter,
                None => break,
            }
        }
        let mut host = image.domain().split(':').next().unwrap_or_default();
        while let Some((_, domain)) = host.split_once('.') {
            scopes.push(format!("*.{domain}"));
            host = domain;
        }
        Origin { transport: "docker", scopes }
    }

    /// An image of a file or a directory: its path and those above it.
    pub(crate) fn file(transport: &'static str, path: &Path) -> Origin {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let scopes = absolute.ancestors().map(|path| path.display().to_string()).collect();
        Origin { transport, scopes }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.transport, self.scopes.first().map_or("", String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Reference;

    const POLICY: &str = r#"{"default":[{"type":"reject"}],"transports":{
        "docker":{"docker.io/library":[{"type":"insecureAcceptAnything"}],
            "docker.io/library/evil":[{"type":"reject"}],
            "docker.io/library/alpine:3":[{"type":"insecureAcceptAnything"}],
            "signed.io":[{"type":"insecureAcceptAnything"},{"type":"sigstoreSigned","keyPath":"/k"}],
            "*.example.com":[{"type":"insecureAcceptAnything"}]},
        "docker-archive":{"/trusted":[{"type":"insecureAcceptAnything"}]},
        "oci":{"":[{"type":"insecureAcceptAnything"}]}}}"#;

    #[track_caller]
    fn check(origin: Origin) -> Result<(), String> {
        let policy = Policy::parse(Path::new("policy.json"), POLICY.as_bytes()).unwrap();
        policy.check("x", &origin).map_err(|err| err.to_string())
    }

    fn registry(image: &str) -> Result<(), String> {
        check(Origin::registry(&Reference::parse(image).unwrap()))
    }

    #[test]
    fn the_narrowest_scope_decides() {
        registry("alpine:3").unwrap();
        registry("alpine:4").unwrap();
        registry("host.example.com/x").unwrap();
        registry("a.b.example.com:5000/x/y:1").unwrap();
        for image in ["evil:1", "docker.io/other/x", "example.com/x", "quay.io/library/x"] {
            assert!(registry(image).unwrap_err().contains("rejected by"), "{image}");
        }
    }

    #[test]
    fn a_demanded_signature_is_never_passed_over() {
        assert!(registry("signed.io/a").unwrap_err().contains("signatures cannot be verified"));
    }

    #[test]
    fn paths_and_whole_transports_have_rules() {
        check(Origin::file("docker-archive", Path::new("/trusted/a/b.tar"))).unwrap();
        check(Origin::file("oci", Path::new("/x"))).unwrap();
        assert!(check(Origin::file("docker-archive", Path::new("/trustedx/b.tar"))).is_err());
        assert!(check(Origin::file("oci-archive", Path::new("/x"))).is_err());
    }

    #[test]
    fn broken_policies_let_nothing_in() {
        for text in [
            "",
            "{}",
            r#"{"default":[]}"#,
            r#"{"default":[{}]}"#,
            r#"{"default":[{"type":"reject"}],"transports":{"docker":{"":[]}}}"#,
        ] {
            assert!(Policy::parse(Path::new("p"), text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(Policy::read(&[PathBuf::from("/nowhere/policy.json")]).unwrap(), None);
    }
}
