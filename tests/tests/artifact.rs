//! Artifacts: made of files, brought from a registry, seen in containers and unit files; with Podman as the peer.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Output, host_with_busybox as host};
use serde_json::{Value, json};

/// Pushes an artifact of these files to the test host's registry, as any client would: blobs, then the manifest. `$1` is the
/// repository, `$2` the tag; a file with the name `-` has no title.
const PUSH: &str = r#"push() {
    repository=$1 tag=$2; shift 2; layers=
    blob() {
        digest=sha256:$(sha256sum <"$1" | cut -d' ' -f1)
        location=$(curl -sS -i -X POST http://localhost:5000/v2/$repository/blobs/uploads/ | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
        case $location in *\?*) with='&';; *) with='?';; esac
        curl -sSf -X PUT -H 'Content-Type: application/octet-stream' --data-binary @"$1" "$location${with}digest=$digest" >&2
    }
    printf '{}' >/tmp/empty; blob /tmp/empty
    config='{"mediaType":"application/vnd.oci.empty.v1+json","digest":"'$digest'","size":2}'
    for entry; do
        file=${entry#*=} title=${entry%%=*}; blob "$file"
        note=; [ "$title" = - ] || note=',"annotations":{"org.opencontainers.image.title":"'$title'"}'
        layers=$layers${layers:+,}'{"mediaType":"text/plain","digest":"'$digest'","size":'$(stat -c %s "$file")$note'}'
    done
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.test","config":%s,"layers":[%s]}' "$config" "$layers" >/tmp/manifest
    curl -sSf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary @/tmp/manifest http://localhost:5000/v2/$repository/manifests/$tag
}
"#;

#[track_caller]
fn alice(script: &str) -> Output {
    host().entry("alice").env("B", B).sh(&format!("{PUSH} set -e; {script}")).no_panic()
}

#[track_caller]
fn object(output: Output) -> Value {
    serde_json::from_str(&output.ok().stdout).expect("it is JSON")
}

