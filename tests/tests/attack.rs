//! What has been done to other engines, tried on ours: hostile images, registries and neighbours against a canary outside.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::forge::{self, Liar};
use pontoon_tests::tar::Tar;
use pontoon_tests::{B, Output, TestHost, host_with_busybox};
use serde_json::json;

/// Where the canary lies on the host: what an attack would like to reach.
const CANARY: &str = "/srv/canary";

/// The host with a canary in it; every test makes its own directory there.
struct Canary {
    host: &'static TestHost,
    dir: String,
    before: String,
}

impl Canary {
    fn new(name: &str) -> Self {
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

    fn look(host: &TestHost, dir: &str) -> String {
        host.root(&format!("find {dir} -printf '%p %m %u %g %s %T@\\n' | sort; cat {dir}/file")).ok().stdout
    }

    /// An image of the busybox tree and then these layers.
    fn image(&self, name: &str, layers: &[Vec<u8>], config: &str) -> String {
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

    fn pontoon(&self, words: &str) -> Output {
        self.host
            .entry("alice")
            .env("B", B)
            .limit(std::time::Duration::from_secs(60))
            .sh(&format!("pontoon {words}"))
            .no_panic()
    }

    #[track_caller]
    fn unharmed(&self) {
        let now = Self::look(self.host, &self.dir);
        assert!(now == self.before, "the canary is no more what it was:\n{}\nnow:\n{now}", self.before);
        self.pontoon("run --rm $B true").ok();
    }
}

/// 1: CVE-2019-5736.
#[test]
fn the_engine_s_program_cannot_be_overwritten_from_inside() {
    let canary = Canary::new("exe");
    let host = canary.host;
    // The programs belong to alice, as they would below her home.
    host.root("chown alice /usr/bin/pontoon /usr/libexec/pontoon/*").ok();
    let sums = "sha256sum /usr/bin/pontoon /usr/libexec/pontoon/* /usr/bin/busybox";
    let before = host.root(sums).ok().stdout;
    let reference = canary.image(
        "selfexe",
        &[Tar::new()
            .file("bin/evil", 0o755, b"#!/proc/self/exe\n")
            .symlink("bin/link", "/proc/self/exe")
            .done()],
        "",
    );
    for command in ["/bin/evil", "/bin/link"] {
        let _ = canary.pontoon(&format!("run --rm {reference} {command}"));
    }
    canary.pontoon(&format!("run -d --replace --name exe --stop-timeout 0 -v /srv/payload:/payload:ro {reference} /payload grab-exe 6")).ok();
    for _ in 0..40 {
        for command in ["/bin/evil", "/bin/link", "/bin/id"] {
            let _ = canary.pontoon(&format!("exec exe {command}"));
        }
    }
    canary.pontoon("wait exe").ok();
    let log = canary.pontoon("logs exe").ok();
    // It may well have overwritten the image's own programs, which are its own.
    assert!(log.text().ends_with("done"), "{log:?}");
    assert_eq!(host.root(sums).ok().stdout, before);
    canary.pontoon("rm -f exe").ok();
    canary.unharmed();
}

/// 2: CVE-2024-21626.
#[test]
fn no_working_directory_leads_outside() {
    let canary = Canary::new("cwd");
    let link = Tar::new().symlink("link", "/proc/self/fd/7").symlink("cwd", "/proc/self/cwd").done();
    let reference = canary.image("cwd", &[link], "");
    canary.pontoon(&format!("pull -q {reference}")).ok();
    canary.pontoon(&format!("run -d --replace --name cwd --stop-timeout 0 {reference} sh -c 'while :; do busybox sleep 1; done'")).ok();
    let paths = (3..40)
        .map(|fd| format!("/proc/self/fd/{fd}"))
        .chain(["/link".to_owned(), "/proc/1/cwd/../../..".to_owned()]);
    for path in paths {
        for words in [format!("run --rm -w {path} {reference}"), format!("exec -w {path} cwd")] {
            let output = canary.pontoon(&format!("{words} sh -c 'pwd -P; ls -a . | busybox tr \"\\n\" \" \"; test -e ./etc/subuid && echo HOST'"));
            assert!(
                !output.stdout.contains("HOST") && !output.stdout.contains("(unreachable)"),
                "{path}: {output:?}"
            );
        }
    }
    canary.pontoon("rm -f -t 0 cwd").ok();
    canary.unharmed();
}

/// 3: descriptors of ours in the payload.
#[test]
fn no_descriptor_of_ours_reaches_a_payload() {
    let canary = Canary::new("fds");
    let list = "sh -c 'ls -l /proc/self/fd | busybox awk \"{print \\$9, \\$11}\" | busybox grep -v \"^[012] \" | busybox grep -v \"^ *$\"'";
    let check = |output: Output| {
        // ls itself holds the directory open.
        let lines: Vec<&str> =
            output.stdout.lines().filter(|line| !line.contains("/proc/") && *line != "3").collect();
        let stray: Vec<&&str> =
            lines.iter().filter(|line| !line.trim().is_empty() && line.trim() != "3").collect();
        assert!(stray.is_empty(), "{output:?}");
    };
    check(canary.pontoon(&format!("run --rm $B {list}")));
    check(canary.pontoon(&format!("run --rm --init $B {list}")));
    check(canary.pontoon(&format!("run --rm -p 8401:80 $B {list}")));
    canary.pontoon(&format!("run -d --replace --name fds $B {list}")).ok();
    canary.pontoon("wait fds").ok();
    check(canary.pontoon("logs fds"));
    canary.pontoon("rm fds").ok();
    canary.pontoon("run -d --replace --name fds --stop-timeout 0 $B sleep 1000").ok();
    check(canary.pontoon(&format!("exec fds {list}")));
    canary.pontoon("rm -f -t 0 fds").ok();
    canary.unharmed();
}

/// 4: CVE-2016-9962.
#[test]
fn a_joining_process_cannot_be_looked_through() {
    let canary = Canary::new("peek");
    canary.pontoon("run -d --replace --name peek --stop-timeout 0 --cap-add sys_ptrace -v /srv/payload:/payload:ro $B /payload peek 6").ok();
    for _ in 0..60 {
        canary.pontoon("exec peek true").code_is_one_of(&[0, 125, 126, 255]);
    }
    canary.pontoon("wait peek").ok();
    let log = canary.pontoon("logs peek").ok();
    assert!(log.text().starts_with("done"), "{log:?}");
    canary.pontoon("rm -f peek").ok();
    canary.unharmed();
}

trait Codes {
    fn code_is_one_of(self, codes: &[i32]);
}

impl Codes for Output {
    #[track_caller]
    fn code_is_one_of(self, codes: &[i32]) {
        assert!(codes.contains(&self.code), "{self:?}");
    }
}

/// 8, 12, 17: /proc, /sys and /dev of the image are links to elsewhere.
#[test]
fn special_directories_that_are_links_lead_nowhere() {
    let canary = Canary::new("links");
    for (number, (name, target)) in [
        ("proc", "/srv/canary/links"),
        ("proc", "../../../../../../srv/canary/links"),
        ("sys", "/srv/canary/links"),
        ("sys", "../../../srv/canary/links"),
        ("dev", "/srv/canary/links"),
        ("dev", "../../../../../../srv/canary/links"),
        ("etc", "/srv/canary/links"),
        ("run", "/srv/canary/links"),
        ("tmp", "/srv/canary/links"),
        ("var", "/srv/canary/links"),
    ]
    .into_iter()
    .enumerate()
    {
        // The same path exists inside as well, so that a link that is followed inside the root has a target there.
        for inside in [false, true] {
            let mut tar = Tar::new().symlink(name, target);
            if inside {
                tar = tar.dir("srv", 0o755).dir("srv/canary", 0o755).dir("srv/canary/links", 0o777);
            }
            let reference = canary.image(&format!("links{number}{inside}"), &[tar.done()], "");
            for options in ["", "--read-only", "-t"] {
                let output = canary.pontoon(&format!(
                    "run --rm {options} {reference} sh -c 'stat -f -c %t /proc; stat -c %t:%T /dev/null; cat /proc/keys; echo alive'"
                ));
                // Either refused, or with the real thing in its place.
                if output.code == 0 {
                    output.says("9fa0").says("1:3").says("alive");
                }
            }
            let _ = canary.pontoon(&format!("rmi -f {reference}"));
        }
    }
    canary.unharmed();
}

/// 8: a volume over /proc.
#[test]
fn nothing_is_mounted_over_proc_by_an_image() {
    let canary = Canary::new("volume");
    for place in ["/proc", "/sys", "/dev", "/proc/self", "/"] {
        let reference = canary.image("procvolume", &[], &format!("--config.volume {place}"));
        let output = canary.pontoon(&format!("run --rm --pull=always {reference} stat -f -c %t /proc"));
        if output.code == 0 {
            output.says("9fa0");
        }
    }
    canary.pontoon("run --rm -v /srv/canary/volume:/proc $B true").refused();
    canary.unharmed();
}

/// 9: CVE-2025-31133.
#[test]
fn a_false_null_device_masks_nothing() {
    let canary = Canary::new("null");
    for (name, layer) in [
        ("nullfile", Tar::new().dir("dev", 0o755).file("dev/null", 0o666, b"FALSE")),
        ("nulllink", Tar::new().dir("dev", 0o755).symlink("dev/null", "/srv/canary/null/file")),
        ("nullproc", Tar::new().dir("dev", 0o755).symlink("dev/null", "/proc/sys/kernel/core_pattern")),
    ] {
        let reference = canary.image(name, &[layer.done()], "");
        canary
            .pontoon(&format!("run --rm {reference} sh -c 'stat -c %t:%T /dev/null; stat -c %t:%T /proc/keys; cat /proc/keys /proc/timer_list'"))
            .ok()
            .prints("1:3\n1:3");
    }
    canary.unharmed();
}

/// 10: CVE-2025-52565.
#[test]
fn the_console_of_a_terminal_is_the_terminal() {
    let canary = Canary::new("console");
    for (name, layer) in [
        ("consolelink", Tar::new().dir("dev", 0o755).symlink("dev/console", "/srv/canary/console/file")),
        ("ptslink", Tar::new().dir("dev", 0o755).symlink("dev/pts", "/srv/canary/console")),
        ("ptmxlink", Tar::new().dir("dev", 0o755).symlink("dev/ptmx", "/srv/canary/console/file")),
    ] {
        let reference = canary.image(name, &[layer.done()], "");
        canary
            .host
            .alice(&format!("script -qec \"pontoon run --rm -it {reference} sh -c 'test -c /dev/console && test -c /dev/pts/0 && echo fine >/dev/console'\" /dev/null"))
            .ok()
            .says("fine");
    }
    canary.unharmed();
}

/// 14: what is masked elsewhere is masked here.
#[test]
fn sensitive_files_of_the_kernel_are_masked() {
    let canary = Canary::new("masks");
    let script = "for path in /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats /proc/sched_debug \
         /proc/acpi /proc/scsi /proc/asound /proc/interrupts /sys/firmware /sys/devices/virtual/powercap \
         /sys/fs/selinux /sys/devices/system/cpu/cpu0/thermal_throttle; do \
         if [ -d $path ]; then ls -A $path; else busybox head -c 10 $path 2>/dev/null; fi; done; true";
    let seen = canary.pontoon(&format!("run --rm $B sh -c '{script}'")).ok();
    assert_eq!(seen.text(), "", "{seen:?}");
    for path in [
        "/proc/sys/kernel/core_pattern",
        "/proc/sysrq-trigger",
        "/proc/irq/0/smp_affinity",
        "/sys/power/state",
    ] {
        canary.pontoon(&format!("run --rm $B sh -c 'echo x >{path}'")).refused();
    }
    canary.unharmed();
}

/// 16: CVE-2021-30465.
#[test]
fn mount_targets_that_change_under_our_hands_stay_inside() {
    let canary = Canary::new("race");
    canary.pontoon("run --rm -v race:/race $B sh -c 'mkdir -p /race/dir; ln -sfn / /race/link; ln -sfn /../../../srv/canary/race /race/out'").ok();
    for link in ["link", "out"] {
        canary
            .pontoon(&format!(
                "run -d --replace --name swapper --stop-timeout 0 -v race:/race -v /srv/payload:/payload:ro $B /payload swap /race/dir /race/{link}"
            ))
            .ok();
        for _ in 0..40 {
            let output = canary.pontoon("run --rm -v race:/race --tmpfs /race/dir/sub $B sh -c 'grep /sub /proc/self/mountinfo; ls -d /etc/subuid 2>/dev/null'");
            assert!(!output.stdout.contains("/etc/subuid"), "{output:?}");
        }
        canary.pontoon("rm -f -t 0 swapper").ok();
    }
    canary.pontoon("volume rm -f race").ok();
    canary.unharmed();
}

/// 18: a working directory below a link.
#[test]
fn a_working_directory_below_a_link_is_made_inside() {
    let canary = Canary::new("workdir");
    let reference = canary.image(
        "workdir",
        &[Tar::new()
            .symlink("a", "/srv/canary/workdir")
            .symlink("b", "../../../../../srv/canary/workdir")
            .done()],
        "",
    );
    for dir in ["/a/made", "/b/made", "/a/sub/../../../x"] {
        let image = canary.image(
            "workdirset",
            &[Tar::new()
                .symlink("a", "/srv/canary/workdir")
                .symlink("b", "../../../srv/canary/workdir")
                .done()],
            &format!("--config.workingdir {dir}"),
        );
        let _ = canary.pontoon(&format!("run --rm --pull=always {image} pwd"));
        let _ = canary.pontoon(&format!("run --rm -w {dir} {reference} pwd"));
    }
    let _ = canary.pontoon(&format!("run --rm -v wv:/a/vol --tmpfs /b/tmp -v /tmp:/a/bind {reference} true"));
    let _ = canary.pontoon("volume rm -f wv");
    canary.unharmed();
}

/// 22: CVE-2024-9676, CVE-2024-9341.
#[test]
fn files_that_we_read_or_write_in_an_image_may_be_anything() {
    let canary = Canary::new("files");
    for file in ["passwd", "group", "hosts", "resolv.conf", "hostname", "localtime", "machine-id", "mtab"] {
        let path = format!("etc/{file}");
        let dir = || Tar::new().dir("etc", 0o755);
        for (kind, layer) in [
            ("absolute", dir().symlink(&path, "/srv/canary/files/file")),
            ("relative", dir().symlink(&path, "../../../../../../srv/canary/files/file")),
            ("fifo", dir().fifo(&path)),
            ("directory", dir().dir(&path, 0o755)),
            ("dangling", dir().symlink(&path, "/srv/canary/files/new")),
            ("loop", dir().symlink(&path, path.trim_start_matches("etc/"))),
        ] {
            let name = format!("file-{}-{kind}", file.replace('.', "-"));
            let reference = canary.image(&name, &[layer.done()], "");
            // Must end, whatever it says; and what it reads is never the host's. A FIFO that nobody covers would keep the
            // payload itself waiting.
            let output = canary.pontoon(&format!(
                "run --rm -u 4321 --tz UTC {reference} sh -c 'test -p /etc/{file} || cat /etc/{file} 2>/dev/null'"
            ));
            assert!(!output.stdout.contains("untouched"), "{name}: {output:?}");
            let _ = canary.pontoon(&format!("run --rm -u someone {reference} true"));
            let _ = canary.pontoon(&format!("rmi -f {reference}"));
        }
    }
    canary.unharmed();
}

/// 23, 27: what the entries of a layer try.
#[test]
fn layers_are_unpacked_inside_whatever_their_entries_say() {
    let canary = Canary::new("tar");
    let out = "/srv/canary/tar";
    let up = "../../../../../../../../../../../srv/canary/tar";
    for (number, layers) in [
        vec![Tar::new().file("../../../../../../../../srv/canary/tar/new", 0o644, b"x")],
        vec![Tar::new().file("/srv/canary/tar/new", 0o644, b"x")],
        vec![Tar::new().symlink("link", out).file("link/new", 0o644, b"x")],
        vec![Tar::new().symlink("link", up).file("link/new", 0o644, b"x")],
        vec![Tar::new().symlink("link", out), Tar::new().file("link/new", 0o644, b"x")],
        vec![Tar::new().symlink("link", out), Tar::new().file("link/.wh.file", 0o644, b"")],
        vec![Tar::new().symlink("link", out), Tar::new().file("link/.wh..wh..opq", 0o644, b"")],
        vec![
            Tar::new()
                .symlink("link", &format!("{out}/file"))
                .hardlink("hard", "link")
                .file("hard", 0o644, b"x"),
        ],
        vec![Tar::new().hardlink("hard", &format!("{out}/file")).file("hard", 0o644, b"x")],
        vec![Tar::new().hardlink("hard", &format!("{up}/file")).file("hard", 0o644, b"x")],
        vec![Tar::new().symlink(".", out).file("new", 0o644, b"x")],
        vec![Tar::new().symlink("/", out).file("new", 0o644, b"x")],
        vec![Tar::new().symlink("", out).file("new", 0o644, b"x")],
        vec![Tar::new().file("..", 0o644, b"x")],
        vec![Tar::new().dir("a", 0o755).symlink("a/b", "../..").symlink("a/b/c", out).file(
            "a/b/c/new",
            0o644,
            b"x",
        )],
        // Modes and times of directories are set at the end, when they may have become links.
        vec![Tar::new().dir("dir", 0o777).symlink("dir", out)],
        vec![Tar::new().dir("one", 0o755).symlink("one/two", out).dir("one/two/sub", 0o777)],
        vec![
            Tar::new().dir("dir", 0o755).dir("dir/sub", 0o777),
            Tar::new().symlink("dir", out).dir("dir/sub", 0o777),
        ],
        vec![Tar::new().file(".wh...", 0o644, b"")],
        vec![Tar::new().file(".wh..", 0o644, b"")],
        vec![Tar::new().file(".wh.", 0o644, b"")],
        vec![Tar::new().dir("etc", 0o755).file("etc/.wh.../../../srv/canary/tar/file", 0o644, b"")],
        vec![Tar::new().lying_size("big", 0o7777777777)],
        vec![Tar::new().entry("strange", b'Z', 0o644, "", b"x")],
    ]
    .into_iter()
    .enumerate()
    {
        let layers: Vec<Vec<u8>> = layers.into_iter().map(Tar::done).collect();
        let reference = canary.image(&format!("tar{number}"), &layers, "");
        let pulled = canary.pontoon(&format!("pull -q {reference}"));
        if pulled.code == 0 {
            let _ = canary.pontoon(&format!(
                "run --rm {reference} sh -c 'touch /link/new /new /hard 2>/dev/null; true'"
            ));
            let _ = canary.pontoon(&format!("rmi -f {reference}"));
        }
        let now = Canary::look(canary.host, &canary.dir);
        assert!(now == canary.before, "layer {number} got out ({pulled:?}):\n{now}");
    }
    // The same words through `import` and `load`.
    let bad = Tar::new().symlink("link", out).file("link/new", 0o644, b"x").done();
    canary.host.write("alice", "/home/alice/bad.tar", &bad);
    let _ = canary.pontoon("import -q ~/bad.tar localhost/bad");
    let _ = canary.pontoon("rmi -f localhost/bad");
    canary.unharmed();
}

/// 25: attributes that mean something to the overlay, and files that mean something to the kernel.
#[test]
fn attributes_of_the_overlay_are_not_taken_from_layers() {
    let canary = Canary::new("xattr");
    let base = Tar::new().dir("dir", 0o755).file("dir/below", 0o644, b"below").done();
    let smuggler = Tar::new()
        .xattr("user.overlay.opaque", "y")
        .dir("dir", 0o755)
        .xattr("user.overlay.redirect", "/etc")
        .dir("moved", 0o755)
        .xattr("trusted.overlay.opaque", "y")
        .dir("trusted", 0o755)
        .xattr("user.overlay.metacopy", "")
        .file("metacopy", 0o644, b"whole")
        .xattr("user.mine", "kept")
        .file("mine", 0o644, b"x")
        .file("suid", 0o4755, b"x")
        .device("node", 1, 3)
        .done();
    let reference = canary.image("xattr", &[base, smuggler], "");
    let pulled = canary.pontoon(&format!("pull -q {reference}"));
    if pulled.code == 0 {
        canary
            .pontoon(&format!("run --rm {reference} sh -c 'cat /dir/below /metacopy'"))
            .ok()
            .prints("belowwhole");
        canary
            .host
            .root("getfattr -R -h -d -m 'overlay' /home/alice/.local/share/pontoon/layers 2>/dev/null | grep -B3 'redirect\\|metacopy\\|trusted.overlay'")
            .prints("");
        // A device of an image is no device of the host.
        canary.pontoon(&format!("run --rm {reference} sh -c 'test ! -c /node || ! echo x >/node'")).ok();
        let _ = canary.pontoon(&format!("rmi {reference}"));
    }
    canary.unharmed();
}

/// 28 in small: entries and ratios without end.
#[test]
fn bombs_end_in_an_error_and_not_in_our_memory() {
    let canary = Canary::new("bomb");
    let liar = Liar::start(canary.host);
    let huge = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": forge::digest(b"x"), "size": 1},
        "layers": (0..20_000).map(|_| json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": forge::digest(b"x"), "size": 1})).collect::<Vec<_>>(),
    });
    canary.pontoon(&format!("pull -q {}", liar.manifest("manylayers", &huge))).refused();
    canary.unharmed();
}

/// 30: CVE-2024-3727.
#[test]
fn digests_are_checked_before_they_become_paths() {
    let canary = Canary::new("digest");
    let liar = Liar::start(canary.host);
    let layer = Tar::new().file("x", 0o644, b"x").done();
    let good = liar.image("digests", &layer, &json!({}));
    for bad in [
        "sha256:../../../../../../srv/canary/digest/file",
        "../../../srv/canary/digest/file",
        "sha256:",
        "sha256:abc",
        "sha256:GGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGG",
        "sha256:ABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
        "",
    ] {
        let mut manifest = good.clone();
        manifest["layers"][0]["digest"] = json!(bad);
        canary.pontoon(&format!("pull -q {}", liar.manifest("digests", &manifest))).refused();
        let mut manifest = good.clone();
        manifest["config"]["digest"] = json!(bad);
        canary.pontoon(&format!("pull -q {}", liar.manifest("digests", &manifest))).refused();
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": bad, "size": 1,
                "platform": {"architecture": "amd64", "os": "linux"}}],
        });
        canary.pontoon(&format!("pull -q {}", liar.manifest("digests", &index))).refused();
    }
    canary.unharmed();
}

