//! What the tests of this room share: directories of their own, and other users and user namespaces to be.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::layers::sha256;
use crate::{Store, StorePaths};

/// A directory that goes with the test.
pub(crate) struct TestDir {
    fd: OwnedFd,
    path: PathBuf,
}

impl TestDir {
    pub fn new() -> Self {
        let base = std::env::temp_dir();
        let path = base.join(format!("pontoon-storage-test-{}", crate::id::random_suffix().unwrap()));
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let fd = std::fs::File::open(&path).unwrap().into();
        Self { fd, path }
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.path.join(below)
    }

    pub fn make(&self, below: &str) {
        std::fs::create_dir_all(self.path(below)).unwrap();
    }

    pub fn write(&self, below: &str, bytes: &[u8]) {
        if let Some(parent) = self.path(below).parent() {
            std::fs::create_dir_all(parent).unwrap();
        }
        std::fs::write(self.path(below), bytes).unwrap();
    }

    pub fn read(&self, below: &str) -> Vec<u8> {
        std::fs::read(self.path(below)).unwrap()
    }

    pub fn symlink(&self, below: &str, target: &str) {
        std::os::unix::fs::symlink(target, self.path(below)).unwrap();
    }

    pub fn exists(&self, below: &str) -> bool {
        self.path(below).symlink_metadata().is_ok()
    }

    /// A store in this directory.
    pub fn store(&self) -> Store {
        Store::open(self.store_paths()).unwrap()
    }

    pub fn store_paths(&self) -> StorePaths {
        StorePaths { root: self.path("root"), run: self.path("run") }
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let name = self.path.file_name().unwrap().to_str().unwrap();
        let parent: OwnedFd = std::fs::File::open(self.path.parent().unwrap()).unwrap().into();
        let _ = crate::remove::remove_tree(parent.as_fd(), name);
    }
}

/// Set in the processes that the functions below start: they run the test's body.
const INSIDE: &str = "PONTOON_STORAGE_TEST_INSIDE";

fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// The words that run one test of this test program again.
fn again(test: &str) -> Vec<String> {
    let program = std::env::current_exe().unwrap();
    [program.to_str().unwrap(), "--exact", test, "--nocapture", "--test-threads=1"]
        .map(str::to_owned)
        .to_vec()
}

fn must_pass(test: &str, output: &std::process::Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{test} failed inside:\n{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs the body as a user without any right. `test` is the path of the calling test.
pub(crate) fn as_plain_user(test: &str, body: impl FnOnce()) {
    if inside() || !is_root() {
        return body();
    }
    let output = Command::new("setpriv")
        .args(["--reuid=64321", "--regid=64321", "--clear-groups", "--"])
        .args(again(test))
        .env(INSIDE, "1")
        .output()
        .unwrap();
    must_pass(test, &output);
}

/// Runs the body as root of a user namespace with the ids 0 to 65535: 0 is the caller, the others are nobody else's.
/// `test` is the path of the calling test, which must run as root.
pub(crate) fn in_user_namespace(test: &str, body: impl FnOnce()) {
    in_namespace(test, "0 0 1\n1 2000001 65535\n", body);
}

/// Runs the body as root of a user namespace with one id only.
pub(crate) fn in_single_id_namespace(test: &str, body: impl FnOnce()) {
    in_namespace(test, "0 0 1\n", body);
}

fn in_namespace(test: &str, map: &str, body: impl FnOnce()) {
    if inside() {
        return body();
    }
    assert!(is_root(), "this test makes user namespaces with ids of its own, which takes root");
    // The shell is nobody until the map is written; what it starts then is root in there, with all capabilities.
    let mut child = Command::new("unshare")
        .args(["--user", "--", "sh", "-c", "echo ready; read go; exec \"$@\"", "sh"])
        .args(again(test))
        .env(INSIDE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0_u8; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    for ids in ["uid_map", "gid_map"] {
        std::fs::write(format!("/proc/{}/{ids}", child.id()), map).unwrap();
    }
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    must_pass(test, &child.wait_with_output().unwrap());
}

/// An extended attribute, of a link itself.
pub(crate) fn xattr(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 256];
    let length = rustix::fs::lgetxattr(path, name, &mut value[..]).ok()?;
    value.truncate(length);
    Some(value)
}

/// One line for each file: all that matters of it.
pub(crate) fn listing(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut inodes = std::collections::HashMap::new();
    let mut stack = vec![root.to_path_buf()];
    while let Some(path) = stack.pop() {
        let stat = path.symlink_metadata().unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let content = if stat.is_file() {
            format!("{} {:?}", stat.len(), sha256(&std::fs::read(&path).unwrap()))
        } else if stat.is_symlink() {
            format!("{:?}", std::fs::read_link(&path).unwrap())
        } else {
            if stat.is_dir() {
                stack.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            format!("{:x}", stat.rdev())
        };
        let mut attributes = Vec::new();
        for attribute in ["user.a", "security.capability", "user.overlay.opaque"] {
            attributes.push(xattr(&path, attribute));
        }
        inodes.entry(stat.ino()).or_insert_with(Vec::new).push(name.clone());
        lines.push(format!(
            "{name} {:o} {}:{} {}.{} {content} {attributes:?}",
            stat.mode(),
            stat.uid(),
            stat.gid(),
            stat.mtime(),
            stat.mtime_nsec()
        ));
    }
    for names in inodes.values_mut().filter(|names| names.len() > 1) {
        names.sort();
        lines.push(format!("linked: {names:?}"));
    }
    lines.sort();
    lines
}

/// A tree with everything an honest image has.
pub(crate) fn honest_tree(test: &TestDir) {
    test.make("tree/etc/empty");
    test.write("tree/etc/passwd", b"root:x:0:0");
    test.write("tree/bin/su", b"setuid");
    test.write("tree/home/user/file", &vec![7; 700_000]);
    test.write("tree/name with \u{e4} and \n", b"odd");
    test.symlink("tree/sh", "bin/su");
    test.symlink("tree/dangling", "/nowhere/at/all");
    std::fs::hard_link(test.path("tree/bin/su"), test.path("tree/bin/sudo")).unwrap();
    rustix::fs::mknodat(test.fd(), "tree/pipe", rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    for (path, owner) in
        [("tree/home/user/file", 1000), ("tree/home/user", 1000), ("tree/sh", 12), ("tree/bin/su", 5)]
    {
        std::os::unix::fs::lchown(test.path(path), Some(owner), Some(owner + 1)).unwrap();
    }
    for (path, mode) in
        [("tree/bin/su", 0o4755), ("tree/etc/empty", 0o1777), ("tree/home/user", 0o2700), ("tree", 0o751)]
    {
        rustix::fs::chmod(test.path(path), rustix::fs::Mode::from_raw_mode(mode)).unwrap();
    }
    rustix::fs::setxattr(test.path("tree/etc/passwd"), "user.a", b"value", rustix::fs::XattrFlags::empty())
        .unwrap();
    for path in ["tree/etc/empty", "tree/etc", "tree/bin/su", "tree/sh", "tree"] {
        let touched =
            Command::new("touch").args(["-h", "-d", "2001-02-03 04:05:06.789"]).arg(test.path(path)).status();
        assert!(touched.unwrap().success());
    }
}

/// Runs a program that must succeed; what it prints.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// `cap_net_raw+ep`, as Linux keeps it.
pub(crate) const CAP_NET_RAW: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
