//! Short names (`alpine`, `team/app`): which full names they may stand for.
//!
//! Nobody is asked: where Podman would offer a choice, an enforcing configuration gives an error that lists it.

use std::path::PathBuf;

use crate::reference::{self, InvalidReference, Reference};
use crate::registries::{RegistriesConf, ShortNameMode};

/// Says why a short name has no meaning.
#[derive(Debug, thiserror::Error)]
pub enum ShortNameError {
    /// It is no image name.
    #[error(transparent)]
    Name(#[from] InvalidReference),
    /// There is no alias, and nowhere to search.
    #[error("short name `{name}` has no registry, is no alias, and no registry is configured to search")]
    NoSearchRegistry {
        /// The name.
        name: String,
    },
    /// It could mean several images, and guessing is forbidden.
    #[error("short name `{name}` is ambiguous; it could be {candidates}")]
    Ambiguous {
        /// The name.
        name: String,
        /// The full names, separated by commas.
        candidates: String,
        /// The file that lists the registries.
        path: Option<PathBuf>,
    },
}

impl ShortNameError {
    /// Returns what could be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ShortNameError::Name(err) => err.hint(),
            ShortNameError::NoSearchRegistry { name } => Some(format!(
                "write the full name, such as docker.io/library/{name}, or set unqualified-search-registries in \
                 ~/.config/containers/registries.conf"
            )),
            ShortNameError::Ambiguous { .. } => Some(
                "write one of them in full, or add an alias or short-name-mode=\"permissive\" to registries.conf"
                    .to_owned(),
            ),
        }
    }
}

/// Tells whether a name leaves its registry open.
///
/// A name with `docker://` in front is Docker Hub's where it has no registry, so it is never short.
pub fn is_short_name(name: &str) -> bool {
    if name.starts_with("docker://") {
        return false;
    }
    match reference::split(name).name.split_once('/') {
        Some((first, _)) => !(first.contains(['.', ':']) || first == "localhost"),
        None => true,
    }
}

/// Returns the full names that a name may stand for, in the order they are to be tried. Without tag and digest in the
/// name they have the tag `latest`.
pub fn resolve_short_name(name: &str, conf: &RegistriesConf) -> Result<Vec<Reference>, ShortNameError> {
    let as_is = Reference::parse(name)?;
    if !is_short_name(name) {
        return Ok(vec![as_is.for_pull()]);
    }
    let parts = reference::split(name);
    let suffix = name.get(parts.name.len()..).unwrap_or_default();
    if conf.short_name_mode != ShortNameMode::Disabled
        && let Some(full) = conf.aliases.get(parts.name)
    {
        return Ok(vec![Reference::parse(&format!("{full}{suffix}"))?.for_pull()]);
    }
    let candidates: Result<Vec<Reference>, InvalidReference> = conf
        .search
        .iter()
        .map(|registry| Ok(Reference::parse(&format!("{registry}/{name}"))?.for_pull()))
        .collect();
    let candidates = candidates?;
    match candidates.as_slice() {
        [] => Err(ShortNameError::NoSearchRegistry { name: parts.name.to_owned() }),
        [_] => Ok(candidates),
        _ if conf.short_name_mode == ShortNameMode::Enforcing => Err(ShortNameError::Ambiguous {
            name: name.to_owned(),
            candidates: candidates.iter().map(Reference::to_string).collect::<Vec<_>>().join(", "),
            path: conf.search_path.clone(),
        }),
        _ => Ok(candidates),
    }
}

