//! Images: pulled from Debian's docker-registry, loaded, imported, listed, tagged, removed.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::forge::{self, Liar};
use pontoon_tests::tar::Tar;
use pontoon_tests::{B, Output, TestHost, alone, host, host_with_busybox, image, wait};
use serde_json::json;

fn pontoon(words: &str) -> Output {
    host().entry("alice").env("B", B).sh(&format!("pontoon {words}"))
}

/// Makes a multi-architecture index in the registry out of busybox for us and a variant for another machine.
fn index(host: &TestHost, name: &str, ours: bool) -> String {
    let layout = image::BUSYBOX.layout();
    host.root(&format!(
        "set -e; rm -rf /tmp/{name}; cp -a {layout} /tmp/{name}; cd /tmp/{name}
         umoci config --image /tmp/{name}:work --tag foreign --architecture riscv64
         for tag in work foreign; do skopeo copy -q --dest-tls-verify=false oci:/tmp/{name}:$tag docker://localhost:5000/{name}:$tag; done
         one() {{ skopeo inspect --raw --tls-verify=false docker://localhost:5000/{name}:$1 >/tmp/{name}.manifest
             printf '{{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":%s,\"digest\":\"sha256:%s\",\"platform\":{{\"architecture\":\"%s\",\"os\":\"linux\"}}}}' \
             $(stat -c %s /tmp/{name}.manifest) $(sha256sum /tmp/{name}.manifest | cut -d' ' -f1) $2; }}
         arch=$(dpkg --print-architecture)
         list=$(one foreign riscv64)
         {}
         printf '{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[%s]}}' \"$list\" >/tmp/{name}.index
         curl -sSf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary @/tmp/{name}.index \
             http://localhost:5000/v2/{name}/manifests/latest",
        if ours { "list=$list,$(one work $arch)" } else { "" }
    ))
    .ok();
    format!("localhost:5000/{name}")
}

#[test]
fn pull_prints_the_id_and_brings_a_usable_image() {
    let id = pontoon("pull $B").ok();
    assert_eq!(id.stdout.trim().len(), 64, "{id:?}");
    pontoon("pull -q $B").ok().prints(id.text());
    pontoon("run --rm $B cat /data/file").ok().prints("hello");
    // The second layer removed a file and a directory, and added.
    pontoon("run --rm $B sh -c 'test ! -e /etc/removed-later && test ! -e /etc/hidden && cat /data/second /data/sub/file'")
        .ok()
        .prints("second\ndeep");
    pontoon("run --rm $B sh -c 'stat -c %u:%g:%a /data/sub /home/dave /tmp'")
        .ok()
        .prints("33:33:750\n1500:1500:755\n0:0:1777");
}

#[test]
fn an_image_whose_name_has_moved_on_has_none() {
    let _alone = alone();
    for place in ["x", "y"] {
        pontoon(&format!("run --name mover $B touch /{place}")).ok();
        pontoon("commit -q mover localhost/moved").ok();
        pontoon("rm mover").ok();
    }
    let rows =
        "images --noheading --format '{{.Repository}}:{{.Tag}} {{.RepoDigests}} {{len .Id}} {{len .ID}}'";
    pontoon(&format!("{rows} -f dangling=true")).ok().prints("<none>:<none> [] 64 12");
    pontoon("image inspect --format '{{.RepoDigests}}' $(pontoon images -q -f dangling=true)")
        .ok()
        .prints("[]");
    pontoon(&format!("{rows} --no-trunc localhost/moved")).ok().says(" 64 71").says("localhost/moved:latest");
    pontoon("image prune -f && pontoon rmi localhost/moved").ok();
}

#[test]
fn lists_show_the_command_without_the_entry_point() {
    pontoon("create --name pointed --entrypoint '[\"sleep\",\"1\"]' $B one two").ok();
    pontoon("create --name bare --entrypoint '[\"sleep\",\"1\"]' $B").ok();
    let told = |name: &str| {
        let words = format!("ps -a --filter name=^{name}$ --format");
        let text = pontoon(&format!("{words} '<{{{{.Command}}}}>'")).ok();
        let json = pontoon(&format!("{words} json")).ok().json();
        (text.text().to_owned(), json[0]["Command"].clone())
    };
    assert_eq!(told("pointed"), ("<one two>".to_owned(), json!(["one", "two"])));
    assert_eq!(told("bare"), ("<>".to_owned(), json!(null)));
    pontoon("rm pointed bare").ok();
}

