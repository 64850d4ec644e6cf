//! `generate quadlet`: unit files that give back what is there.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::network::{HOST_V4, curl_from_outside, until_nginx_answers};
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
    until_nginx_answers(host, 8099);
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
        ("", "NAME...|COMPOSE-FILE|COMMAND"),
        ("--strict podman run i", "`--strict` is for a compose file"),
    ] {
        host.alice(&format!("pontoon generate quadlet {words}")).fails(125).warns(why);
    }
}

const COMPOSE: &str = r#"
services:
  cdb:
    image: localhost:5000/busybox:${CTAG:-latest}
    command: sh -c 'trap "exit 0" TERM; echo "$$LEVEL" >/data/ready; sleep 10000 & wait'
    environment:
      LEVEL: $LEVEL
      ODD: 'yes %n "q" $$x'
    healthcheck: {test: [CMD, test, -e, /data/ready], interval: 1s}
    volumes: ['data:/data']
    stop_grace_period: 1m7s
  cweb:
    image: localhost:5000/nginx:latest
    restart: always
    depends_on: {cdb: {condition: service_healthy}, cseed: {condition: service_completed_successfully}}
    ports: ['8097:80']
  cseed: {image: localhost:5000/busybox:latest, command: [touch, /data/seeded], volumes: ['data:/data']}
volumes:
  data:
"#;

#[test]
fn a_compose_file_becomes_services() {
    let _alone = alone();
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    let directory = alice.dir();
    host.alice(&format!(
        "mkdir -p shop && cat >shop/compose.yaml <<'END'\n{COMPOSE}END\necho 'LEVEL=\"7 of 9\"' >shop/.env"
    ))
    .ok();
    // What is only nearly the same is told with its place, and is an error if it is to be.
    let nearly = "shop/compose.yaml:15:18: approximated: services.cweb.depends_on.cdb: ";
    host.alice("pontoon generate quadlet --strict shop/compose.yaml").fails(125).warns(nearly);
    host.alice(&format!("pontoon generate quadlet -o {directory} shop/compose.yaml"))
        .ok()
        .warns(nearly)
        .prints(&format!(
            "{directory}/shop_default.network\n{directory}/shop_data.volume\n{directory}/cdb.container\n{directory}/cweb.container\n{directory}/cseed.container"
        ));
    host.alice("pontoon quadlet check").ok();
    alice.reload();
    alice.start("cweb");
    // The one that it depends on was healthy first.
    assert_eq!(alice.property("cdb", "ActiveState"), "active");
    assert_eq!(show(host, "cdb", ".State.Health.Status"), "healthy");
    // And the other had done its work.
    assert_eq!(alice.property("cseed", "SubState"), "exited");
    host.alice("pontoon exec cdb test -e /data/seeded").ok();
    assert_eq!(show(host, "cdb", ".Config.StopTimeout"), "67");
    host.alice("pontoon exec cdb sh -c 'cat /data/ready; echo \"$ODD\"'")
        .ok()
        .prints("7 of 9\nyes %n \"q\" $x");
    host.alice("pontoon volume ls -q").ok().says("shop_data");
    // They find each other by name, and the world finds what is published.
    wait::until("nginx to answer its neighbour", || {
        let answer = host.alice("pontoon exec cdb wget -qO- http://cweb/");
        if answer.stdout.contains("Hello from nginx") { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    let answer = curl_from_outside(host, &format!("http://{HOST_V4}:8097/"));
    assert!(answer.stdout.contains("Hello from nginx"), "{answer:?}");
    alice.stop("cweb");
    alice.stop("cdb");
    alice.stop("cseed");
    for file in
        ["cweb.container", "cdb.container", "cseed.container", "shop_data.volume", "shop_default.network"]
    {
        alice.remove(file);
    }
    host.alice("pontoon volume rm shop_data; pontoon network rm shop_default").ok();
}

#[test]
fn what_a_compose_file_says_in_vain_is_told_with_its_place() {
    let host = host();
    let text =
        "services:\n  a:\n    image: i\n    build: .\n    mem_limit: much\n    ports: ['1:${NOSUCH:?why}']\n";
    host.alice(&format!("mkdir -p vain && cat >vain/c.yml <<'END'\n{text}END")).ok();
    let made = host.alice("pontoon generate quadlet --format json -o vain/units vain/c.yml").fails(125);
    for line in [
        "vain/c.yml:4:5: approximated: services.a.build: ",
        "vain/c.yml:5:5: refused: services.a.mem_limit: ",
        "vain/c.yml:6:13: refused: services.a.ports: `$NOSUCH` must be set: why",
    ] {
        assert!(made.stderr.contains(line), "{line}\n{}", made.stderr);
    }
    let fields = &made.json()["Fields"];
    assert_eq!(fields[0]["Field"], "services.a.image");
    assert_eq!(fields[0]["Verdict"], "exact");
    assert_eq!((&fields[1]["Line"], &fields[1]["Column"]), (&4.into(), &5.into()));
    host.alice("test ! -e vain/units").ok();
    // The file is an error's place even when it is no YAML.
    host.alice("echo 'a: [' >vain/c.yml; pontoon generate quadlet vain/c.yml")
        .fails(125)
        .warns("vain/c.yml:");
}