/// 31: CVE-2021-41190.
#[test]
fn a_manifest_that_is_two_things_is_neither() {
    let canary = Canary::new("confusion");
    let liar = Liar::start(canary.host);
    let mut both = liar.image("both", &Tar::new().file("x", 0o644, b"x").done(), &json!({}));
    both["manifests"] = json!([]);
    canary.pontoon(&format!("pull -q {}", liar.manifest("both", &both))).refused();
    canary.unharmed();
}

/// 35: CVE-2026-57231, CVE-2020-14370, CVE-2021-3602.
#[test]
fn the_environment_of_the_host_never_gets_in() {
    let canary = Canary::new("env");
    let liar = Liar::start(canary.host);
    let layer = {
        let busybox = std::fs::read(canary.host.path("/usr/bin/busybox")).expect("it is installed");
        Tar::new().dir("bin", 0o755).file("bin/env", 0o755, &busybox).done()
    };
    let settings = json!({"Cmd": ["/bin/env"], "Env": ["NOVALUE", "HOSTSECRET", "*", "HOST*", "", "=x", "TWICE=1", "TWICE=2", "GOOD=yes", "NOTIFY_SOCKET=/x"]});
    let reference = liar.manifest("env", &liar.image("env", &layer, &settings));
    let output = canary
        .host
        .entry("alice")
        .env("HOSTSECRET", "topsecret")
        .sh(&format!("pontoon run --rm --hostname box {reference}"))
        .no_panic();
    assert!(!output.stdout.contains("topsecret") && !output.stdout.contains("DBUS"), "{output:?}");
    if output.code == 0 {
        let known = [
            "PATH",
            "HOME",
            "HOSTNAME",
            "container",
            "GOOD",
            "TWICE",
            "NOVALUE",
            "HOSTSECRET",
            "*",
            "HOST*",
            "NOTIFY_SOCKET",
        ];
        for line in output.stdout.lines() {
            let name = line.split('=').next().unwrap_or_default();
            assert!(known.contains(&name), "`{line}` came from somewhere: {output:?}");
        }
    }
    let nul = json!({"Cmd": ["/bin/env"], "Env": ["A=x\u{0}B=y"]});
    let reference = liar.manifest("nul", &liar.image("nul", &layer, &nul));
    let _ = canary.pontoon(&format!("run --rm {reference}"));
    // And neither into the environment of an exec.
    canary.pontoon("run -d --replace --name envbox --stop-timeout 0 $B sleep 1000").ok();
    let output = canary.host.entry("alice").env("HOSTSECRET", "topsecret").sh("pontoon exec envbox env").ok();
    assert!(!output.stdout.contains("topsecret") && !output.stdout.contains("XDG"), "{output:?}");
    canary.pontoon("rm -f -t 0 envbox").ok();
    canary.unharmed();
}

