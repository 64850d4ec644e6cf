//! Containers and pods that are made like others.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Output, host_with_busybox as host};

fn pontoon(words: &str) -> Output {
    host().entry("alice").env("B", B).sh(&format!("pontoon {words}"))
}

fn inspect(name: &str, format: &str) -> String {
    pontoon(&format!("inspect --format '{format}' {name}")).ok().text().to_owned()
}

const PORTS: &str = "{{range $port, $_ := .HostConfig.PortBindings}}{{$port}} {{end}}";

#[test]
fn a_container_is_like_another_one() {
    pontoon(
        "create --name like -p 8801:80 -e A=b --label x=y -v likevolume:/v --stop-timeout 0 $B sleep 1000",
    )
    .ok();
    let id = pontoon("container clone like").ok().text().to_owned();
    assert_eq!(inspect("like-clone", "{{.Id}}"), id);
    let format = "{{.Config.Cmd}} {{.ImageName}} {{.Config.Labels.x}} {{(index .Mounts 0).Name}} {{.Config.Env}} {{.Config.StopTimeout}}";
    assert_eq!(inspect("like-clone", format), inspect("like", format));
    // The port is the original's.
    assert_eq!((inspect("like", PORTS), inspect("like-clone", PORTS)), ("80/tcp".to_owned(), String::new()));
    pontoon("container clone --run -e A=c like").fails(125).warns("-e");
    pontoon("container clone --run like").ok();
    pontoon("exec like-clone1 sh -c 'echo $A; ls -d /v'").ok().prints("b\n/v");
    pontoon("container clone like likenew localhost:5000/nginx").ok();
    assert!(inspect("likenew", "{{.ImageName}}").starts_with("localhost:5000/nginx"));

    pontoon("container clone --name like-clone like").fails(125).warns("like-clone");
    pontoon("container clone --name x/y like").fails(125).warns("--name");
    pontoon("container clone --force like").fails(125).warns("--destroy");
    pontoon("container clone missing").fails(125).warns("missing");
    pontoon("container clone").fails(125).warns("CONTAINER");
    pontoon("container clone --memory-swappiness 5 like").fails(125).warns("--memory-swappiness");

    // One that runs is not removed unawares; nothing is made then.
    pontoon("container clone --destroy like-clone1").fails(125).warns("--force");
    pontoon("container exists like-clone1-clone").fails(1);
    pontoon("container clone --destroy --force --run like-clone1 liker").ok();
    pontoon("container exists like-clone1").fails(1);
    assert_eq!(inspect("liker", "{{.State.Status}}"), "running");
    // Whoever takes the place of another one has its port, too.
    pontoon("container clone --destroy like liked").ok();
    pontoon("container exists like").fails(1);
    assert_eq!(inspect("liked", PORTS), "80/tcp");
    pontoon("rm -f -t 0 like-clone likenew liker liked").ok();
    pontoon("volume rm likevolume").ok();
}

#[test]
fn a_pod_is_like_another_one() {
    let members = |pod: &str| {
        let format = "{{range .Containers}}{{.Name}}={{.State}} {{end}}";
        pontoon(&format!("pod inspect --format '{format}' {pod}")).ok().text().to_owned()
    };
    let port = |pod: &str| pontoon(&format!("pod inspect {pod} | grep -c 8802")).text().to_owned();
    pontoon("pod create --name crew --infra-name crewinfra -p 8802:80 --label k=v --share +pid").ok();
    pontoon("create --pod crew --name crewa --stop-timeout 0 $B sleep 1000").ok();
    pontoon("create --pod crew --name crewb --stop-timeout 0 --requires crewa -e Z=1 $B sleep 1001").ok();
    pontoon("create --name alone --stop-timeout 0 $B sleep 1002").ok();
    // Containers stay in their pod, or come to one.
    pontoon("container clone crewb crewc").ok();
    pontoon("container clone --pod crew alone crewd").ok();
    pontoon("container clone crewinfra").fails(125).warns("pod clone");
    assert_eq!(members("crew"), "crewinfra=created crewa=created crewb=created crewc=created crewd=created");

    pontoon("pod clone crew").ok();
    let expected = "crewinfra-clone=created crewa-clone=created crewb-clone=created crewc-clone=created crewd-clone=created";
    assert_eq!(members("crew-clone"), expected);
    assert_eq!((port("crew"), port("crew-clone")), ("2".to_owned(), "0".to_owned()));
    pontoon("pod rm -f -t 0 crew-clone").ok();
    pontoon("rm crewc crewd alone").ok();

    let id = pontoon("pod clone --start --hostname other --label q=r crew crewtwo").ok().text().to_owned();
    let format = "{{.Id}} {{.State}} {{.Labels.k}} {{.Labels.q}} {{.SharedNamespaces}}";
    pontoon(&format!("pod inspect --format '{format}' crewtwo")).ok().says(&format!("{id} Running v r [pid"));
    pontoon("exec crewb-clone sh -c 'hostname; echo $Z; ps | grep -c \"[s]leep 100[01]\"'")
        .ok()
        .prints("other\n1\n2");
    let needs = inspect("crewb-clone", "{{.Dependencies}}");
    assert!(needs.contains(&inspect("crewa-clone", "{{.Id}}")), "{needs}");
    assert!(!needs.contains(&inspect("crewa", "{{.Id}}")), "{needs}");

    // In place of the original, also of one that runs.
    pontoon("pod start crew").ok();
    pontoon("pod clone --destroy crew crewnew").ok();
    pontoon("pod exists crew").fails(1);
    pontoon("container exists crewa").fails(1);
    assert_eq!(port("crewnew"), "1");

    pontoon("pod clone crewtwo crewnew").fails(125).warns("crewnew");
    pontoon("pod clone missing").fails(125).warns("missing");
    pontoon("pod clone --infra-command x crewtwo").fails(125).warns("--infra-command");
    // One that cannot be made leaves nothing.
    pontoon("pod clone --network nosuch crewtwo crewbad").fails(125).warns("nosuch");
    pontoon("pod exists crewbad").fails(1);
    pontoon("pod create --infra=false --name crewfree").ok();
    pontoon("pod clone crewfree").ok();
    pontoon("pod rm -f -t 0 crewtwo crewnew crewfree crewfree-clone").ok();
    pontoon("ps -a --format '{{.Names}}' | grep crew").fails(1);
}