#[test]
fn files_become_artifacts_and_files_again() {
    alice("rm -rf made && mkdir made && cd made && echo one >one && printf '{}' >two.json && head -c 100000 /usr/bin/busybox >three").ok();
    let digest = alice("cd made; pontoon artifact add --type application/vnd.x --annotation k=v localhost/made one two.json three").ok();
    let inspected = object(alice("pontoon artifact inspect localhost/made"));
    assert_eq!(inspected["Name"], "localhost/made:latest");
    assert_eq!(inspected["Digest"], format!("sha256:{}", digest.text()));
    let manifest = &inspected["Manifest"];
    assert_eq!(manifest["artifactType"], "application/vnd.x");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.empty.v1+json");
    assert!(manifest["annotations"]["org.opencontainers.image.created"].is_string());
    let layers: Vec<(Value, Value)> = manifest["layers"]
        .as_array()
        .expect("layers")
        .iter()
        .map(|it| (it["annotations"].clone(), it["mediaType"].clone()))
        .collect();
    let layer =
        |title: &str, kind: &str| (json!({"k": "v", "org.opencontainers.image.title": title}), json!(kind));
    let (text, binary) = ("text/plain; charset=utf-8", "application/octet-stream");
    assert_eq!(layers, [layer("one", text), layer("two.json", text), layer("three", binary)]);

    alice("cd made; pontoon artifact add localhost/made one").fails(125).warns("exists already");
    alice("cd made; pontoon artifact add --append localhost/made one").fails(125).warns("`one`");
    alice("cd made; echo 4 >four; pontoon artifact add --append --file-type a/b localhost/made four").ok();
    let appended = object(alice("pontoon artifact inspect made"));
    assert_eq!(appended["Manifest"]["layers"][3]["mediaType"], "a/b");
    assert_eq!(appended["Manifest"]["annotations"], manifest["annotations"]);
    alice("pontoon artifact inspect --format '{{.Name}} {{len .Manifest.layers}}' made")
        .ok()
        .prints("localhost/made:latest 4");

    alice("cd made; mkdir out; pontoon artifact extract made out; cat out/one out/four; cmp out/three three")
        .ok()
        .prints("one\n4");
    alice("cd made; pontoon artifact extract --title two.json made only; cat only").ok().prints("{}");
    alice("cd made; pontoon artifact extract made only").fails(125).warns("4 files");
    let two = manifest["layers"][1]["digest"].as_str().expect("a digest");
    let three = manifest["layers"][2]["digest"].as_str().expect("a digest");
    let name = two.replace(':', "-");
    alice(&format!("cd made; pontoon artifact extract --digest {two} made out; cat out/{name}"))
        .ok()
        .prints("{}");
    alice("cd made; pontoon artifact extract --title no made out").fails(125).warns("title `no`");

    alice("cd made; pontoon artifact add --replace localhost/made one").ok();
    let listed = object(alice("pontoon artifact ls --format json"));
    let row = listed
        .as_array()
        .expect("a list")
        .iter()
        .find(|it| it["Repository"] == "localhost/made")
        .expect("listed")
        .clone();
    assert_eq!((&row["Tag"], &row["Size"], &row["VirtualSize"]), (&json!("latest"), &json!("4B"), &json!(4)));
    assert!(row["Digest"].as_str().is_some_and(|it| it.len() == 12));
    let table = alice("pontoon artifact ls --no-trunc").ok().stdout;
    let words: Vec<&str> = table.lines().next().expect("a heading").split_whitespace().collect();
    assert_eq!(words, ["REPOSITORY", "TAG", "DIGEST", "CREATED", "SIZE"]);
    assert!(!alice("pontoon artifact ls -n").ok().stdout.contains("REPOSITORY"));

    // By the beginning of the digest; what nothing else needs goes with it.
    alice("pontoon artifact rm $(pontoon artifact ls -n | awk '$1 == \"localhost/made\" {print $3}')").ok();
    alice("pontoon artifact rm made").fails(125).warns("there is no artifact `made`");
    alice("pontoon artifact rm --ignore made").ok();
    alice(&format!(
        "! test -e ~/.local/share/pontoon/artifacts/blobs/sha256/{}",
        three.trim_start_matches("sha256:")
    ))
    .ok();
    alice("pontoon artifact push made").fails(125).warns("not supported");
    alice("cd made; pontoon artifact add dir /tmp").fails(125);
    alice("rm -r made").ok();
}