/// 36 in part: words of an image's configuration in our output.
#[test]
fn an_image_s_words_cannot_write_to_the_terminal() {
    let canary = Canary::new("ansi");
    let liar = Liar::start(canary.host);
    let layer = Tar::new().file("x", 0o755, b"x").done();
    let settings = json!({"Cmd": ["/x\u{1b}[2Jboo\nfake line"], "Labels": {"a\u{1b}]0;x\u{7}": "b\nc"}, "User": "root\n0:0"});
    let reference = liar.manifest("ansi", &liar.image("ansi", &layer, &settings));
    let created = canary.pontoon(&format!("create --name ansi {reference}"));
    if created.code == 0 {
        for words in ["ps -a", "ps -a --no-trunc", "images"] {
            let output = canary.pontoon(words).ok();
            assert!(
                !output.stdout.contains('\u{1b}') && !output.stdout.contains("\nfake line"),
                "{output:?}"
            );
        }
        let _ = canary.pontoon("rm ansi");
    }
    canary.unharmed();
}

/// 45: CVE-2022-27649, CVE-2022-29162.
#[test]
fn no_capability_is_inheritable() {
    let canary = Canary::new("caps");
    let inherited = "grep -E ^Cap(Inh|Amb) /proc/self/status";
    let zero = "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000";
    for options in ["", "--init", "-u 1000", "--privileged", "--cap-add all"] {
        canary
            .pontoon(&format!(
                "run --rm {options} $B sh -c '{}'",
                inherited.replace("^Cap(Inh|Amb)", "\"^Cap(Inh|Amb)\"")
            ))
            .ok()
            .prints(zero);
    }
    canary.pontoon("run -d --replace --name caps --stop-timeout 0 $B sleep 1000").ok();
    for options in ["", "-u 1000", "-u dave"] {
        canary
            .pontoon(&format!("exec {options} caps sh -c 'grep -E \"^Cap(Inh|Amb)\" /proc/self/status'"))
            .ok()
            .prints(zero);
    }
    canary.pontoon("rm -f -t 0 caps").ok();
    canary.unharmed();
}