/// Returns the full names that a short name may have among the images that are here, the likeliest first: what an alias
/// says, then `localhost`, then the registries that are searched. Nothing is ambiguous among them, since the first that is
/// there is meant. A full name has none but itself, and what is no name has none.
pub fn local_candidates(name: &str, conf: &RegistriesConf) -> Vec<Reference> {
    if !is_short_name(name) {
        return Reference::parse(name).map(|it| it.for_pull()).into_iter().collect();
    }
    let parts = reference::split(name);
    let suffix = name.get(parts.name.len()..).unwrap_or_default();
    let is_used = conf.short_name_mode != ShortNameMode::Disabled;
    let alias = conf.aliases.get(parts.name).filter(|_| is_used);
    let searched = std::iter::once("localhost").chain(conf.search.iter().map(String::as_str));
    alias
        .map(|full| format!("{full}{suffix}"))
        .into_iter()
        .chain(searched.map(|registry| format!("{registry}/{name}")))
        .filter_map(|full| Some(Reference::parse(&full).ok()?.for_pull()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[track_caller]
    fn resolve(name: &str, conf: &str) -> Result<Vec<String>, ShortNameError> {
        let conf = RegistriesConf::parse(Path::new("r.conf"), conf).unwrap();
        Ok(resolve_short_name(name, &conf)?.iter().map(Reference::to_string).collect())
    }

    #[test]
    fn full_names_stay_what_they_are() {
        for (name, full) in [
            ("quay.io/a", "quay.io/a:latest"),
            ("localhost/a:1", "localhost/a:1"),
            ("docker://alpine", "docker.io/library/alpine:latest"),
        ] {
            assert_eq!(resolve(name, "").unwrap(), [full]);
        }
    }

    #[test]
    fn short_names_are_searched_in_order() {
        let conf = "unqualified-search-registries=['a.io','docker.io']\nshort-name-mode='permissive'";
        assert_eq!(resolve("x:1", conf).unwrap(), ["a.io/x:1", "docker.io/library/x:1"]);
        assert_eq!(resolve("t/x", conf).unwrap(), ["a.io/t/x:latest", "docker.io/t/x:latest"]);
    }

    #[test]
    fn an_alias_has_one_meaning() {
        let conf = "unqualified-search-registries=['a.io','b.io']\n[aliases]\nx='q.io/y'\n't/x'='q.io/z'\n";
        assert_eq!(resolve("x", conf).unwrap(), ["q.io/y:latest"]);
        assert_eq!(resolve("t/x:2", conf).unwrap(), ["q.io/z:2"]);
        let disabled = format!("short-name-mode='disabled'\n{conf}");
        assert_eq!(resolve("x", &disabled).unwrap().len(), 2);
    }

    #[test]
    fn guessing_is_an_error_where_it_is_forbidden() {
        let err = resolve("x", "unqualified-search-registries=['a.io','b.io']").unwrap_err();
        assert_eq!(err.to_string(), "short name `x` is ambiguous; it could be a.io/x:latest, b.io/x:latest");
        assert_eq!(resolve("x", "unqualified-search-registries=['a.io']").unwrap(), ["a.io/x:latest"]);
    }

    #[test]
    fn an_image_that_is_here_may_have_any_of_these_names() {
        let local = |name: &str, conf: &str| {
            let conf = RegistriesConf::parse(Path::new("r.conf"), conf).unwrap();
            local_candidates(name, &conf).iter().map(Reference::to_string).collect::<Vec<_>>()
        };
        let conf = "unqualified-search-registries=['a.io','docker.io']\n[aliases]\nx='q.io/y'\n";
        assert_eq!(local("x:1", conf), ["q.io/y:1", "localhost/x:1", "a.io/x:1", "docker.io/library/x:1"]);
        assert_eq!(local("x", ""), ["localhost/x:latest"]);
        assert_eq!(local("q.io/x", conf), ["q.io/x:latest"]);
        assert!(local("No name", conf).is_empty());
        let disabled = format!("short-name-mode='disabled'\n{conf}");
        assert_eq!(local("x", &disabled)[0], "localhost/x:latest");
    }

    #[test]
    fn nowhere_to_search_is_an_error_with_a_way_out() {
        let err = resolve("x:1", "").unwrap_err();
        assert!(err.hint().unwrap().contains("docker.io/library/x"), "{:?}", err.hint());
        assert!(matches!(resolve("X", ""), Err(ShortNameError::Name(_))));
    }
}