#[test]
fn artifacts_come_from_registries() {
    alice("echo first >a1; echo second >a2; push art/two v1 a.txt=a1 -=a2; push art/evil v1 ../../evil=a1; rm a1 a2").ok();
    let digest = alice("pontoon artifact pull localhost:5000/art/two:v1").ok();
    assert_eq!(digest.text().len(), 64);
    let inspected = object(alice("pontoon artifact inspect localhost:5000/art/two:v1"));
    assert_eq!(inspected["Manifest"]["artifactType"], "application/vnd.test");
    let second = inspected["Manifest"]["layers"][1]["digest"].as_str().expect("a digest").replace(':', "-");

    // The layout is what others read, too.
    alice("rm -rf copied; skopeo copy -q oci:$HOME/.local/share/pontoon/artifacts:localhost:5000/art/two:v1 oci:copied:x && test -s copied/index.json; rm -r copied").ok();

    let run = |mount: &str, script: &str| {
        alice(&format!(
            "pontoon run --rm --network none --mount type=artifact,src=localhost:5000/art/two:v1,{mount} $B sh -c '{script}'"
        ))
    };
    run("dst=/m", &format!("ls /m; cat /m/a.txt /m/{second}"))
        .ok()
        .prints(&format!("a.txt\n{second}\nfirst\nsecond"));
    run("dst=/m,name=n", "ls /m").ok().prints("n-0\nn-1");
    run("dst=/m,title=a.txt", "cat /m; echo x >/m").fails(1).warns("Read-only").prints("first");
    // In a directory that is there the file has its name, or the one that is asked for.
    run("dst=/tmp,title=a.txt", "cat /tmp/a.txt").ok().prints("first");
    run("dst=/tmp,title=a.txt,name=b", "cat /tmp/b").ok().prints("first");
    run(&format!("dst=/m,digest={}", second.replace('-', ":")), "cat /m; id -u; stat -c %a /m")
        .ok()
        .prints("second\n0\n644");
    run("dst=/etc/passwd", "true").fails(125);
    run("dst=/m,title=no", "true").fails(125).warns("title `no`");
    alice("pontoon run --rm --network none -u 1000 --userns nomap --mount type=artifact,src=localhost:5000/art/two:v1,title=a.txt,dst=/m $B cat /m").ok().prints("first");
    alice("pontoon run --rm --network none --mount type=artifact,src=localhost/nosuch,dst=/m $B true")
        .fails(125)
        .warns("there is no artifact");
    // A title that leads elsewhere is no name, neither here nor there.
    alice("pontoon artifact pull -q localhost:5000/art/evil:v1").ok();
    alice("mkdir -p e/e/e; pontoon artifact extract localhost:5000/art/evil:v1 e/e/e")
        .fails(125)
        .warns("name of a file");
    alice(
        "pontoon run --rm --network none --mount type=artifact,src=localhost:5000/art/evil:v1,dst=/m $B true",
    )
    .fails(125)
    .warns("name of a file");
    alice("pontoon artifact pull -q localhost:5000/art/nosuch:v1").fails(125);
    alice("pontoon artifact pull -q --decryption-key k localhost:5000/art/two:v1")
        .fails(125)
        .warns("encrypted");
    let names =
        "pontoon events --since 10m --stream=false --filter type=artifact --format '{{.Status}} {{.Name}}'";
    alice(names).ok().says("pull localhost:5000/art/two:v1");
    // A container that was made keeps asking for what was removed.
    alice("pontoon create -q --name holder --replace --network none --mount type=artifact,src=localhost:5000/art/two:v1,dst=/m $B cat /m/a.txt").ok();
    alice("pontoon artifact rm localhost:5000/art/two:v1; pontoon start -a holder")
        .fails(125)
        .warns("there is no artifact");
    alice("pontoon rm holder; pontoon artifact rm localhost:5000/art/evil:v1; rm -r e").ok();
}

#[test]
fn unit_files_pull_and_mount_artifacts() {
    alice("echo served >a3; push art/unit v1 page=a3; rm a3").ok();
    let host = host();
    let units = "mkdir -p ~/.config/containers/systemd && cd ~/.config/containers/systemd && \
        printf '[Artifact]\\nArtifact=localhost:5000/art/unit:v1\\nQuiet=true\\n' >page.artifact && \
        printf '[Container]\\nImage=%s\\nNetwork=none\\nMount=type=artifact,src=localhost:5000/art/unit:v1,dst=/page\\nExec=sh -c \"cat /page; exec sleep 1000\"\\n[Unit]\\nRequires=page-artifact.service\\nAfter=page-artifact.service\\n[Service]\\nTimeoutStopSec=5\\n' \"$B\" >reader.container && \
        systemctl --user daemon-reload && systemctl --user start reader && systemctl --user is-active page-artifact reader && \
        for i in $(seq 300); do journalctl --user -u reader | grep -q served && exit 0; sleep 0.1; done; journalctl --user -u reader -u page-artifact; exit 1";
    host.entry("alice").env("B", B).sh(units).ok();
    alice("systemctl --user stop reader page-artifact; rm ~/.config/containers/systemd/page.artifact ~/.config/containers/systemd/reader.container; systemctl --user daemon-reload; pontoon artifact rm localhost:5000/art/unit:v1").ok();
}