/// 46: CVE-2022-2989.
#[test]
fn groups_of_the_caller_stay_outside() {
    let canary = Canary::new("groups");
    canary.host.root("groupadd -f secretgroup; usermod -aG secretgroup dave").ok();
    canary.host.sh_as("dave", "id -Gn").ok().says("secretgroup");
    let run = |options: &str| {
        canary
            .host
            .sh_as("dave", &format!("pontoon run --rm {options} {B} sh -c 'grep ^Groups: /proc/self/status'"))
    };
    run("").ok().prints("Groups:");
    run("-u dave").ok().prints("Groups:\t10 1500 2000");
    run("-u 33:33").ok().prints("Groups:\t33");
    canary.unharmed();
}

/// 4, 18: descriptors that a process still has while it is set up lead to the host.
#[test]
fn a_working_directory_of_an_image_is_not_made_through_descriptors() {
    let canary = Canary::new("workdir-fd");
    let up = "../".repeat(12);
    for number in 3..20 {
        let path = format!("/proc/self/fd/{number}/{up}{}/fd{number}", canary.dir);
        let reference = canary.image("workdir-fd", &[], &format!("--config.workingdir {path}"));
        let _ = canary.pontoon(&format!("run --rm --pull always -q --network none {reference} id"));
    }
    canary.unharmed();
}