#[test]
fn a_directory_that_became_a_file_may_have_its_old_entries_marked_as_deleted() {
    // As umoci writes it: the new file, and a deletion for each file that the directory had.
    let host = host();
    let busybox = std::fs::read(host.path("/usr/bin/busybox")).unwrap();
    let old =
        Tar::new().dir("bin", 0o755).file("bin/cat", 0o755, &busybox).dir("etc", 0o755).dir("etc/x", 0o755);
    let old = old.file("etc/x/old", 0o644, b"old").done();
    for (name, layer) in [
        ("fileafter", Tar::new().file("etc/x/.wh.old", 0o644, b"").file("etc/x", 0o644, b"new").done()),
        ("filefirst", Tar::new().file("etc/x", 0o644, b"new").file("etc/x/.wh.old", 0o644, b"").done()),
    ] {
        let reference = forge::image(host, name, &[old.clone(), layer], "");
        host.alice(&format!("pontoon run --rm {reference} cat /etc/x")).ok().prints("new");
    }
}

#[test]
fn a_service_manager_is_told_how_far_a_pull_is() {
    let host = host();
    // What does not compress, so that the transfer has a length.
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(300_000)
    .collect();
    let reference = forge::image(host, "told", &[Tar::new().file("noise", 0o644, &noise).done()], "");
    // What is not taken at once waits in the socket.
    host.root("sysctl -q -w net.unix.max_dgram_qlen=512").ok();
    let listener = "import os, socket, subprocess, sys\n\
         path = os.environ['XDG_RUNTIME_DIR'] + '/told.sock'\n\
         listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
         listener.bind(path)\n\
         listener.setblocking(False)\n\
         code = subprocess.call(['pontoon', 'pull', '-q', sys.argv[1]], env=dict(os.environ, NOTIFY_SOCKET=path))\n\
         os.unlink(path)\n\
         try:\n    while True: print(listener.recv(4096).decode())\n\
         except BlockingIOError: sys.exit(code)\n";
    let told =
        host.entry("alice").env("LISTENER", listener).sh(&format!("python3 -c \"$LISTENER\" {reference}"));
    let told = told.ok();
    assert!(told.stdout.contains("EXTEND_TIMEOUT_USEC="), "{}", told.stdout);
    assert!(told.stdout.contains(&format!("STATUS=pulling {reference}: 100 %")), "{}", told.stdout);
}

#[test]
fn docker_manifests_and_zstd_layers_are_understood() {
    let host = host();
    // skopeo compresses anew only what is not compressed.
    host.root(&format!(
        "skopeo copy -q --dest-decompress oci:{}:work dir:/tmp/plain-layers",
        image::BUSYBOX.layout()
    ))
    .ok();
    for name in ["docker", "oci", "zstd"] {
        let reference = format!("localhost:5000/{name}:latest");
        // By way of a layout: a registry's client would rather take the same layer in another form that is there.
        host.root(&format!(
            "rm -rf /tmp/{name}-layers; case {name} in
             docker) skopeo copy -q --format v2s2 --dest-tls-verify=false dir:/tmp/plain-layers docker://{reference} ;;
             oci) skopeo copy -q dir:/tmp/plain-layers oci:/tmp/{name}-layers:work ;;
             zstd) skopeo copy -q --dest-compress-format zstd dir:/tmp/plain-layers oci:/tmp/{name}-layers:work ;;
             esac && {{ test {name} = docker ||
             skopeo copy -q --preserve-digests --dest-tls-verify=false oci:/tmp/{name}-layers:work docker://{reference}; }}"
        ))
        .ok();
        let manifest =
            host.root(&format!("skopeo inspect --raw --tls-verify=false docker://{reference}")).ok();
        manifest.says(if name == "docker" { "vnd.docker" } else { name });
        host.alice(&format!("pontoon pull -q {reference} && pontoon run --rm {reference} cat /data/second"))
            .ok()
            .says("second");
    }
    // The same layers, whatever their form: kept once.
    pontoon("images -q localhost:5000/oci").ok();
}

#[test]
fn an_index_yields_the_image_for_this_machine() {
    let host = host();
    let reference = index(host, "multi", true);
    host.alice(&format!("pontoon pull -q {reference} && pontoon run --rm {reference} cat /data/file"))
        .ok()
        .says("hello");
    let architecture = pontoon("image inspect --format '{{.Architecture}}' localhost:5000/multi").ok();
    assert_ne!(architecture.text(), "riscv64");
}

#[test]
fn an_image_for_another_machine_is_refused_with_what_there_is() {
    let host = host();
    let reference = index(host, "foreign", false);
    host.alice(&format!("pontoon pull {reference}")).fails(125).warns("riscv64");
    pontoon("images -q localhost:5000/foreign").ok().prints("");
}

