//! `generate quadlet`: unit files that give back what is there.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::network::{HOST_V4, curl_from_outside};
use pontoon_tests::{B, Manager, TestHost, alone, host, host_with_busybox, wait};

/// Stays, and ends well when it is asked to.
const SLEEPER: &str = r#"sh -c 'trap "exit 0" TERM; sleep 10000 & wait'"#;

fn show(host: &TestHost, container: &str, field: &str) -> String {
    host.alice(&format!("pontoon inspect --format '{{{{{field}}}}}' {container}")).ok().text().to_owned()
}

/// What of a container its file has to give back.
fn facts(host: &TestHost, container: &str) -> String {
    let format = "{{json .Config.Cmd}} {{json .Config.Env}} {{json .HostConfig.PortBindings}} {{json .HostConfig.Binds}} \
                  {{.HostConfig.Memory}} {{.Config.Healthcheck}} {{json .HostConfig.CapAdd}} {{json .HostConfig.Tmpfs}} \
                  {{.Config.User}} {{.Config.StopSignal}} {{.HostConfig.ReadonlyRootfs}} {{index .Config.Labels \"l\"}}";
    host.alice(&format!("pontoon inspect --format '{format}' {container}")).ok().text().to_owned()
}

#[test]
fn a_container_and_what_it_uses_come_back_from_their_files() {
    let _alone = alone();
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    host.alice(&format!(
        r#"pontoon volume create --label kind=test qdata
           pontoon network create --subnet 10.99.7.0/24 --gateway 10.99.7.9 qnet
           pontoon run -d --name qweb --hostname qhost --network qnet:alias=www -v qdata:/data:ro -p 8098:80 -e 'A=%n ${{X}} "q" \ x' -e B=2 \
             --label 'l=[x]; # $$' --tmpfs /run/x:size=1m --health-cmd 'test -e /data' --health-interval 9s --cap-add NET_RAW \
             --user 0:0 --stop-signal TERM --read-only --init {B} {SLEEPER}"#
    ))
    .ok();
    let before = facts(host, "qweb");
    let directory = alice.dir();
    host.alice(&format!("pontoon generate quadlet -o {directory} qweb qdata qnet"))
        .ok()
        .prints(&format!("{directory}/qweb.container\n{directory}/qdata.volume\n{directory}/qnet.network"));
    // They are sound, and the volume and the network are files that the container's refers to.
    host.alice("pontoon quadlet check").ok();
    let text = host.alice(&format!("cat {directory}/qweb.container")).ok().stdout;
    assert!(text.contains("\nVolume=qdata.volume:/data:ro\n"), "{text}");
    assert!(text.contains("\nNetwork=qnet.network:alias=www\n"), "{text}");
    host.alice(&format!("pontoon generate quadlet -o {directory} qweb")).fails(125).warns("--replace");
    host.alice("pontoon rm -f -t 0 qweb && pontoon volume rm qdata && pontoon network rm qnet").ok();
    alice.reload();
    alice.start("qweb");
    assert_eq!(facts(host, "qweb"), before);
    assert_eq!(show(host, "qweb", "(index .NetworkSettings.Networks \"qnet\").Gateway"), "10.99.7.9");
    host.alice("pontoon volume inspect --format '{{.Labels.kind}}' qdata").ok().prints("test");
    alice.stop("qweb");
    assert_eq!(alice.property("qweb", "Result"), "success");
    for file in ["qweb.container", "qdata.volume", "qnet.network"] {
        alice.remove(file);
    }
    host.alice("pontoon volume rm qdata; pontoon network rm qnet").ok();
}

#[test]
fn a_pod_comes_back_with_its_containers() {
    let _alone = alone();
    let host = host();
    let alice = Manager::of(host, "alice");
    host.alice(&format!(
        "pontoon pod create --name qpod -p 8099:80
         pontoon create --name qfront --pod qpod localhost:5000/nginx:latest
         pontoon create --name qside --pod qpod {B} {SLEEPER}"
    ))
    .ok();
    let directory = alice.dir();
    // Several files are a bundle, as `quadlet install` takes it.
    host.alice(
        "pontoon generate quadlet qpod >qpod.quadlets && pontoon pod rm -f -t 0 qpod && pontoon quadlet install qpod.quadlets",
    )
    .ok();
    alice.start("qpod-pod");
    alice.until_property("qfront", "SubState", "running");
    alice.until_property("qside", "SubState", "running");
    wait::until("nginx to answer from outside", || {
        let answer = curl_from_outside(host, &format!("http://{HOST_V4}:8099/"));
        if answer.stdout.contains("Hello from nginx") { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    alice.stop("qpod-pod");
    alice.until_property("qfront", "ActiveState", "inactive");
    host.alice(&format!("rm -rf {directory}/q* {directory}/.q* qpod.quadlets")).ok();
    alice.reload();
}

#[test]
fn a_command_line_becomes_a_file() {
    let host = host_with_busybox();
    let made = host.alice("pontoon generate quadlet docker run -d --name hello -p 80:80 -v ./site:/srv:ro nginx -g 'daemon off;'").ok();
    assert_eq!(
        made.stdout,
        "[Container]\nImage=nginx\nContainerName=hello\nPublishPort=80:80\nVolume=/home/alice/site:/srv:ro\nExec=-g \"daemon off;\"\n\n\
         [Install]\nWantedBy=default.target\n"
    );
    let json = host
        .alice("pontoon generate quadlet --format json podman volume create --label a=b data")
        .ok()
        .json();
    assert_eq!(json["data.volume"], "[Volume]\nVolumeName=data\nLabel=a=b\n");
    host.alice(
        "mkdir -p qfiles && cd qfiles && pontoon generate quadlet --files podman run nginx:1 && ls -A",
    )
    .ok()
    .prints("/home/alice/qfiles/nginx.container\nnginx.container");
    for (words, why) in [
        ("podman ps -a", "podman ps -a"),
        ("podman run --bogus x", "--bogus"),
        ("podman run --rm", "names no image"),
        ("podman pod create --infra=false x", "--infra=false"),
        ("nosuchthing", "nosuchthing"),
        ("", "NAME...|COMMAND"),
    ] {
        host.alice(&format!("pontoon generate quadlet {words}")).fails(125).warns(why);
    }
}