/// 4: a process that is set up in a pid namespace that is shared.
#[test]
fn nobody_looks_through_a_process_that_joins_his_pid_namespace() {
    let canary = Canary::new("watched");
    for options in ["", "--cap-add sys_ptrace"] {
        canary.pontoon(&format!("run -d --replace --name watched --network none {options} -v /srv/payload:/payload:ro $B /payload grab-fd 6 {}/file", canary.dir)).ok();
        for round in 0..30 {
            let network = if round % 3 == 0 { "pasta" } else { "none" };
            canary.pontoon(&format!("run --rm --network {network} --pid container:watched $B true")).ok();
        }
        canary.pontoon("wait watched").ok();
        let log = canary.pontoon("logs watched").ok();
        assert_eq!(log.text(), "done", "{options}");
    }
    canary.pontoon("rm -f watched").ok();
    canary.unharmed();
}

/// 6: a container that shares namespaces is started anew, and the one that it shares them with is another process by then.
#[test]
fn namespaces_that_are_shared_are_those_of_the_container_as_it_runs_now() {
    let canary = Canary::new("stale");
    canary.pontoon("run -d --replace --name stale-a --stop-timeout 0 --network none $B sleep 10000").ok();
    canary.pontoon("run -d --replace --name stale-b --stop-timeout 0 --restart always --network container:stale-a $B sleep 10000").ok();
    canary.pontoon("restart -t 0 stale-a").ok();
    // Its policy starts it again, in the namespace that the other one has now.
    canary.host.alice("kill -9 $(pontoon inspect --format '{{.State.Pid}}' stale-b)").ok();
    let namespace = |name: &str| format!("exec {name} readlink /proc/self/ns/net");
    canary
        .host
        .alice("for i in $(seq 100); do pontoon exec stale-b true 2>/dev/null && break; sleep 0.1; done")
        .ok();
    assert_eq!(
        canary.pontoon(&namespace("stale-b")).ok().text(),
        canary.pontoon(&namespace("stale-a")).ok().text()
    );
    // Without the other one it cannot be started, and says so.
    canary.pontoon("stop -t 0 stale-a").ok();
    canary.host.alice("kill -9 $(pontoon inspect --format '{{.State.Pid}}' stale-b)").ok();
    canary.host.alice("for i in $(seq 100); do [ $(pontoon inspect --format '{{.State.Status}}' stale-b) = exited ] && break; sleep 0.1; done").ok();
    let state = canary.pontoon("inspect --format '{{.State.Status}} {{.State.Error}}' stale-b").ok();
    assert!(state.text().starts_with("exited ") && state.text().contains("does not run"), "{state:?}");
    canary.pontoon("rm -f stale-b stale-a").ok();
    canary.unharmed();
}