#[test]
fn a_reference_by_digest_is_that_image_and_no_other() {
    let host = host();
    let digest = host
        .root(&format!("skopeo inspect --tls-verify=false --format '{{{{.Digest}}}}' docker://{B}:latest"))
        .ok();
    let reference = format!("{B}@{}", digest.text());
    host.alice(&format!("pontoon pull -q {reference} && pontoon run --rm {reference} true")).ok();
    pontoon(&format!("pull {B}@sha256:{}", "0".repeat(64))).fails(125);
}

#[test]
fn layers_are_pulled_with_progress_on_a_terminal_and_quietly_elsewhere() {
    let _alone = alone();
    let host = host();
    let quiet = host.sh_as("dave", &format!("pontoon pull {B} 2>&1 >/dev/null")).ok();
    assert!(!quiet.stdout.contains('\r') && !quiet.stdout.contains("\u{1b}["), "{quiet:?}");
    host.sh_as("dave", &format!("script -qec 'pontoon pull {B}' /dev/null")).ok();
}

#[test]
fn credentials_are_read_from_auth_json_and_sent_only_to_their_registry() {
    let host = host();
    let liar = Liar::start_at(host, 5002, "'Basic realm=\"liar\"'");
    let layer = Tar::new().file("secret", 0o644, b"x").done();
    liar.manifest("private", &liar.image("private", &layer, &json!({"Cmd": ["/secret"]})));
    host.write(
        "alice",
        "/home/alice/auth.json",
        "{\"auths\":{\"localhost:5002\":{\"auth\":\"YWxpY2U6d29uZGVy\"},\"localhost:5000\":{\"auth\":\"b3RoZXI6b3RoZXI=\"}}}",
    );
    let entry = host.entry("alice").env("REGISTRY_AUTH_FILE", "/home/alice/auth.json");
    entry.sh("pontoon pull -q localhost:5002/private").ok();
    let requests = liar.requests();
    let sent: Vec<&str> =
        requests.iter().filter_map(|one| one["headers"]["authorization"].as_str()).collect();
    assert!(sent.contains(&"Basic YWxpY2U6d29uZGVy"), "{sent:?}");
    assert!(!sent.contains(&"Basic b3RoZXI6b3RoZXI="), "{sent:?}");
}

#[test]
fn a_credential_file_of_the_profile_may_be_missing() {
    let sh = |script: &str| {
        host().entry("alice").env("REGISTRY_AUTH_FILE", "/home/alice/nope.json").env("B", B).sh(script)
    };
    sh("pontoon pull -q $B").ok();
    sh("pontoon pull -q --authfile /home/alice/nope.json $B").fails(125);
}

#[test]
fn a_bearer_token_is_fetched_and_used() {
    let host = host();
    let challenge = "'Bearer realm=\"http://localhost:5001/token\",service=\"liar\"'";
    let liar = Liar::start(host);
    Liar::start_at(host, 5003, challenge);
    let layer = Tar::new().file("token", 0o644, b"x").done();
    liar.manifest("bearer", &liar.image("bearer", &layer, &json!({"Cmd": ["/token"]})));
    liar.serve("/token", b"{\"token\":\"let-me-in\"}", &json!({"type": "application/json"}));
    pontoon("pull -q localhost:5003/bearer").ok();
    let requests = liar.requests();
    let asked =
        requests.iter().filter_map(|one| one["path"].as_str()).find(|path| path.starts_with("/token?"));
    assert!(asked.is_some_and(|path| path.contains("repository") && path.contains("bearer")), "{asked:?}");
    let token = requests.iter().any(|one| one["headers"]["authorization"] == "Bearer let-me-in");
    assert!(token, "no request carried the token: {requests:?}");
}

