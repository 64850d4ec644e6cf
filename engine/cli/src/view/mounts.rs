//! What `inspect` tells of mounts, in Podman's words.

use pontoon_lifecycle::record::{ContainerRecord, VolumeUse};
use pontoon_lifecycle::request::{MountRequest, MountSource};

use super::container::Mount;
use crate::format::{NullIfEmpty, OmitEmpty};

const PROPAGATIONS: [&str; 8] =
    ["shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable"];

/// All mounts of a container that Podman tells of.
#[must_use]
pub fn of(record: &ContainerRecord) -> Vec<Mount> {
    let asked = record.request.mounts.iter().filter_map(asked);
    asked.chain(record.volumes.iter().map(volume)).collect()
}

fn asked(request: &MountRequest) -> Option<Mount> {
    let MountRequest { source, target, options } = request;
    let has = |word: &str| options.iter().any(|it| it == word);
    let bare = |kind: &str, source: &str| Mount {
        kind: kind.to_owned(),
        source: source.to_owned(),
        destination: target.clone(),
        rw: true,
        ..Mount::default()
    };
    match source {
        MountSource::Bind(path) => {
            let words = Words::of(options, false);
            let path = path.display().to_string();
            Some(words.mount(bare("bind", &path), &path))
        }
        // Podman knows their kind no more.
        MountSource::Ramfs | MountSource::Devpts => {
            let name = if *source == MountSource::Ramfs { "ramfs" } else { "devpts" };
            let bind = Some(format!("{name}:{target}"));
            Some(Mount { bind, options: NullIfEmpty(Some(Vec::new())), ..bare("bind", name) })
        }
        MountSource::Image(name) => {
            Some(Mount { rw: has("rw"), sub_path: OmitEmpty(sub_path(options)), ..bare("image", name) })
        }
        // As in Podman, artifacts are told of by the command line only.
        MountSource::Volume(_)
        | MountSource::Anonymous
        | MountSource::Tmpfs
        | MountSource::Artifact(_)
        | MountSource::Glob(_) => None,
    }
}

fn volume(volume: &VolumeUse) -> Mount {
    let mount = Mount {
        kind: "volume".to_owned(),
        name: OmitEmpty(volume.name.clone()),
        source: volume.data.display().to_string(),
        destination: volume.target.clone(),
        driver: "local".to_owned(),
        ..Mount::default()
    };
    Words::of(&volume.options, true).mount(mount, &volume.name)
}

fn sub_path(options: &[String]) -> String {
    options.iter().find_map(|it| it.strip_prefix("subpath=")).unwrap_or_default().to_owned()
}

/// The options of a tmpfs, with those that nobody had to ask for.
#[must_use]
pub fn tmpfs_words(request: &MountRequest) -> Option<(String, String)> {
    if request.source != MountSource::Tmpfs {
        return None;
    }
    let has = |word: &str| request.options.iter().any(|it| it == word);
    let mut words: Vec<&str> =
        request.options.iter().map(String::as_str).filter(|it| *it != "notmpcopyup").collect();
    add_usual(&mut words, true);
    if !has("notmpcopyup") && !has("tmpcopyup") {
        words.push("tmpcopyup");
    }
    Some((request.target.clone(), words.join(",")))
}

/// Adds what holds unless something else was asked for. What is closed has neither set-user-id programs nor devices.
fn add_usual(words: &mut Vec<&str>, is_closed: bool) {
    let mut unless = |others: &[&str], word| {
        if !words.iter().any(|it| others.contains(it)) {
            words.push(word);
        }
    };
    unless(&["ro", "rw"], "rw");
    unless(&PROPAGATIONS, "rprivate");
    if is_closed {
        unless(&["suid", "nosuid"], "nosuid");
        unless(&["dev", "nodev"], "nodev");
    }
}

/// All options of a mount: what was asked for, then what holds unless asked otherwise.
struct Words<'a> {
    all: Vec<&'a str>,
    sub_path: String,
}

impl<'a> Words<'a> {
    fn of(options: &'a [String], is_volume: bool) -> Self {
        let mut all: Vec<&str> =
            options.iter().map(String::as_str).filter(|it| !it.starts_with("subpath=")).collect();
        add_usual(&mut all, is_volume);
        if !all.iter().any(|it| matches!(*it, "bind" | "rbind")) {
            all.push("rbind");
        }
        Self { all, sub_path: sub_path(options) }
    }

    fn mount(&self, mount: Mount, source: &str) -> Mount {
        let find = |words: &[&str]| self.all.iter().find(|it| words.contains(it)).copied();
        let told_apart = |it: &&&str| !matches!(**it, "ro" | "rw" | "z" | "Z") && !PROPAGATIONS.contains(*it);
        Mount {
            bind: Some(format!("{source}:{}:{}", mount.destination, self.all.join(","))),
            mode: find(&["z", "Z"]).unwrap_or_default().to_owned(),
            options: NullIfEmpty(Some(
                self.all.iter().filter(told_apart).map(|it| (*it).to_owned()).collect(),
            )),
            rw: find(&["ro"]).is_none(),
            propagation: find(&PROPAGATIONS).unwrap_or_default().to_owned(),
            sub_path: OmitEmpty(self.sub_path.clone()),
            ..mount
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(source: MountSource, options: &[&str]) -> MountRequest {
        let options = options.iter().map(|it| (*it).to_owned()).collect();
        MountRequest { source, target: "/t".to_owned(), options }
    }

    #[test]
    fn what_was_asked_for_comes_first() {
        let of = |options: &[&str]| asked(&request(MountSource::Bind("/a".into()), options)).unwrap();
        assert_eq!(of(&[]).bind.unwrap(), "/a:/t:rw,rprivate,rbind");
        let one = of(&["ro", "z", "nosuid", "rshared", "exec"]);
        assert_eq!(one.bind.unwrap(), "/a:/t:ro,z,nosuid,rshared,exec,rbind");
        assert_eq!(one.options.0.unwrap(), ["nosuid", "exec", "rbind"]);
        assert_eq!((one.mode.as_str(), one.rw, one.propagation.as_str()), ("z", false, "rshared"));
        let used = VolumeUse {
            name: "v".to_owned(),
            target: "/t".to_owned(),
            options: vec!["subpath=x".to_owned()],
            ..VolumeUse::default()
        };
        let told = volume(&used);
        assert_eq!(told.bind.unwrap(), "v:/t:rw,rprivate,nosuid,nodev,rbind");
        assert_eq!(told.sub_path.0, "x");
    }

    #[test]
    fn a_tmpfs_has_options_of_its_own() {
        let of = |options: &[&str]| tmpfs_words(&request(MountSource::Tmpfs, options)).unwrap().1;
        assert_eq!(of(&[]), "rw,rprivate,nosuid,nodev,tmpcopyup");
        assert_eq!(of(&["size=1m"]), "size=1m,rw,rprivate,nosuid,nodev,tmpcopyup");
        assert_eq!(of(&["rw", "exec", "mode=700", "notmpcopyup"]), "rw,exec,mode=700,rprivate,nosuid,nodev");
        assert_eq!(of(&["ro", "noexec", "dev"]), "ro,noexec,dev,rprivate,nosuid,tmpcopyup");
    }

    #[test]
    fn images_have_no_options() {
        let told = asked(&request(MountSource::Image("b".to_owned()), &["rw", "subpath=/etc"])).unwrap();
        assert_eq!((told.options.0, told.rw, told.sub_path.0.as_str()), (None, true, "/etc"));
        assert!(told.bind.is_none());
    }
}