/// 7: what is not read must not stop the supervisor.
#[test]
fn who_floods_and_does_not_read_stops_nobody_but_himself() {
    let canary = Canary::new("flood");
    let host = canary.host;
    let flood =
        "pontoon run -it --rm --name flood --log-driver none --network none $B sh -c \"stty raw -echo; yes\"";
    let script = format!(
        "script -qec '{flood}' /dev/null </dev/zero >/dev/null & \
         until pontoon exec flood true 2>/dev/null; do sleep 0.1; done; sleep 2; \
         timeout 10 pontoon exec flood true && timeout 10 pontoon stop -t 0 flood; code=$?; wait; exit $code"
    );
    host.entry("alice").env("B", B).sh(&script).ok();
    // One who looks on, and has been stopped.
    let script = "mkfifo flood.fifo; sleep 60 <flood.fifo & reader=$!; \
         pontoon run --rm --name flood --log-driver none --network none $B yes >flood.fifo & \
         until pontoon exec flood true 2>/dev/null; do sleep 0.1; done; sleep 1; \
         timeout 10 pontoon stop -t 0 flood; code=$?; kill $reader; rm flood.fifo; wait; exit $code";
    host.entry("alice").env("B", B).sh(script).ok();
    // What a slow reader has not read when the container ends he gets all the same.
    let script = "pontoon run --rm --log-driver none --network none $B sh -c 'yes | head -c 300000' | (sleep 1; wc -c)";
    assert_eq!(host.entry("alice").env("B", B).sh(script).ok().text(), "300000");
    canary.unharmed();
}