/// Makes `NAME.xz` and `NAME.bz2` of the file that follows.
fn compress(name: &str) -> String {
    format!(
        "python3 -c 'import bz2, lzma, sys; text = open(sys.argv[1], \"rb\").read()
open(\"{name}.xz\", \"wb\").write(lzma.compress(text, preset=1)); open(\"{name}.bz2\", \"wb\").write(bz2.compress(text))'"
    )
}

#[test]
fn load_takes_the_archives_of_other_tools() {
    let host = host();
    let layout = image::BUSYBOX.layout();
    for (kind, name) in
        [("docker-archive", "localhost/loaded-docker:v1"), ("oci-archive", "localhost/loaded-oci:v1")]
    {
        host.root(&format!("rm -f /tmp/{kind}.tar; skopeo copy -q oci:{layout}:work {kind}:/tmp/{kind}.tar:{name}; chmod 644 /tmp/{kind}.tar"))
            .ok();
        host.alice(&format!("pontoon load -i /tmp/{kind}.tar")).ok().says(name);
        host.alice(&format!("pontoon run --rm {name} cat /data/second")).ok().prints("second");
        host.alice(&format!("pontoon load </tmp/{kind}.tar")).ok().says(name);
        host.alice(&format!("pontoon rmi {name}")).ok();
        host.alice(&format!("{} /tmp/{kind}.tar", compress("squeezed"))).ok();
        for end in ["xz", "bz2"] {
            host.alice(&format!("pontoon load -i squeezed.{end} && pontoon load <squeezed.{end}"))
                .ok()
                .says(name);
        }
        host.alice(&format!("pontoon rmi {name}; rm squeezed.*")).ok();
    }
    // All names of the archive are told, and no other that the image has.
    let names = ["localhost/loaded-docker:v1", "localhost/second:2"];
    let mut said = Vec::new();
    for name in names {
        host.root(&format!("rm -f /tmp/second.tar; skopeo copy -q oci:{layout}:work docker-archive:/tmp/second.tar:{name}; chmod 644 /tmp/second.tar"))
            .ok();
        said.push(host.alice("pontoon load -q -i /tmp/second.tar").ok().text().to_owned());
    }
    assert_eq!(said, names.map(|it| format!("Loaded image: {it}")));
    host.alice("pontoon rmi localhost/second:2").ok();
    // A directory of one image has no name for it.
    host.root(&format!(
        "rm -rf /tmp/flat; skopeo copy -q oci:{layout}:work dir:/tmp/flat; chmod -R a+rX /tmp/flat"
    ))
    .ok();
    let id = host.alice("pontoon pull -q dir:/tmp/flat").ok().text().to_owned();
    host.alice("pontoon load -q -i /tmp/flat").ok().says("Loaded image: ");
    assert_eq!(id.len(), 64, "{id}");
    // What follows the transport is a path, also where it could be a tag.
    host.alice("cp -r /tmp/flat flat && pontoon pull -q dir:flat; rm -rf flat").ok().prints(&id);
    // A file is read whatever is said of registries.
    for name in ["dir:/tmp/flat", "docker-archive:/tmp/docker-archive.tar"] {
        host.alice(&format!("pontoon run --rm --pull never {name} cat /data/second")).ok().prints("second");
    }
    host.alice("pontoon rmi -f localhost/loaded-docker:v1").ok();
    pontoon("load -i /nosuch").fails(125).warns("/nosuch");
    pontoon("load -i /etc/passwd").fails(125);
}

#[test]
fn what_is_published_and_volumes_without_names_are_in_the_image_that_is_committed() {
    pontoon("create --name told -p 8080:80 -p 5000-5001:53-54/udp -v /anonymous -v told:/named $B true").ok();
    let config = "inspect --format '{{json .Config.ExposedPorts}} {{json .Config.Volumes}}' localhost/told";
    pontoon("commit -q told localhost/told").ok();
    pontoon(config).ok().prints(r#"{"53/udp":{},"54/udp":{},"80/tcp":{}} {"/anonymous":{}}"#);
    pontoon("commit -q --include-volumes told localhost/told").ok();
    pontoon(config).ok().says(r#"{"/anonymous":{},"/named":{}}"#);
    pontoon("rm -v told").ok();
    pontoon("rmi localhost/told").ok();
    pontoon("volume rm told").ok();
}

#[test]
fn import_makes_an_image_of_a_tree() {
    let host = host();
    host.alice("mkdir -p ~/tree/bin && cp /usr/bin/busybox ~/tree/bin/sh && tar -C ~/tree -cf ~/tree.tar .")
        .ok();
    pontoon("import -q -m hello --change 'CMD [\"/bin/sh\",\"-c\",\"echo imported $A\"]' --change 'ENV A=1' ~/tree.tar localhost/imported")
        .ok();
    pontoon("run --rm localhost/imported").ok().prints("imported 1");
    pontoon("image inspect --format '{{.Comment}}' localhost/imported").ok().prints("hello");
    host.alice("pontoon import -q - localhost/piped <~/tree.tar").ok();
    pontoon("run --rm localhost/piped /bin/sh -c 'echo piped'").ok().prints("piped");
    pontoon("rmi localhost/imported localhost/piped").ok();
    // As root file systems are often given out; Podman makes no image of these.
    host.alice(&format!("{} tree.tar", compress("tree"))).ok();
    pontoon("create --name given $B true").ok();
    for end in ["xz", "bz2"] {
        host.alice(&format!("pontoon import -q tree.{end} localhost/squeezed")).ok();
        pontoon("run --rm localhost/squeezed /bin/sh -c 'echo came'").ok().prints("came");
        host.alice(&format!("pontoon volume create {end} && pontoon volume import {end} tree.{end}")).ok();
        pontoon(&format!("run --rm -v {end}:/v $B ls /v")).ok().prints("bin");
        host.alice(&format!("pontoon cp - given:/tmp <tree.{end} && pontoon cp given:/tmp - | tar t"))
            .ok()
            .says("tmp/bin/sh");
        host.alice(&format!("head -c 10000 tree.{end} | pontoon import -q - localhost/half")).fails(125);
        pontoon(&format!("volume rm {end}")).ok();
    }
    pontoon("rm given").ok();
    pontoon("rmi localhost/squeezed").ok();
    pontoon("import /nosuch").fails(125);
    pontoon("import /etc/passwd junk").fails(125);
    pontoon("images --format '{{.Repository}}'").ok().lacks("junk");
}

#[test]
fn images_are_listed_in_podman_s_shapes() {
    pontoon("pull -q $B").ok();
    let table = pontoon("images").ok();
    let head =
        table.stdout.lines().next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(head, "REPOSITORY TAG IMAGE ID CREATED SIZE");
    table.says("localhost:5000/busybox");
    let list = pontoon("images --format json").ok().json();
    let has = |one: &serde_json::Value, field: &str, start: &str| {
        let texts = one[field].as_array().into_iter().flatten();
        texts.filter_map(|it| it.as_str()).any(|it| it.starts_with(start))
    };
    let one = list
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| has(one, "Names", "localhost:5000/busybox:latest"))
        .unwrap_or_else(|| panic!("busybox is not listed: {list:#}"));
    assert_eq!(one["Id"].as_str().map(str::len), Some(64));
    assert!(one["Size"].as_u64().is_some_and(|size| size > 1_000_000), "{one}");
    assert!(has(one, "RepoDigests", "localhost:5000/busybox@sha256:"), "{one}");
    pontoon("images --format '{{.Repository}}:{{.Tag}}'").ok().says("localhost:5000/busybox:latest");
    pontoon("image ls --noheading busybox").ok().lacks("REPOSITORY");
    let inspected = pontoon("image inspect $B").ok().json();
    assert_eq!(inspected[0]["Config"]["Cmd"][0], "/bin/sh");
    assert_eq!(inspected[0]["Os"], "linux");
    assert_eq!(inspected[0]["RootFS"]["Layers"].as_array().map(Vec::len), Some(2));
    pontoon("image inspect nosuch").fails(125);
    pontoon("image exists $B").ok();
    pontoon("image exists nosuch").fails(1);
}

#[test]
fn images_are_filtered_and_pruned_by_what_they_are_not() {
    pontoon("create --name denied $B true").ok();
    pontoon("commit -q --change 'LABEL denied=1' denied localhost/denied-one:1").ok();
    pontoon("commit -q --change 'LABEL denied=2' denied localhost/denied-two:2").ok();
    let list = |filters: &str| pontoon(&format!("images --format '{{{{.Repository}}}}' {filters}")).ok();
    list("--filter reference!=denied-one").says("localhost/denied-two").lacks("denied-one");
    list("--filter 'reference!=*/denied-*' --filter label=denied").prints("");
    list("--filter label=denied --filter label!=denied=1").prints("localhost/denied-two");
    list("--filter label=denied= --filter reference=denied-o?e").prints("localhost/denied-one");
    list("--filter containers!=false").lacks("denied-");
    list("--filter dangling!=true --filter label=denied=1").prints("localhost/denied-one");
    pontoon("images --filter odd!=1").fails(125).warns("`odd` is no filter");
    pontoon("images --filter dangling=true --filter dangling=false").fails(125).warns("takes one");
    // What has a name goes where that is asked for.
    let prune = |words: &str| pontoon(&format!("image prune -f --filter label=denied {words}"));
    prune("").ok().prints("");
    prune("-a --filter reference=other").ok().prints("");
    prune("--filter dangling=false --filter reference!=denied-two").ok();
    list("--filter label=denied").prints("localhost/denied-two");
    prune("-a --filter reference=denied-two").ok();
    list("--filter label=denied").prints("");
    prune("--filter odd=1").fails(125);
    pontoon("rm denied").ok();
}

#[test]
fn tags_are_names_for_the_same_image() {
    pontoon("pull -q $B && pontoon tag $B localhost/copy:v2 other").ok();
    pontoon("images --format '{{.Repository}}:{{.Tag}}'")
        .ok()
        .says("localhost/copy:v2")
        .says("localhost/other:latest");
    pontoon("run --rm localhost/copy:v2 true").ok();
    pontoon("rmi localhost/copy:v2").ok().says("Untagged: localhost/copy:v2");
    pontoon("rmi other").ok();
    pontoon("image exists other").fails(1);
    pontoon("image exists $B").ok();
    pontoon("tag nosuch x").fails(125);
    // By id all of them would go: only who says so means it.
    let dave = |script: &str| host().sh_as("dave", script);
    dave(&format!("pontoon pull -q {B} >/dev/null && pontoon tag {B} one two")).ok();
    dave(&format!("pontoon rmi $(pontoon images -q {B})"))
        .fails(125)
        .warns("localhost/two:latest")
        .warns("--force");
    let digest =
        format!("pontoon images -q {B}@$(pontoon image inspect --format '{{{{.Digest}}}}' {B}) | wc -l");
    dave(&digest).ok().prints("1");
    dave(&format!("pontoon run --rm --arch arm64 --pull never {B} true")).fails(125).warns("linux/arm64");
    dave(&format!("pontoon run --rm --arch amd64 --pull never {B} true")).ok();
    dave(&format!("pontoon rmi -f $(pontoon images -q {B}) >/dev/null && pontoon images | grep -c busybox"))
        .fails(1)
        .prints("0");
}

#[test]
fn rmi_refuses_what_a_container_uses_and_frees_what_nobody_does() {
    let _alone = alone();
    let host = host();
    let dave = |script: &str| host.sh_as("dave", script);
    let size = || -> u64 {
        let used = host.root("du -s --block-size=1K /home/dave/.local/share/pontoon 2>/dev/null | cut -f1");
        used.text().parse().unwrap_or(0)
    };
    let before = size();
    dave("pontoon pull -q localhost:5000/nginx && pontoon create --name user localhost:5000/nginx true").ok();
    assert!(size() > before + 20_000, "an image of nginx takes some space");
    dave("pontoon rmi localhost:5000/nginx").fails(2).warns("use");
    dave("pontoon rm user && pontoon rmi localhost:5000/nginx").ok().says("Deleted: ");
    wait::until_true("the layers to go", || size() < before + 1_000);
    dave("pontoon rmi nosuch").fails(1).warns("nosuch");
    dave("pontoon rmi -f nosuch").ok();
}

/// Whoever has a run take its image away means the name that was run: the image may be somebody else's by another.
#[test]
fn rmi_of_a_run_takes_the_name_that_was_run() {
    let host = host_with_busybox();
    let names = |filter: &str| {
        let script =
            format!("pontoon images --format '{{{{.Repository}}}}:{{{{.Tag}}}}' | grep {filter} | sort");
        host.alice(&script).text().to_owned()
    };
    host.alice(&format!(
        "pontoon create --name rmi-base {B} true && pontoon commit -q rmi-base localhost/rmi:1
         pontoon rm rmi-base; for i in 2 3 4; do pontoon tag localhost/rmi:1 localhost/rmi:$i; done"
    ))
    .ok();
    host.alice("pontoon run --rmi localhost/rmi:2 true").ok();
    assert_eq!(names("rmi:"), "localhost/rmi:1\nlocalhost/rmi:3\nlocalhost/rmi:4");
    host.alice("pontoon run -d --name rmi-run --rmi localhost/rmi:3 true").ok();
    wait::until_true("the name is gone", || names("rmi:") == "localhost/rmi:1\nlocalhost/rmi:4");
    host.alice(
        "pontoon run --name rmi-clean localhost/rmi:4 true && pontoon container cleanup --rmi rmi-clean",
    )
    .ok();
    assert_eq!(names("rmi:"), "localhost/rmi:1");
    // By its id no name is meant; with the last one it goes.
    host.alice(
        "pontoon tag localhost/rmi:1 localhost/rmi:5
         pontoon run --rmi $(pontoon images -q localhost/rmi:1) true",
    )
    .ok();
    assert_eq!(names("rmi:"), "localhost/rmi:1\nlocalhost/rmi:5");
    // A name that it got meanwhile stays, and the image with it, though it is the only one.
    host.alice("pontoon rmi localhost/rmi:5").ok();
    host.alice(
        "pontoon run -d --name rmi-other --rmi --stop-timeout 0 localhost/rmi:1 sleep 1000
         pontoon tag localhost/rmi:1 localhost/rmi:6 && pontoon untag localhost/rmi:1 localhost/rmi:1 &&
         pontoon stop rmi-other",
    )
    .ok();
    wait::until_true("the container is gone", || host.alice("pontoon container exists rmi-other").code == 1);
    assert_eq!(names("rmi:"), "localhost/rmi:6");
    host.alice("pontoon run --rmi localhost/rmi:6 true").ok();
    assert_eq!(names("rmi:"), "");
}

#[test]
fn pull_policies_do_what_they_say() {
    pontoon("run --rm --pull=never localhost:5000/neverhere true").fails(125);
    pontoon("run --rm --pull=bogus $B true").fails(125).warns("bogus");
    pontoon("run --rm --pull=always $B true").ok();
    pontoon("run --rm --pull=newer $B true").ok();
    pontoon("tag $B localhost:5999/gone:latest").ok();
    pontoon("run --rm --pull=missing localhost:5999/gone true").ok();
    pontoon("run --rm --pull=newer localhost:5999/gone true").ok();
    pontoon("run --rm --pull=always localhost:5999/gone true").fails(125);
    pontoon("rmi localhost:5999/gone").ok();
}

#[test]
fn an_image_with_its_transport_in_front_is_found_where_it_is() {
    pontoon("tag $B localhost:5999/moved:latest").ok();
    for name in ["docker://localhost:5999/moved", "containers-storage:localhost:5999/moved:latest"] {
        pontoon(&format!("run --rm --pull=never {name} echo here")).ok().prints("here");
        pontoon(&format!("run --rm {name} echo here")).ok().prints("here");
        pontoon(&format!("create --name moved {name} true")).ok();
        pontoon("ps --all --filter name=^moved$ --format '{{.Image}}'")
            .ok()
            .prints("localhost:5999/moved:latest");
        pontoon("rm moved").ok();
        let pod = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: moved}}, spec: {{containers: [{{name: a, image: '{name}', \
             imagePullPolicy: Never, command: [sleep, '1000']}}]}}}}"
        );
        host().write("alice", "/tmp/moved.yaml", &pod);
        pontoon("kube play /tmp/moved.yaml && pontoon kube down /tmp/moved.yaml").ok();
    }
    pontoon("run --rm --pull=always containers-storage:localhost:5999/moved echo here").ok().prints("here");
    // Elsewhere a name is a name.
    pontoon("image exists docker://localhost:5999/moved").fails(1);
    pontoon("rmi localhost:5999/moved").ok();
}

