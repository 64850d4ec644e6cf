//! The canary: what an attack would like to reach.

use pontoon_tests::forge;
use pontoon_tests::tar::Tar;
use pontoon_tests::{B, Output, TestHost, host_with_busybox};

/// Where the canary lies on the host: what an attack would like to reach.
const CANARY: &str = "/srv/canary";

/// The host with a canary in it; every test makes its own directory there.
pub(crate) struct Canary {
    pub(crate) host: &'static TestHost,
    pub(crate) dir: String,
    pub(crate) before: String,
}

impl Canary {
    pub(crate) fn new(name: &str) -> Self {
        let host = host_with_busybox();
        let dir = format!("{CANARY}/{name}");
        // Open to all: if the attack gets there, it can write.
        host.root(&format!(
            "mkdir -p {dir}/sub && chmod 777 {CANARY} {dir} && chmod 755 {dir}/sub && echo untouched >{dir}/file && chmod 666 {dir}/file && chown -R alice {dir}"
        ))
        .ok();
        let before = Self::look(host, &dir);
        Self { host, dir, before }
    }

    pub(crate) fn look(host: &TestHost, dir: &str) -> String {
        host.root(&format!("find {dir} -printf '%p %m %u %g %s %T@\\n' | sort; cat {dir}/file")).ok().stdout
    }

    /// An image of the busybox tree and then these layers.
    pub(crate) fn image(&self, name: &str, layers: &[Vec<u8>], config: &str) -> String {
        let base = Tar::new()
            .dir("bin", 0o755)
            .file(
                "bin/busybox",
                0o755,
                &std::fs::read(self.host.path("/usr/bin/busybox")).expect("it is installed"),
            )
            .symlink("bin/sh", "busybox")
            .symlink("bin/cat", "busybox")
            .symlink("bin/ls", "busybox")
            .symlink("bin/id", "busybox")
            .symlink("bin/env", "busybox")
            .symlink("bin/stat", "busybox")
            .symlink("bin/pwd", "busybox")
            .symlink("bin/touch", "busybox")
            .done();
        forge::image(self.host, name, &[&[base][..], layers].concat(), config)
    }

    pub(crate) fn pontoon(&self, words: &str) -> Output {
        self.host
            .entry("alice")
            .env("B", B)
            .limit(std::time::Duration::from_secs(60))
            .sh(&format!("pontoon {words}"))
            .no_panic()
    }

    #[track_caller]
    pub(crate) fn unharmed(&self) {
        let now = Self::look(self.host, &self.dir);
        assert!(now == self.before, "the canary is no more what it was:\n{}\nnow:\n{now}", self.before);
        self.pontoon("run --rm $B true").ok();
    }
}
