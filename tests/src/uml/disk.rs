//! The disks: one with the system, kept between runs and never written to, and a tar archive of what changes between them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{files, kernel};
use crate::image::{self, Image};
use crate::root::{self, Kind};
use crate::{machine, stage};

/// As the guest sees it. The file has holes where nothing was written.
const SIZE: &str = "4G";

/// The disk with a root of that kind and with the modules of that kernel.
pub fn provide(kind: Kind, kernel: &Path) -> PathBuf {
    let system = root::provide(kind);
    let disks = machine::cache().join("disks");
    fs::create_dir_all(&disks).expect("the cache is writable");
    let key = root::key(&[
        &name(&system),
        &name(kernel),
        SIZE,
        include_str!("../../uml/customize.sh"),
        include_str!("../../uml/agent.sh"),
        include_str!("../../uml/agent.service"),
        include_str!("../../uml/network.service"),
        include_str!("../../uml/modules.conf"),
        include_str!("../../uml/nodes.conf"),
    ]);
    let disk = disks.join(format!("{key}.img"));
    root::provide_locked(&disk, |new| make(&system, &kernel::modules(kernel), new));
    disk
}

fn name(root: &Path) -> String {
    root.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn make(system: &Path, modules: &Path, new: &Path) {
    machine::require_programs(&[("mkfs.ext4", "e2fsprogs")]);
    eprintln!("testhost: making the disk of the UML host");
    let tree = new.with_extension("tree");
    root::remove(&tree);
    must(Command::new("cp").arg("-aT").args([system, &tree]));
    must(Command::new("bash").arg(files().join("customize.sh")).args([&tree, &files(), modules]));
    must(Command::new("mkfs.ext4").args(["-q", "-F", "-d"]).args([&tree, new]).arg(SIZE));
    root::remove(&tree);
}

/// Makes what [`furnish`] needs of what is kept.
pub fn prepare_furniture() {
    image::provide(&[image::BUSYBOX]);
}

/// Writes the archive that the guest unpacks at its first boot: the product, and the images that containers are made of.
pub fn furnish(archive: &Path, images: &[Image]) {
    prepare_furniture();
    image::provide(images);
    let tar = |mode: &str, dir: &Path| {
        let mut tar = Command::new("tar");
        tar.args(["--owner=0", "--group=0", mode]).arg(archive).arg("-C").arg(dir);
        tar
    };
    if stage::is_original() {
        must(tar("-cf", &files()).args(["--transform=s|.*|usr/bin/pontoon|", "original.sh"]));
    } else {
        must(tar("-cf", &stage::provide()).arg("usr"));
    }
    for image in [image::BUSYBOX].iter().chain(images) {
        must(
            tar("-rf", &image.layout_here()).arg(format!("--transform=s|^[.]|srv/{}|", image.name)).arg("."),
        );
    }
}

#[track_caller]
fn must(command: &mut Command) {
    let output = command.output().unwrap_or_else(|err| panic!("cannot run {command:?}: {err}"));
    assert!(
        output.status.success(),
        "{command:?} failed ({}):\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