#[test]
fn several_pulls_of_one_image_at_once_all_succeed() {
    let _alone = alone();
    let host = host();
    host.sh_as(
        "dave",
        "pontoon rmi -f localhost:5000/mariadb >/dev/null 2>&1
         for i in 1 2 3 4; do pontoon pull -q localhost:5000/mariadb & pids=\"$pids $!\"; done
         for pid in $pids; do wait $pid || exit 1; done",
    )
    .ok();
    host.sh_as("dave", "pontoon run --rm --entrypoint mariadbd localhost:5000/mariadb --version && pontoon rmi localhost:5000/mariadb")
        .ok()
        .says("MariaDB");
}

#[test]
fn root_file_systems_are_native_overlays_and_fuse_overlayfs_serves_where_asked() {
    let _alone = alone();
    let host = host();
    host.alice(&format!("pontoon run --rm {B} grep ' / / ' /proc/self/mountinfo")).ok().says(" - overlay ");
    let dave = |script: &str| host.sh_as("dave", script);
    host.write(
        "dave",
        "/home/dave/.config/containers/storage.conf",
        "[storage]\ndriver = \"overlay\"\n[storage.options.overlay]\nmount_program = \"/usr/bin/fuse-overlayfs\"\n",
    );
    let ran = dave(&format!(
        "pontoon run --rm {B} sh -c \"grep ' / / ' /proc/self/mountinfo; cat /data/second; echo x >/data/second; rm /data/file\""
    ));
    let told = dave("pontoon info");
    // At rest, too, what looks at the files, or changes them, has the program serve them meanwhile.
    let at_rest = dave(&format!(
        "pontoon run --name served {B} sh -c 'echo more >/data/more; rm /data/file' || exit
         pontoon cp served:/data/more - | tar -xO
         echo given >~/given; pontoon cp ~/given served:/data/given
         pontoon export served | tar -tf - | grep -E '^data/(given|more|second|file)$' | sort
         pontoon diff served | grep /data/ | sort
         pontoon commit -q served served-image >/dev/null && pontoon run --rm served-image cat /data/given /data/more
         pontoon rm served; pontoon rmi served-image >/dev/null; rm ~/given"
    ));
    // Volumes and directories whose changes go elsewhere have the kernel for that, where it can.
    let changed = dave(&format!(
        "mkdir -p over/low/sub over/up over/work; echo low >over/low/file
         for ids in '' '--userns keep-id -u 0'; do
             pontoon run --rm --network none $ids -v ~/over/low:/data:O -v over-fuse:/vol:O {B} \
                 sh -c 'cat /data/file; echo new >/data/file; rmdir /data/sub; touch /vol/x; echo $(ls /data /vol)'
         done
         pontoon create --name over --network none -v ~/over/low:/kept:O,upperdir=$HOME/over/up,workdir=$HOME/over/work {B} \
             sh -c 'touch /kept/mine-$(ls /kept | grep -c mine)' >/dev/null
         pontoon start -a over; pontoon start -a over; pontoon rm over
         echo $(ls over/up over/low $(pontoon volume inspect --format '{{{{.Mountpoint}}}}' over-fuse)); cat over/low/file
         pontoon volume rm over-fuse; pontoon unshare rm -r over"
    ));
    dave("rm ~/.config/containers/storage.conf").ok();
    changed.ok().prints(
        "low\n/data: file /vol: x\nlow\n/data: file /vol: x\nover\n/home/dave/.local/share/pontoon/volumes/over-fuse/_data: over/low: file sub over/up: mine-0 mine-1\nlow\nover-fuse",
    );
    ran.ok().says("fuse.fuse-overlayfs").says("second");
    told.ok().says("fuse-overlayfs");
    at_rest.ok().prints(
        "more\ndata/given\ndata/more\ndata/second\nA /data/given\nA /data/more\nD /data/file\ngiven\nmore\nserved",
    );
    wait::until_true("fuse-overlayfs to end", || host.root("pgrep -x fuse-overlayfs").code != 0);
}

