//! A volume is a claim.

use pontoon_kube::document::Object;
use pontoon_kube::names::{NameRule, is_label_value, is_qualified};
use pontoon_kube::objects::{ClaimSpec, Metadata, PersistentVolumeClaim, Resources, Texts};
use pontoon_lifecycle::record::VolumeRecord;

use super::{Remark, Written};

/// Before what Podman, and we, read of a volume in a claim's annotations (podman-kube-play(1)).
const OF_VOLUME: &str = "volume.podman.io/";

/// Writes a volume as a claim.
#[must_use]
pub fn volume(name: &str, record: &VolumeRecord) -> Written {
    let mut written = Written::default();
    let mut remark = |option: String, outcome: &'static str, reason: String| {
        written.remarks.push(Remark { name: name.to_owned(), option, outcome, reason });
    };
    let nearest = NameRule::Subdomain.nearest(name);
    if nearest != name {
        let reason = format!("it is called `{nearest}`: {}", NameRule::Subdomain.words());
        remark("NAME".to_owned(), "approximated", reason);
    }
    let mut claim = claim(&nearest);
    for (key, value) in &record.labels {
        match is_qualified(key) && is_label_value(value) {
            true => drop(claim.metadata.labels.insert(key.clone(), value.clone())),
            false => remark(format!("--label {key}"), "left out", "a cluster takes no such label".to_owned()),
        }
    }
    for (key, value) in annotations(record) {
        let key = format!("{OF_VOLUME}{key}");
        match is_qualified(&key) {
            true => drop(claim.metadata.annotations.insert(key, value)),
            false => remark(format!("--opt {key}"), "left out", "a cluster takes no such key".to_owned()),
        }
    }
    written.objects.push(Object::Claim(claim));
    written
}

/// What is said of a volume, each thing once: owners have names of their own, and are not among the options of the mount.
fn annotations(record: &VolumeRecord) -> Vec<(String, String)> {
    let (uid, gid) = record.owner().unwrap_or_default();
    let mut all = Vec::new();
    let mut words = Vec::new();
    for (key, value) in &record.options {
        match key.as_str() {
            "o" => {
                words.extend(value.split(',').filter(|it| !it.starts_with("uid=") && !it.starts_with("gid=")))
            }
            "nocopy" => words.push("nocopy"),
            "copy" => {}
            key => all.push((key.to_ascii_lowercase(), value.clone())),
        }
    }
    words.retain(|it| !it.is_empty());
    if !words.is_empty() {
        all.push(("mount-options".to_owned(), words.join(",")));
    }
    all.extend(uid.map(|it| ("uid".to_owned(), it.to_string())));
    all.extend(gid.map(|it| ("gid".to_owned(), it.to_string())));
    all
}

/// A claim of a size that Podman writes, too: a volume of ours has none.
pub(super) fn claim(name: &str) -> PersistentVolumeClaim {
    let requests = Texts::from([("storage".to_owned(), "1Gi".to_owned())]);
    PersistentVolumeClaim {
        api_version: "v1".to_owned(),
        kind: "PersistentVolumeClaim".to_owned(),
        metadata: Metadata { name: name.to_owned(), ..Metadata::default() },
        spec: ClaimSpec {
            access_modes: vec!["ReadWriteOnce".to_owned()],
            resources: Some(Resources { requests, ..Resources::default() }),
            storage_class_name: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_volume_is_stands_once() {
        let text = |text: &str| text.to_owned();
        let record = VolumeRecord {
            labels: vec![(text("a"), text("b")), (text("x y"), text("z"))],
            options: vec![(text("o"), text("uid=7,gid=8,nosuid")), (text("nocopy"), text(""))],
            uid: None,
            gid: None,
        };
        let written = volume("My_Data", &record);
        let options: Vec<&str> = written.remarks.iter().map(|it| it.option.as_str()).collect();
        assert_eq!(options, ["NAME", "--label x y"]);
        let Object::Claim(claim) = &written.objects[0] else { panic!() };
        assert_eq!((claim.metadata.name.as_str(), claim.metadata.labels["a"].as_str()), ("my-data", "b"));
        let annotations: Vec<_> =
            claim.metadata.annotations.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let expected = [
            "volume.podman.io/gid=8",
            "volume.podman.io/mount-options=nosuid,nocopy",
            "volume.podman.io/uid=7",
        ];
        assert_eq!(annotations, expected);
    }
}
