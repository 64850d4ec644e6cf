//! Which image of the store a word of a user means. The store knows full names; what a short one may stand for says
//! registries.conf.

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
    let paths = RegistriesPaths::standard(&environment, host.is_rootless());
    let conf = RegistriesConf::read(&paths).unwrap_or_default();
    local_candidates(query, &conf).iter().map(Reference::to_string).collect()
}