/// 8: a link of the image that leads into /proc.
#[test]
fn nothing_is_mounted_over_proc_by_way_of_a_link() {
    let canary = Canary::new("overproc");
    let reference =
        canary.image("overproc", &[Tar::new().symlink("p", "/proc").symlink("q", "/proc/self").done()], "");
    for target in ["/p", "/q", "/p/self/attr"] {
        for option in [
            format!("-v {}:{target}", canary.dir),
            format!("--tmpfs {target}"),
            format!("-v overproc:{target}"),
        ] {
            let refused =
                canary.pontoon(&format!("run --rm --network none {option} {reference} true")).fails(125);
            assert!(refused.stderr.contains("/proc"), "{option}: {}", refused.stderr);
        }
    }
    canary.pontoon("volume rm overproc").ok();
    canary.unharmed();
}

/// 39: a log that is a pipe without a reader, or no file at all.
#[test]
fn a_log_is_a_file_or_nothing() {
    let canary = Canary::new("log");
    for place in ["mkfifo {}/log", "ln -s {}/file {}/log", "mkdir {}/log"] {
        canary.host.alice(&place.replace("{}", &canary.dir)).ok();
        let refused = canary
            .pontoon(&format!("run --rm --log-driver k8s-file --log-opt path={}/log $B true", canary.dir));
        refused.fails(125);
        canary.host.alice(&format!("rm -r {}/log", canary.dir)).ok();
    }
    // CVE-2026-53489: one that is exchanged when the container has ended.
    let log = format!("{}/log", canary.dir);
    canary.pontoon(&format!("run --replace --name logged --network none --log-driver k8s-file --log-opt path={log} $B echo said")).ok();
    canary.pontoon("logs logged").ok().prints("said");
    for place in ["ln -sf {}/file {}/log", "mkfifo {}/log", "mkdir {}/log"] {
        canary.host.alice(&format!("rm -rf {log}; {}", place.replace("{}", &canary.dir))).ok();
        let seen = canary.pontoon("logs logged");
        assert!(!seen.stdout.contains("untouched"), "{place}: {seen:?}");
        canary.pontoon("start logged").fails(125);
    }
    canary.pontoon("rm logged").ok();
    canary.host.alice(&format!("rm -rf {log}; grep -qx untouched {}/file", canary.dir)).ok();
}

/// 47: device nodes of an image, and nodes made inside, are none, as root either, but for those that every container has.
#[test]
fn device_nodes_of_an_image_are_no_devices() {
    let canary = Canary::new("nodes");
    let host = canary.host;
    host.root("mkdir -p /srv/nodes/bin && cp /usr/bin/busybox /srv/nodes/bin/ && ln -sf busybox /srv/nodes/bin/sh && \
               mknod /srv/nodes/fuse c 10 229 && mknod /srv/nodes/zero c 1 5; tar c -C /srv/nodes . | pontoon import -q - localhost/nodes").ok();
    let run = |options: &str, script: &str| {
        host.root(&format!("pontoon run --rm --network none {options} localhost/nodes sh -c '{script}'"))
    };
    run("", "exec 3</fuse").fails(1);
    run("--cap-add mknod", "busybox mknod /f c 10 229 && exec 3</f").fails(1);
    run("--cap-add mknod", "busybox mknod /dev/f c 10 229 && exec 3</dev/f").fails(1);
    run("", "busybox head -c 1 /zero; busybox head -c 1 /dev/zero").ok();
    // Where the kernel is asked no rules, none at all are.
    run("--cgroups disabled", "busybox head -c 1 /zero").fails(1);
    run("--privileged", "exec 3</fuse").ok();
    host.root("pontoon rmi localhost/nodes; rm -r /srv/nodes").ok();
    canary.unharmed();
}

