//! What a new container is told of AppArmor and SELinux.

use std::path::Path;

use pontoon_storage::Store;

use super::CreateError;
use crate::host::Host;
use crate::labels::apparmor::{self, AppArmorHost};
use crate::labels::relabel::{self, RelabelError};
use crate::labels::selinux::{self, Policy};
use crate::labels::{Contexts, SelinuxError};
use crate::record::ContainerRecord;
use crate::request::{CreateRequest, MountSource, NamespaceMode};

/// Whether the words about labels can be followed here.
pub(super) fn check_labels(host: &Host, request: &CreateRequest) -> Result<(), CreateError> {
    if request.apparmor.is_some() {
        let modules = AppArmorHost::read(host.is_rootless());
        apparmor::decide(request.apparmor.as_deref(), request.privileged, &modules)?;
    }
    if Path::new(selinux::ENFORCE).exists()
        && Policy::read()?.is_some()
        && !request.label_options.iter().any(|it| it == "disable")
    {
        let home = host.user.as_ref().map(|it| Path::new(&it.home));
        for mount in &request.mounts {
            if let MountSource::Bind(path) = &mount.source
                && mount.options.iter().any(|it| it == "z" || it == "Z")
                && relabel::is_kept(path, home)
            {
                return Err(RelabelError::Kept { path: path.clone() }.into());
            }
        }
    }
    Ok(())
}

/// What a request says about SELinux.
pub(super) struct LabelWords {
    options: Vec<String>,
    shares_host: bool,
}

impl LabelWords {
    pub(super) fn of(request: &CreateRequest) -> Self {
        let shares_host =
            request.privileged || request.pid == NamespaceMode::Host || request.ipc == NamespaceMode::Host;
        Self { options: request.label_options.clone(), shares_host }
    }
}

/// The container's SELinux contexts; `None` where there is no SELinux.
pub(super) fn contexts(store: &Store, words: &LabelWords) -> Result<Option<Contexts>, SelinuxError> {
    let policy = Policy::read()?;
    let taken = || {
        let list = store.list_containers().map(|it| it.containers).unwrap_or_default();
        let records = list.iter().filter_map(|it| it.record::<ContainerRecord>().ok());
        records.filter_map(|it| it.contexts.map(|it| it.process)).collect()
    };
    let taken: Vec<String> = if policy.is_some() { taken() } else { Vec::new() };
    selinux::decide(&words.options, words.shares_host, policy.as_ref(), &taken, selinux::draw)
}
