//! What `kube generate` is asked to write: what is in the store, or what unit files would make.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use pontoon_cli::generate::kube::{EnvFile, Facts, Member, Remark, Wishes};
use pontoon_cli::generate::line::Line;
use pontoon_cli::run_options;
use pontoon_kube::document::{self, Object};
use pontoon_kube::objects::{ConfigMap, Volume};
use pontoon_kube::play::SAID;
use pontoon_lifecycle::list;
use pontoon_lifecycle::pod::{self as pods, PodSummary, Shared};
use pontoon_lifecycle::record::{ContainerRecord, VolumeRecord};
use pontoon_lifecycle::request::CreateRequest;
use pontoon_storage::Store;

use super::super::control::is_missing;
use super::super::{Context, Failure};
use super::units;

/// What a name stands for.
pub(super) enum Subject {
    Container(Box<Container>),
    Pod(Box<Pod>),
    Volume(String, VolumeRecord),
}

/// A container.
pub(super) struct Container {
    pub(super) name: String,
    /// Its image, by its whole name where that is known.
    pub(super) image: String,
    pub(super) request: CreateRequest,
    /// Files with variables, if they are wanted.
    pub(super) env_files: Vec<EnvFile>,
    /// What is to be said of it already.
    pub(super) remarks: Vec<Remark>,
}

/// A pod.
pub(super) struct Pod {
    pub(super) name: String,
    pub(super) labels: Vec<(String, String)>,
    /// What holds its namespaces.
    pub(super) infra: Option<CreateRequest>,
    pub(super) shares_processes: bool,
    /// ConfigMaps that it was made of.
    pub(super) maps: Vec<ConfigMap>,
    pub(super) members: Vec<Container>,
}

/// The host, as far as it is looked at.
pub(super) struct Disk<'a> {
    pub(super) store: &'a Store,
}

impl Facts for Disk<'_> {
    fn host_path_type(&self, path: &Path) -> &'static str {
        let Ok(found) = fs::metadata(path).map(|it| it.file_type()) else { return "" };
        match found {
            it if it.is_dir() => "Directory",
            it if it.is_file() => "File",
            it if it.is_socket() => "Socket",
            it if it.is_char_device() => "CharDevice",
            it if it.is_block_device() => "BlockDevice",
            _ => "",
        }
    }

    fn volume_said(&self, name: &str) -> Option<Volume> {
        let record: VolumeRecord = self.store.find_volume(name).ok()?.read_entry().ok()?.record().ok()?;
        let said = record.labels.iter().find(|(key, _)| key == SAID)?;
        serde_json::from_str(&said.1).ok()
    }

    fn secret(&self, name: &str) -> Result<Vec<u8>, String> {
        self.store.secret_data(name).map(|it| it.0).map_err(|err| err.to_string())
    }
}