#[test]
fn forged_names_do_not_reach_the_disk() {
    for reference in [
        "../../etc",
        "localhost:5000/../../x",
        "localhost:5000/UPPER",
        "localhost:5000/a@sha256:../../x",
        "-x",
        "a b",
    ] {
        host().run_as("alice", &["pontoon", "pull", "--", reference]).refused();
    }
}

/// Runs a script of alice's with a registries.conf of her own, which goes again.
fn with_registries(conf: &str, script: &str) -> Output {
    host().entry("alice").env("CONF", conf).env("B", B).sh(&format!(
        "mkdir -p .config/containers; printf %s \"$CONF\" >.config/containers/registries.conf
         {script}
         code=$?; rm .config/containers/registries.conf; exit $code"
    ))
}

#[test]
fn an_alias_may_have_another_name_than_its_image() {
    let _alone = alone();
    let conf =
        "[[registry]]\nlocation='localhost:5000'\ninsecure=true\n[aliases]\nmydb='localhost:5000/busybox'\n";
    let script = "pontoon rmi -f $B >/dev/null; pontoon run --rm mydb echo pulled
        pontoon run --rm --pull always mydb echo again
        pontoon run --rm --pull never mydb echo here; pontoon image exists mydb && echo exists
        pontoon image inspect --format '{{.RepoTags}}' mydb";
    let seen = with_registries(conf, script).ok();
    assert_eq!(
        seen.stdout.lines().collect::<Vec<_>>(),
        ["pulled", "again", "here", "exists", "[localhost:5000/busybox:latest]"],
        "{}",
        seen.stderr
    );
}

#[test]
fn the_image_that_is_here_says_which_one_a_short_name_means() {
    let _alone = alone();
    let elsewhere = "[[registry]]\nlocation='localhost:5000'\ninsecure=true\n[aliases]\nbusybox='localhost:5999/busybox'\n";
    let script = "pontoon pull -q $B >/dev/null; pontoon pull -q busybox >/dev/null && echo pulled
        for policy in always newer; do pontoon run --rm --pull $policy busybox echo $policy; done
        pontoon pull -q --arch arm64 busybox";
    let seen = with_registries(elsewhere, script).fails(125);
    assert_eq!(seen.stdout, "pulled\nalways\nnewer\n", "{}", seen.stderr);
    // Another platform's is another image, wherever that is.
    assert!(
        seen.stderr.contains("localhost:5999") && !seen.stderr.contains("image that is there is used"),
        "{}",
        seen.stderr
    );
}

#[test]
fn what_a_user_blocks_is_blocked_whatever_the_system_says() {
    let _alone = alone();
    let conf = "[[registry]]\nlocation='localhost:5000'\nblocked=true\n";
    let refused = with_registries(conf, "pontoon pull -q $B").fails(125);
    assert!(refused.stderr.contains(".config/containers/registries.conf"), "{refused:?}");
}
