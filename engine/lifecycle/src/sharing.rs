//! Containers that share namespaces of another one.

use std::path::PathBuf;

use pontoon_rootless::idmap::IdMaps;
use pontoon_runtime::plan::{JoinedNamespaces, NamespaceKind, OtherContainer};
use pontoon_storage::{FindContainerError, RecordError, Store};

use crate::host::Host;
use crate::id_maps;
use crate::namespace_path::{self, Asked, NamespacePathError, Owner};
use crate::record::ContainerRecord;
use crate::request::{CreateRequest, NamespaceMode, NetworkMode};
use crate::status;

/// What is shared, and what goes with it.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The namespaces.
    pub namespaces: JoinedNamespaces,
    /// Kinds that the other container has of the host: they cannot be joined, but only left as they are.
    pub of_host: Vec<NamespaceKind>,
    /// Whether the other container, if its ipc namespace is shared, has no `/dev/shm`.
    pub no_shm: Option<bool>,
    /// The other container's host name, if that is shared.
    pub hostname: Option<String>,
    /// `/etc/hosts` of the other container.
    pub hosts: Option<String>,
    /// `/etc/resolv.conf` of the other container.
    pub resolv_conf: Option<String>,
}

impl Shared {
    /// The container as if it had asked itself for what it has of the host by way of another one; `None` if that is nothing.
    #[must_use]
    pub fn told(&self, record: &ContainerRecord) -> Option<ContainerRecord> {
        if self.of_host.is_empty() {
            return None;
        }
        let mut record = record.clone();
        let request = &mut record.request;
        for kind in &self.of_host {
            match kind {
                NamespaceKind::User => {}
                NamespaceKind::Network => request.network = Some(NetworkMode::Host),
                NamespaceKind::Pid => request.pid = NamespaceMode::Host,
                NamespaceKind::Ipc => request.ipc = NamespaceMode::Host,
                NamespaceKind::Uts => request.uts = NamespaceMode::Host,
                NamespaceKind::Cgroup => {
                    request.cgroup_namespace = NamespaceMode::Host;
                    request.host_cgroup_namespace = true;
                }
            }
        }
        Some(record)
    }
}

/// Why nothing can be shared.
#[derive(Debug, thiserror::Error)]
pub enum SharingError {
    /// There is no such container.
    #[error("{option}=container:{name} cannot be had")]
    Find {
        /// The option.
        option: &'static str,
        /// The container.
        name: String,
        /// The cause.
        #[source]
        source: FindContainerError,
    },
    /// Its record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It does not run.
    #[error("{option}=container:{name}: that container does not run")]
    NotRunning {
        /// The option.
        option: &'static str,
        /// The container.
        name: String,
    },
    /// Two containers, and nobody is root of both. The kernel lets nobody join namespaces of two user namespaces that are
    /// beside each other (setns(2)).
    #[error(
        "{option}=container:{other}: containers `{one}` and `{other}` have a user namespace each, and one container can be in one of them only"
    )]
    Apart {
        /// The option.
        option: &'static str,
        /// One.
        one: String,
        /// The other.
        other: String,
    },
    /// A namespace by path.
    #[error(transparent)]
    Path(#[from] NamespacePathError),
    /// It keeps its ipc namespace for itself.
    #[error("container `{name}` was made with --ipc private, so its ipc namespace cannot be shared")]
    NotShareable {
        /// The container.
        name: String,
    },
    /// The namespaces are not of one owner.
    #[error("{option} ns:{}: its ids are others than the container's", path.display())]
    OtherOwner {
        /// The option.
        option: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// Its user namespace is another one.
    #[error("container `{name}` has other ids than this one, so its namespaces cannot be shared")]
    OtherIds {
        /// The container.
        name: String,
    },
}

impl SharingError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Find { .. } => Some("`pontoon ps --all` lists all containers".to_owned()),
            Self::NotRunning { name, .. } => Some(format!("start it first: pontoon start {name}")),
            Self::OtherIds { name } => Some(format!("add --userns container:{name}")),
            Self::Record(err) => err.hint(),
            Self::Path(err) => err.hint(),
            Self::OtherOwner { .. } => Some(
                "all namespaces that are joined must belong to one user namespace, whose ids the container has; join that as \
                 well: --userns ns:PATH"
                    .to_owned(),
            ),
            Self::Apart { one, other, .. } => {
                Some(format!("make `{other}` with --userns container:{one}, or both in one pod"))
            }
            Self::NotShareable { .. } => None,
        }
    }
}

