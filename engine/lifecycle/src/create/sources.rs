//! What a request names, and what of it must be there before anything is made.

use std::io;
use std::path::PathBuf;

use pontoon_image::ImageConfig;
use pontoon_network::{PortMapping, Protocol};
use pontoon_rootless::idmap::IdMaps;
use pontoon_runtime::plan::NamespaceKind;
use pontoon_storage::{ImageId, Store};

use super::CreateError;
use crate::glob;
use crate::host::Host;
use crate::local_image;
use crate::namespace_path::{self, NamespacePathError, Owner};
use crate::request::{CreateRequest, MountRequest, MountSource, SeccompRequest};

/// What can be known to fail is said before anything is made.
pub(super) fn check_sources(request: &CreateRequest) -> Result<(), CreateError> {
    for mount in &request.mounts {
        if let MountSource::Bind(path) = &mount.source {
            let is_followed = !mount.options.iter().any(|it| it == "no-dereference");
            let found = if is_followed { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
            match found {
                // It may be behind a directory that the container's ids alone lead through.
                Err(err) if err.kind() == io::ErrorKind::PermissionDenied => {}
                found => {
                    found.map_err(|source| CreateError::BindSource { path: path.clone(), source })?;
                }
            }
        }
    }
    if let Some(rootfs) = &request.rootfs {
        let is_directory = |it: std::fs::Metadata| match it.is_dir() {
            true => Ok(()),
            false => Err(io::ErrorKind::NotADirectory.into()),
        };
        std::fs::metadata(&rootfs.path)
            .and_then(is_directory)
            .map_err(|source| CreateError::Source { path: rootfs.path.clone(), source })?;
    }
    let devices = request.devices.iter().filter(|it| !it.optional).map(|it| &it.host);
    let profile = match &request.seccomp {
        SeccompRequest::Profile(path) => Some(path),
        _ => None,
    };
    let init = request.init_path.as_ref().filter(|_| request.init);
    for path in devices.chain(profile).chain(init) {
        std::fs::metadata(path).map_err(|source| CreateError::Source { path: path.clone(), source })?;
    }
    match request.timezone.as_deref() {
        None | Some("local") => Ok(()),
        Some(zone) => {
            let path = PathBuf::from("/usr/share/zoneinfo").join(zone);
            let is_plain = !zone.starts_with('/') && !zone.split('/').any(|it| it == "..");
            if is_plain && path.is_file() {
                Ok(())
            } else {
                Err(CreateError::TimeZone { zone: zone.to_owned() })
            }
        }
    }
}

/// Patterns become the paths that they match: in the order of their names, each below the target, or where it is without one.
pub(super) fn expand_globs(request: &mut CreateRequest) -> Result<(), CreateError> {
    let mut mounts = Vec::new();
    for mount in std::mem::take(&mut request.mounts) {
        let MountSource::Glob(pattern) = &mount.source else {
            mounts.push(mount);
            continue;
        };
        let found = glob::matches(pattern);
        if found.is_empty() {
            return Err(CreateError::NothingMatches { pattern: pattern.clone() });
        }
        for path in found {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let target = match mount.target.as_str() {
                "" => path.to_string_lossy().into_owned(),
                directory => format!("{}/{name}", directory.trim_end_matches('/')),
            };
            let source = MountSource::Bind(path);
            mounts.push(MountRequest { source, target, options: mount.options.clone() });
        }
    }
    request.mounts = mounts;
    Ok(())
}

/// The images that are mounted, which must be there.
pub(super) fn mounted_images(
    host: &Host,
    store: &Store,
    request: &CreateRequest,
) -> Result<Vec<ImageId>, CreateError> {
    let names = request.mounts.iter().filter_map(|it| match &it.source {
        MountSource::Image(name) => Some(name),
        _ => None,
    });
    let find = |name: &String| {
        let missing = |source| CreateError::MountedImage { name: name.clone(), source };
        Ok(local_image::find(host, store, name).map_err(missing)?.id)
    };
    names.map(find).collect()
}

/// Looks at the namespaces that are to be joined by path, and gives the ids of a user namespace among them.
pub(super) fn look_at_namespaces(request: &CreateRequest) -> Result<Option<IdMaps>, NamespacePathError> {
    let mut found = None;
    for asked in namespace_path::asked(request) {
        let owner = namespace_path::look(asked)?;
        match owner {
            Owner::Below { maps, .. } if asked.kind == NamespaceKind::User => found = Some(maps),
            Owner::Own { is_ours } if asked.kind == NamespaceKind::User => {
                let (option, path) = (asked.option, asked.path.to_owned());
                return Err(NamespacePathError::NotOurs { option, path, is_own: is_ours });
            }
            Owner::Below { .. } | Owner::Own { .. } => {}
        }
    }
    Ok(found)
}

/// Publishes what the image and the request expose and is not published yet, each to a random port of the host.
pub(super) fn publish_exposed(request: &mut CreateRequest, image: &ImageConfig) -> Result<(), CreateError> {
    for port in image.config.exposed_ports.iter().chain(&request.expose) {
        let is_published = |it: &PortMapping| {
            port.split('/').next().and_then(|it| it.parse().ok()) == Some(it.container_port)
                && port.ends_with("/udp") == (it.protocol == Protocol::Udp)
        };
        if !request.publish.iter().any(is_published) {
            let wrong = |source| CreateError::Expose { port: port.clone(), source };
            request.publish.push(pontoon_network::parse_publish(port).map_err(wrong)?);
        }
    }
    Ok(())
}
