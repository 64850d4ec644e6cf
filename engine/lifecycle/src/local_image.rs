//! Which image of the store a word of a user means. The store knows full names; what a short one may stand for says
//! registries.conf.

use std::borrow::Cow;

use pontoon_image::{
    Environment, Reference, RegistriesConf, RegistriesPaths, is_short_name, local_candidates,
};
use pontoon_storage::{FindImageError, ImageId, ImageRecord, Store};

use crate::host::Host;

/// Finds an image as Podman does: under an alias's name, with the registries that are searched in front, then as the store
/// does by itself.
///
/// # Errors
/// See [`FindImageError`].
pub fn find(host: &Host, store: &Store, query: &str) -> Result<ImageRecord, FindImageError> {
    for name in full_names(host, query) {
        match store.find_image(&name) {
            Err(FindImageError::NotFound { .. }) => {}
            other => return other,
        }
    }
    store.find_image(query)
}

/// Finds the image that a container is to be made of. In front of its name there may be where it comes from: `docker://` says a
/// registry, and is followed by a full name or one of Docker's own; `containers-storage:` says the store.
///
/// # Errors
/// See [`FindImageError`].
pub fn find_base(host: &Host, store: &Store, query: &str) -> Result<ImageRecord, FindImageError> {
    match query.strip_prefix(FROM_STORE) {
        Some(name) => find(host, store, name),
        None => find(host, store, &without_transport(query)),
    }
}

/// What stands in front of the name of an image that is nowhere but in the store.
pub const FROM_STORE: &str = "containers-storage:";

/// The name as the store knows it.
fn without_transport(query: &str) -> Cow<'_, str> {
    match query.strip_prefix("docker://").map(Reference::parse) {
        Some(Ok(reference)) => Cow::Owned(reference.for_pull().to_string()),
        _ => Cow::Borrowed(query),
    }
}

/// The full names that a short one may stand for, the likeliest first. What is full already, or an id, has none.
///
/// A file that cannot be used is passed over: what is here can be used without it, and whoever pulls is told.
#[must_use]
pub fn full_names(host: &Host, query: &str) -> Vec<String> {
    let is_id = query.starts_with("sha256:") || query.parse::<ImageId>().is_ok();
    if is_id || !is_short_name(query) {
        return Vec::new();
    }
    let environment: Environment = host.environment.iter().collect();
    let paths =
        RegistriesPaths { is_named: false, ..RegistriesPaths::standard(&environment, host.is_rootless()) };
    let conf = RegistriesConf::read(&paths).unwrap_or_default();
    local_candidates(query, &conf).iter().map(Reference::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_s_transport_is_taken_off_and_its_name_is_full() {
        for (query, name) in [
            ("docker://localhost:5000/busybox", "localhost:5000/busybox:latest"),
            ("docker://localhost:5000/busybox:1", "localhost:5000/busybox:1"),
            ("docker://busybox", "docker.io/library/busybox:latest"),
            ("busybox", "busybox"),
            ("docker://", "docker://"),
            ("docker-archive:/a.tar", "docker-archive:/a.tar"),
        ] {
            assert_eq!(without_transport(query), name);
        }
    }
}