/// Finds the namespaces that a request wants to share, of another container or by path; `None` if it wants none.
///
/// # Errors
/// See [`SharingError`].
pub fn find(
    host: &Host,
    store: &Store,
    request: &CreateRequest,
    maps: Option<&IdMaps>,
) -> Result<Option<Shared>, SharingError> {
    let wanted = request.sharing();
    let asked = namespace_path::asked(request);
    if wanted.is_empty() && asked.is_empty() {
        return Ok(None);
    }
    let (owner, own_user) = owner(host, &asked, maps)?;
    let shares = |mode: &NamespaceMode| matches!(mode, NamespaceMode::Container(_) | NamespaceMode::Path(_));
    let namespaces = JoinedNamespaces {
        process: 0,
        run_directory: PathBuf::new(),
        network: matches!(request.network, Some(NetworkMode::Container(_) | NetworkMode::Path(_))),
        pid: shares(&request.pid),
        uts: shares(&request.uts),
        ipc: shares(&request.ipc),
        cgroup: shares(&request.cgroup_namespace),
        paths: asked.iter().map(|it| (it.kind, it.path.to_owned())).collect(),
        others: Vec::new(),
        own_user,
    };
    let Some((option, name)) = wanted.first().copied() else {
        return Ok(Some(Shared {
            namespaces,
            of_host: Vec::new(),
            no_shm: None,
            hostname: None,
            hosts: None,
            resolv_conf: None,
        }));
    };
    let first = Sharer::find(store, option, name)?;
    if id_maps::of(host, store, &first.record).ok().flatten().as_ref() != maps {
        return Err(SharingError::OtherIds { name: name.to_owned() });
    }
    // What is by path must be of the container's own user namespace, which is the one that is joined.
    if let (Some(asked), true) = (asked.first(), maps.is_some() && owner != first.user_namespace()) {
        return Err(SharingError::OtherOwner { option: asked.option, path: asked.path.to_owned() });
    }
    let common = first.user_namespace();
    let mut sharers = vec![(first, vec![option])];
    for (option, name) in wanted.iter().skip(1).copied() {
        let sharer = Sharer::find(store, option, name)?;
        match sharers.iter_mut().find(|(it, _)| it.record.id == sharer.record.id) {
            Some((_, options)) => options.push(option),
            None if sharer.user_namespace() == common => sharers.push((sharer, vec![option])),
            None => {
                let (one, other) = (sharers[0].0.record.name.clone(), sharer.record.name);
                return Err(SharingError::Apart { option, one, other });
            }
        }
    }
    let of = |option| sharers.iter().find(|(_, options)| options.contains(&option)).map(|it| &it.0);
    if let Some(sharer) = of("--ipc").filter(|it| it.record.request.private_ipc) {
        return Err(SharingError::NotShareable { name: sharer.record.name.clone() });
    }
    let kinds = |(sharer, options): &(Sharer, Vec<&str>)| -> Vec<_> {
        options.iter().filter_map(|it| kind_of(it)).map(|it| (it, sharer.has_of_host(it))).collect()
    };
    let of_host: Vec<_> =
        sharers.iter().flat_map(kinds).filter(|(_, is_of_host)| *is_of_host).map(|it| it.0).collect();
    let is_joined = |had: bool, kind| had && !of_host.contains(&kind);
    let of_network = |file: &str| of("--network").and_then(|it| it.text(file));
    let others = sharers[1..].iter().map(|it| OtherContainer {
        process: it.0.process,
        run_directory: it.0.run_directory.clone(),
        kinds: kinds(it).into_iter().filter(|(_, is_of_host)| !is_of_host).map(|it| it.0).collect(),
    });
    Ok(Some(Shared {
        namespaces: JoinedNamespaces {
            process: sharers[0].0.process,
            run_directory: sharers[0].0.run_directory.clone(),
            own_user: false,
            network: is_joined(namespaces.network, NamespaceKind::Network),
            pid: is_joined(namespaces.pid, NamespaceKind::Pid),
            ipc: is_joined(namespaces.ipc, NamespaceKind::Ipc),
            uts: is_joined(namespaces.uts, NamespaceKind::Uts),
            cgroup: is_joined(namespaces.cgroup, NamespaceKind::Cgroup),
            others: others.filter(|it| !it.kinds.is_empty()).collect(),
            ..namespaces
        },
        no_shm: of("--ipc").map(|it| it.record.request.no_shm),
        hostname: of("--uts").map(Sharer::hostname),
        hosts: of_network("hosts"),
        resolv_conf: of_network("resolv.conf"),
        of_host,
    }))
}

/// The kind of namespace that an option asks for.
fn kind_of(option: &str) -> Option<NamespaceKind> {
    Some(match option {
        "--userns" => NamespaceKind::User,
        "--network" => NamespaceKind::Network,
        "--pid" => NamespaceKind::Pid,
        "--ipc" => NamespaceKind::Ipc,
        "--uts" => NamespaceKind::Uts,
        "--cgroupns" => NamespaceKind::Cgroup,
        _ => return None,
    })
}

/// A container that runs, and shares namespaces.
struct Sharer {
    record: ContainerRecord,
    run_directory: PathBuf,
    process: i32,
}

impl Sharer {
    fn find(store: &Store, option: &'static str, name: &str) -> Result<Self, SharingError> {
        let missing = |source| SharingError::Find { option, name: name.to_owned(), source };
        let container = store.find_container(name).map_err(missing)?;
        let record: ContainerRecord = container.read_record()?;
        let status = status::of(&container);
        let state =
            status.process().ok_or_else(|| SharingError::NotRunning { option, name: name.to_owned() })?;
        Ok(Self { record, run_directory: container.run_path().to_owned(), process: state.pid })
    }