/// Looks things up, and reads files of variables where ConfigMaps are wanted.
pub(super) struct Finder<'a> {
    pub(super) context: &'a Context,
    pub(super) store: &'a Store,
    pub(super) reads_env_files: bool,
    /// What is wrong with unit files is told for people.
    pub(super) tells: bool,
    /// Kernel settings that containers have without being asked.
    usual_sysctls: Vec<(String, String)>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(
        context: &'a Context,
        store: &'a Store,
        wishes: &Wishes,
        tells: bool,
    ) -> Result<Self, Failure> {
        let conf = context.containers_conf()?;
        let usual = conf.default_sysctls().iter().filter_map(|it| it.split_once('='));
        let trimmed = |(name, value): (&str, &str)| (name.trim().to_owned(), value.trim().to_owned());
        let usual_sysctls = usual.map(trimmed).collect();
        Ok(Self { context, store, reads_env_files: wishes.config_maps, tells, usual_sysctls })
    }

    /// What a name stands for; that of a unit file comes last, as a container may be called so.
    pub(super) fn find(&self, name: &str) -> Result<Subject, Failure> {
        match pods::find(self.store, name) {
            Ok((_, pod)) => return Ok(Subject::Pod(Box::new(self.pod(pod)))),
            Err(err) if err.is_not_found() => {}
            Err(err) => return Err(err.into()),
        }
        match list::find(self.store, name) {
            Ok(found) => {
                if found.record.request.pod.is_some() {
                    return Err(in_pod(name));
                }
                return Ok(Subject::Container(Box::new(self.container(found.record))));
            }
            Err(err) if is_missing(&err) => {}
            Err(err) => return Err(err.into()),
        }
        if let Ok(volume) = self.store.find_volume(name) {
            return Ok(Subject::Volume(name.to_owned(), volume.read_entry()?.record()?));
        }
        if let Some(subject) = units::find(self, name)? {
            return Ok(subject);
        }
        let hint = "`pontoon ps -a`, `pod ps`, `volume ls` and `quadlet list` list what there is".to_owned();
        Err(Failure::new(format!("`{name}` is no container, pod, volume or unit file"), Some(hint)))
    }

    fn pod(&self, pod: PodSummary) -> Pod {
        let PodSummary { record, members } = pod;
        let shares_processes = record.shares(Shared::Pid);
        let (infra, members): (Vec<_>, Vec<_>) =
            members.into_iter().map(|it| it.record).partition(|it| it.request.infra.is_some());
        let mut infra = infra.into_iter().next().map(|it| it.request);
        if let Some(infra) = &mut infra {
            self.drop_usual(infra, || Line::of("pod create", &record.create_command).ok());
        }
        let members = members.into_iter().map(|it| self.container(it)).collect();
        let maps = self.maps(&record.id);
        Pod { name: record.name, labels: record.labels, infra, shares_processes, maps, members }
    }

    /// The ConfigMaps that a pod was played of.
    fn maps(&self, id: &str) -> Vec<ConfigMap> {
        let text = self.store.find_pod(id).ok().and_then(|it| it.source()).unwrap_or_default();
        let documents = document::contents(id, &text).map(|it| it.documents).unwrap_or_default();
        let maps = documents.into_iter().filter_map(|it| match it.object {
            Object::ConfigMap(map) => Some(map),
            _ => None,
        });
        maps.collect()
    }

    fn container(&self, record: ContainerRecord) -> Container {
        let ContainerRecord { name, image_name, mut request, .. } = record;
        let image = if image_name.is_empty() { request.image.clone() } else { image_name };
        let words = std::mem::take(&mut request.create_command);
        let line = || Line::of_container(&words).ok();
        self.drop_usual(&mut request, line);
        let mut remarks = Vec::new();
        let mut env_files = Vec::new();
        if self.reads_env_files {
            let line = line();
            let given = line.iter().flat_map(Line::given).filter(|it| it.name == "env-file");
            let paths: Vec<PathBuf> = given.filter_map(|it| it.value.clone()).map(PathBuf::from).collect();
            env_files = self.env_files(&name, &paths, &mut remarks);
        }
        Container { name, image, request, env_files, remarks }
    }

    /// Takes out the kernel settings that nobody asked for; `line` is the command line that asked.
    fn drop_usual(&self, request: &mut CreateRequest, line: impl Fn() -> Option<Line>) {
        if !request.sysctls.iter().any(|it| self.usual_sysctls.contains(it)) {
            return;
        }
        let line = line();
        let is_asked = |name: &str| {
            let mut given = line.iter().flat_map(Line::given).filter(|it| it.name == "sysctl");
            given.any(|it| {
                it.value.as_deref().and_then(|it| it.split('=').next()).map(str::trim) == Some(name)
            })
        };
        request.sysctls.retain(|it| !self.usual_sysctls.contains(it) || is_asked(&it.0));
    }

    /// The variables of files, as they are now; of one that cannot be read that is said.
    pub(super) fn env_files(&self, of: &str, paths: &[PathBuf], remarks: &mut Vec<Remark>) -> Vec<EnvFile> {
        let mut files = Vec::new();
        for path in paths.iter().filter(|_| self.reads_env_files) {
            let one = std::slice::from_ref(path);
            match run_options::exec_env(&[], one, &self.context.option_host) {
                Ok(variables) => {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    files.push(EnvFile { name, variables });
                }
                Err(err) => remarks.push(Remark {
                    name: of.to_owned(),
                    option: format!("--env-file {}", path.display()),
                    outcome: "approximated",
                    reason: format!("its variables are written one by one: {err}"),
                }),
            }
        }
        files
    }
}

/// A member of a pod cannot be written by itself.
pub(super) fn in_pod(name: &str) -> Failure {
    let hint = Some("name the pod: its containers belong together".to_owned());
    Failure::new(format!("container `{name}` is in a pod"), hint)
}

impl Container {
    /// As it is written; `prefix` is what stands before the names of what was played.
    pub(super) fn member(&self, prefix: Option<&str>) -> Member<'_> {
        let own = prefix.and_then(|it| self.name.strip_prefix(it)).filter(|it| !it.is_empty());
        Member {
            name: own.unwrap_or(&self.name),
            image: &self.image,
            request: &self.request,
            env_files: &self.env_files,
        }
    }
}
