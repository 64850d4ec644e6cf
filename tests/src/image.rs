//! Images made of Debian packages by other tools than ours (mmdebstrap and umoci), kept as OCI layouts.
//!
//! Each lies in a directory whose name changes when what it is made of changes. Test hosts see them below [`INSIDE`].

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::host::TestHost;
use crate::output::Output;
use crate::root::{self, Kind};
use crate::{machine, registry};

/// Where test hosts see the images.
pub const INSIDE: &str = "/srv/images";

/// An image: its name, and the script of `tests/images` that makes it.
#[derive(Debug, Clone, Copy)]
pub struct Image {
    /// Name, without registry and tag.
    pub name: &'static str,
    script: &'static str,
    on_debian: bool,
}

/// A shell, a few users, two layers.
pub const BUSYBOX: Image =
    Image { name: "busybox", script: include_str!("../images/busybox.sh"), on_debian: false };
/// A web server.
pub const NGINX: Image = Image { name: "nginx", script: include_str!("../images/nginx.sh"), on_debian: true };
/// A database.
pub const MARIADB: Image =
    Image { name: "mariadb", script: include_str!("../images/mariadb.sh"), on_debian: true };
/// A program for web pages, and the web server before it.
pub const WORDPRESS: Image =
    Image { name: "wordpress", script: include_str!("../images/wordpress.sh"), on_debian: true };
/// Another web server.
pub const HTTPD: Image = Image { name: "httpd", script: include_str!("../images/httpd.sh"), on_debian: true };
/// A server for files.
pub const VSFTPD: Image =
    Image { name: "vsftpd", script: include_str!("../images/vsftpd.sh"), on_debian: true };
/// More than 300 MB in several layers.
pub const BIG: Image = Image { name: "big", script: include_str!("../images/big.sh"), on_debian: true };

const LIB: &str = include_str!("../images/lib.sh");
const WORKSHOP: &str = include_str!("../images/workshop.sh");

impl Image {
    fn dir_name(&self) -> String {
        format!("{}-{}", self.name, root::key(&[LIB, WORKSHOP, self.script]))
    }

    /// The OCI layout as test hosts see it.
    pub fn layout(&self) -> String {
        format!("{INSIDE}/{}/layout", self.dir_name())
    }

    /// The OCI layout as this machine sees it, once it was provided.
    pub fn layout_here(&self) -> PathBuf {
        machine::cache().join("images").join(self.dir_name()).join("layout")
    }

    /// The reference after [`push`].
    pub fn reference(&self) -> String {
        format!("{}/{}:latest", registry::ADDRESS, self.name)
    }
}

/// Makes those images that are not there yet; returns the directory that holds all of them.
pub fn provide(images: &[Image]) -> PathBuf {
    let dir = machine::cache().join("images");
    fs::create_dir_all(&dir).expect("the cache is writable");
    for image in images {
        root::provide_locked(&dir.join(image.dir_name()), |new| make(&dir, image, new));
    }
    dir
}

/// Pushes an image into the host's registry, by skopeo.
pub fn push(host: &TestHost, image: Image) {
    push_as(host, image, &image.reference(), "").ok();
}

/// Pushes an image under another reference and with further options of `skopeo copy`.
#[must_use = "a command's result must be looked at: `.ok()`, `.fails(CODE)`"]
pub fn push_as(host: &TestHost, image: Image, reference: &str, options: &str) -> Output {
    host.root(&format!(
        "skopeo copy -q --dest-tls-verify=false {options} oci:{}:work docker://{reference}",
        image.layout()
    ))
}

fn make(dir: &Path, image: &Image, new: &Path) {
    let host_root = root::provide(Kind::Product);
    let base = dir.join(format!("base-{}.tar", root::key(&[root::SUITE])));
    if image.on_debian {
        root::provide_locked(&base, |new| {
            machine::require_programs(&[("mmdebstrap", "mmdebstrap")]);
            eprintln!("testhost: making the Debian layer of the images");
            let status = root::mmdebstrap()
                .arg("--format=tar")
                .arg("--customize-hook=printf '#!/bin/sh\\nexit 101\\n' >\"$1/usr/sbin/policy-rc.d\"")
                .arg("--customize-hook=chmod 755 \"$1/usr/sbin/policy-rc.d\"")
                .arg(root::SUITE)
                .arg(new)
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .expect("mmdebstrap runs");
            assert!(status.success(), "mmdebstrap failed: {status}");
        });
    }
    eprintln!("testhost: making the image {}", image.name);
    let work = new.with_extension("work");
    root::remove(&work);
    fs::create_dir_all(&work).expect("the cache is writable");
    let log = new.with_extension("log");
    let out = File::create(&log).expect("the cache is writable");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("images");
    let status = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "bash"])
        .arg(scripts.join("workshop.sh"))
        .args([&host_root, &work, &scripts])
        .arg(format!("{}.sh", image.name))
        .args([base.as_path(), new])
        .stdin(Stdio::null())
        .stdout(out.try_clone().expect("a second handle"))
        .stderr(out)
        .status()
        .expect("unshare runs");
    root::remove(&work);
    let said = fs::read_to_string(&log).unwrap_or_default();
    assert!(status.success(), "making the image {} failed ({status}):\n{said}", image.name);
}