    /// Number of its user namespace.
    fn user_namespace(&self) -> Option<u64> {
        namespace_path::number(self.process, NamespaceKind::User)
    }

    /// Whether one of its namespaces is the one that we are in, too.
    fn has_of_host(&self, kind: NamespaceKind) -> bool {
        kind != NamespaceKind::User && namespace_path::is_ours(self.process, kind)
    }

    /// What one of its files in the runtime directory says.
    fn text(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(self.run_directory.join(file)).ok()
    }

    /// The name that it has itself.
    fn hostname(&self) -> String {
        let told = self.text("hostname").map(|it| it.trim_end().to_owned());
        // It may have no file that says it.
        let asked = || self.record.request.hostname.clone();
        told.or_else(asked).unwrap_or_else(|| self.record.id.chars().take(12).collect())
    }
}

/// The one user namespace, below ours, that all namespaces by path belong to, if the container is to be in it; and whether
/// it is to have one of its own all the same, because they are the host's and we are root.
fn owner(
    host: &Host,
    asked: &[Asked<'_>],
    maps: Option<&IdMaps>,
) -> Result<(Option<u64>, bool), SharingError> {
    let (mut found, mut own_user) = (None, false);
    for it in asked {
        let other = || SharingError::OtherOwner { option: it.option, path: it.path.to_owned() };
        match namespace_path::look(*it)? {
            Owner::Own { is_ours } if host.is_rootless() => {
                let (option, path) = (it.option, it.path.to_owned());
                return Err(NamespacePathError::NotOurs { option, path, is_own: is_ours }.into());
            }
            // Root needs nobody's leave; of the host's, a container with ids of its own cannot show what it does not own.
            Owner::Own { .. } if maps.is_some() => {
                if !matches!(it.kind, NamespaceKind::Network | NamespaceKind::Uts) {
                    return Err(other());
                }
                own_user = true;
            }
            Owner::Below { id, maps: theirs } if maps.is_some() => {
                if maps != Some(&theirs) || found.is_some_and(|it| it != id) {
                    return Err(other());
                }
                found = Some(id);
            }
            Owner::Own { .. } | Owner::Below { .. } => {}
        }
    }
    match asked.first() {
        Some(first) if own_user && found.is_some() => {
            Err(SharingError::OtherOwner { option: first.option, path: first.path.to_owned() })
        }
        _ => Ok((found, own_user)),
    }
}

/// Which containers share namespaces of which: read once, however many containers are asked about.
#[derive(Debug, Default)]
pub struct Needs(Vec<Need>);

#[derive(Debug)]
struct Need {
    id: String,
    name: String,
    wants: Vec<String>,
}

/// Whether somebody who wrote `word` meant the container.
fn is_meant(word: &str, id: &str, name: &str) -> bool {
    word == name || (word.len() >= 12 && id.starts_with(word))
}

impl Needs {
    /// Reads what all containers want; one whose record cannot be read wants nothing.
    #[must_use]
    pub fn read(store: &Store) -> Self {
        let Ok(list) = store.list_containers() else { return Self::default() };
        let records = list.containers.iter().filter_map(|it| it.record::<ContainerRecord>().ok());
        Self(records.filter_map(Need::of).collect())
    }

    /// Names of the containers that share namespaces of that one.
    pub fn dependents(&self, id: &str, name: &str) -> impl Iterator<Item = &str> {
        let needs = move |it: &&Need| it.wants.iter().any(|word| is_meant(word, id, name));
        self.0.iter().filter(needs).map(|it| it.name.as_str())
    }

    /// Puts those that need others in front of these, so that they can be removed one after another.
    pub fn sort_for_removal(&self, words: &mut [String]) {
        words.sort_by_key(|word| std::cmp::Reverse(self.depth(word, self.0.len())));
    }

    /// How long the chain of containers is that one needs; `most` ends a chain that is a ring.
    fn depth(&self, word: &str, most: usize) -> usize {
        let need = self.0.iter().find(|it| is_meant(word, &it.id, &it.name)).filter(|_| most > 0);
        need.map_or(0, |it| 1 + it.wants.iter().map(|word| self.depth(word, most - 1)).max().unwrap_or(0))
    }
}

impl Need {
    fn of(record: ContainerRecord) -> Option<Self> {
        let wants: Vec<String> = record.request.needs().map(str::to_owned).collect();
        (!wants.is_empty()).then_some(Self { id: record.id, name: record.name, wants })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_others_goes_before_them() {
        let need = |name: &str, wants: &str| Need {
            id: format!("{name}{}", "0".repeat(64 - name.len())),
            name: name.to_owned(),
            wants: vec![wants.to_owned()],
        };
        let needs = Needs(vec![need("b", "a"), need("c", "b"), need("ring", "ring")]);
        let mut names: Vec<String> = ["a", "b", "x", "c", "ring"].iter().map(|it| (*it).to_owned()).collect();
        needs.sort_for_removal(&mut names);
        assert_eq!(names, ["ring", "c", "b", "a", "x"]);
        assert_eq!(needs.dependents(&"f".repeat(64), "a").collect::<Vec<_>>(), ["b"]);
    }
}
