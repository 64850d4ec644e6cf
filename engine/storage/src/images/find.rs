//! Which image a user means: by id, full name, familiar name, name with digest, beginning of an id.
//!
//! It knows no configuration: a familiar name is looked for under `localhost` and Docker's registry, then under any
//! registry, as long as that means one image. Who knows of other registries asks for full names first.

use super::{FindImageError, ImageRecord, newest_first};
use crate::id::ImageId;
use crate::store::Store;

/// A query, taken apart.
struct Query<'a> {
    /// Registry and path, without tag and digest.
    path: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Query<'a> {
    fn parse(text: &'a str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon before a slash belongs to the registry's port.
        match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => Self { path, tag: Some(tag), digest },
            _ => Self { path: rest, tag: None, digest },
        }
    }

    /// Whether the first component is a registry: as Docker tells it, by a dot, a port or its name.
    fn has_registry(&self) -> bool {
        self.path.split_once('/').is_some_and(|(first, _)| first.contains(['.', ':']) || first == "localhost")
    }

    /// Full paths the query means, the likeliest first.
    fn paths(&self) -> Vec<String> {
        if self.has_registry() {
            let mut paths = vec![self.path.to_owned()];
            // Docker's own registry leaves a component out where there is only one.
            if let Some(("docker.io", rest)) = self.path.split_once('/')
                && !rest.contains('/')
            {
                paths.push(format!("docker.io/library/{rest}"));
            }
            return paths;
        }
        let library = if self.path.contains('/') { "" } else { "library/" };
        vec![format!("localhost/{}", self.path), format!("docker.io/{library}{}", self.path)]
    }

    /// Whether a full path ends with the query's.
    fn fits(&self, path: &str) -> bool {
        path == self.path || path.strip_suffix(self.path).is_some_and(|before| before.ends_with('/'))
    }
}

/// Registry and path of a full name.
fn path_of(name: &str) -> &str {
    Query::parse(name).path
}

impl Store {
    /// Finds an image as Podman does: by id, full name, familiar name (`nginx`), name with digest, or the beginning of its id.
    pub fn find_image(&self, query: &str) -> Result<ImageRecord, FindImageError> {
        self.here_or_elsewhere(|store| store.find_own(query))
    }

    fn find_own(&self, query: &str) -> Result<ImageRecord, FindImageError> {
        let not_found = || FindImageError::NotFound { query: query.to_owned() };
        let id_text = query.strip_prefix("sha256:").unwrap_or(query);
        if let Some(id) = ImageId::from_hex(id_text) {
            match self.own_image(&id) {
                Err(FindImageError::NotFound { .. }) => {}
                other => return other,
            }
            // Sixty-four digits may also be the manifest's digest.
            return self.by_digest(query, None, &format!("sha256:{id_text}"));
        }
        let parts = Query::parse(query);
        if parts.path.is_empty() {
            return Err(not_found());
        }
        if let Some(digest) = parts.digest {
            return self.by_digest(query, Some(&parts), digest);
        }
        let tag = parts.tag.unwrap_or("latest");
        for path in parts.paths() {
            if let Some(id) = self.name_owner(&format!("{path}:{tag}"))? {
                match self.own_image(&id) {
                    // Removed between the two calls.
                    Err(FindImageError::NotFound { .. }) => {}
                    other => return other,
                }
            }
        }
        if !parts.has_registry()
            && let Some(id) = self.by_familiar_name(query, &parts, tag)?
        {
            return self.own_image(&id);
        }
        let id = self.by_id_prefix(query, id_text)?.ok_or_else(not_found)?;
        self.own_image(&id)
    }

    /// The one image some registry's `path:tag` leads to.
    fn by_familiar_name(
        &self,
        query: &str,
        parts: &Query<'_>,
        tag: &str,
    ) -> Result<Option<ImageId>, FindImageError> {
        let mut found: Vec<(String, ImageId)> = Vec::new();
        for (name, id) in self.all_names()? {
            let full = Query::parse(&name);
            if full.tag == Some(tag) && parts.fits(full.path) {
                found.push((name, id));
            }
        }
        let Some((_, first)) = found.first() else { return Ok(None) };
        if found.iter().all(|(_, id)| id == first) {
            return Ok(Some(first.clone()));
        }
        let mut candidates: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
        candidates.sort_unstable();
        Err(FindImageError::Ambiguous { query: query.to_owned(), candidates })
    }

    /// The one image whose manifest has the digest and, where the query has a name, that has such a name.
    fn by_digest(
        &self,
        query: &str,
        parts: Option<&Query<'_>>,
        digest: &str,
    ) -> Result<ImageRecord, FindImageError> {
        let has_name = |image: &ImageRecord| {
            let Some(parts) = parts else { return true };
            let wanted = parts.paths();
            let known = image.names.iter().chain(&image.repo_digests).map(|name| path_of(name));
            known.into_iter().any(|path| {
                wanted.iter().any(|wanted| wanted == path) || (!parts.has_registry() && parts.fits(path))
            })
        };
        let suffix = format!("@{digest}");
        let mut images = self.own_images()?;
        images.sort_by(newest_first);
        images
            .into_iter()
            .find(|image| {
                (image.digest == digest || image.repo_digests.iter().any(|known| known.ends_with(&suffix)))
                    && has_name(image)
            })
            .ok_or_else(|| FindImageError::NotFound { query: query.to_owned() })
    }

    /// The one image whose id begins so.
    fn by_id_prefix(&self, query: &str, prefix: &str) -> Result<Option<ImageId>, FindImageError> {
        if prefix.is_empty() || !prefix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(None);
        }
        let mut found = Vec::new();
        for entry in self.images()?.list()? {
            if let Some(id) = entry.text().and_then(ImageId::from_hex)
                && id.hex().starts_with(prefix)
            {
                found.push(id);
            }
        }
        if found.len() > 1 {
            found.sort_unstable();
            let candidates = found.iter().map(|id| id.short().to_owned()).collect();
            return Err(FindImageError::Ambiguous { query: query.to_owned(), candidates });
        }
        Ok(found.pop())
    }
}
