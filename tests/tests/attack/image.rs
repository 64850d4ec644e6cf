//! Images and registries: layers, digests, manifests, and the words in them.

use pontoon_tests::forge::{self, Liar};
use pontoon_tests::tar::Tar;
use serde_json::json;

use crate::canary::Canary;

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