/// 59: a container that stands still does not make its supervisor stand still.
#[test]
fn a_paused_container_s_supervisor_goes_on() {
    let canary = Canary::new("paused");
    canary.pontoon("run -d --replace --name still --stop-timeout 0 --network none --health-cmd true --health-interval 300ms $B sleep 10000").ok();
    canary.pontoon("pause still").ok();
    canary.host.alice("sleep 1.5").ok();
    let refused = canary.pontoon("exec still true").fails(125);
    assert!(refused.stderr.contains("paused"), "{}", refused.stderr);
    canary.pontoon("unpause still").ok();
    canary.pontoon("exec still true").ok();
    canary.pontoon("pause still").ok();
    canary.host.alice("sleep 1.5; timeout 20 pontoon rm -f -t 0 still").ok();
    canary.unharmed();
}

/// Paths that a command line names for files of ours: what stands there already is not followed, not waited for, and, if it
/// is no file, not replaced.
#[test]
fn files_that_we_write_for_others_follow_nothing() {
    let canary = Canary::new("outfiles");
    let host = canary.host;
    let alice = |script: &str| {
        host.entry("alice")
            .env("B", B)
            .env("CANARY", &canary.dir)
            .limit(std::time::Duration::from_secs(60))
            .sh(script)
            .no_panic()
    };
    alice("rm -rf outfiles && mkdir outfiles && cd outfiles && ln -s $CANARY/file link && ln -s $CANARY/new dangling && mkfifo fifo").ok();
    for option in ["--pidfile", "--conmon-pidfile"] {
        for place in ["fifo", ".", "/dev/null", "/dev/full", "nosuch/x"] {
            let refused = alice(&format!(
                "cd outfiles; timeout 20 pontoon run --rm --network none {option} {place} $B true"
            ));
            assert!(refused.fails(125).stderr.contains(place));
        }
        alice(&format!(
            "cd outfiles; pontoon run --rm --network none {option} link $B true && ln -sf $CANARY/file link"
        ))
        .ok();
        host.root(&format!(
            "timeout 20 pontoon run --rm --network none {option} /dev/null localhost/nosuch true"
        ))
        .fails(125);
    }
    for place in ["fifo", "link", "dangling", ".", "nosuch/x"] {
        alice(&format!("cd outfiles; timeout 20 pontoon run --rm --network none --cidfile {place} $B true"))
            .fails(125);
    }
    host.root("test -c /dev/null").ok();
    // A directory for health logs that the container has as well, and has filled with traps.
    let traps = "cd outfiles && mkdir -p h && id=$(pontoon create --replace --name traps --network none --stop-timeout 0 --health-cmd true \
         --health-interval 200ms --health-log-destination $PWD/h -v $PWD/h:/h $B sleep 10000) && \
         mkfifo h/.$id-healthcheck.log.new && ln -s $CANARY/file h/$id-healthcheck.log && pontoon start traps && \
         until grep -q healthy h/$id-healthcheck.log; do sleep 0.1; done; timeout 20 pontoon stop -t 0 traps && pontoon rm traps";
    alice(traps).ok();
    alice("rm -rf outfiles").ok();
    canary.unharmed();
}

/// 36: names of files are as hostile as words.
#[test]
fn names_of_files_cannot_write_to_the_terminal() {
    let canary = Canary::new("names");
    let script = r#"name=$(printf "\033[2Jy\nA "); mkdir "/tmp/$name" && touch "/tmp/$name/z""#;
    canary.pontoon(&format!("run --replace --name names --network none $B sh -c '{script}'")).ok();
    let listed = canary.pontoon("diff names").ok();
    assert!(
        !listed.stdout.contains('\u{1b}')
            && !listed.stdout.contains("\nA /z")
            && listed.stdout.contains("2Jy"),
        "{listed:?}"
    );
    canary.pontoon("rm names").ok();
    canary.unharmed();
}

/// Many words, large words: they arrive, or are refused in words.
#[test]
fn large_command_lines_arrive_or_are_refused() {
    let canary = Canary::new("large");
    canary.pontoon("run -d --replace --name large --stop-timeout 0 --network none $B sleep 10000").ok();
    for command in ["exec", "run"] {
        let place = if command == "run" { "--rm --network none %e $B" } else { "%e large" };
        let run = |environment: &str, words: &str| {
            let line = place.replace("%e", environment);
            canary.pontoon(&format!("{command} {line} {words} 2>&1 | tail -c 300; exit ${{PIPESTATUS[0]}}"))
        };
        let count = run("", "sh -c 'echo $#' _ $(seq 100000)");
        assert_eq!(count.ok().text(), "100000", "{command}");
        let big =
            "-e A=$(head -c 120000 /dev/zero | tr '\\0' a) -e B=$(head -c 120000 /dev/zero | tr '\\0' b)";
        assert_eq!(run(big, "sh -c 'echo ${#A} ${#B}'").ok().text(), "120000 120000", "{command}");
        canary.pontoon("exec large true").ok();
    }
    canary.pontoon("rm -f -t 0 large").ok();
    canary.unharmed();
}
