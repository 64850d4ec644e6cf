//! Pods: containers that share namespaces, and are started, stopped and removed together.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, TestHost, alone, host_with_busybox, wait};

/// A pod of alice's, which goes with the test, whatever becomes of that.
struct Pod<'h> {
    host: &'h TestHost,
    name: &'static str,
}

impl<'h> Pod<'h> {
    fn create(host: &'h TestHost, name: &'static str, options: &str) -> Self {
        host.alice(&format!("pontoon pod create --name {name} {options}")).ok();
        Self { host, name }
    }

    /// A container in it that is not started.
    fn add(&self, name: &str, options: &str, command: &str) -> String {
        let pod = self.name;
        let script =
            format!("pontoon create --pod {pod} --name {name} --stop-timeout 0 {options} {B} {command}");
        self.host.alice(&script).ok().text().to_owned()
    }

    fn inspect(&self, template: &str) -> String {
        let script = format!("pontoon pod inspect --format '{template}' {}", self.name);
        self.host.alice(&script).ok().text().to_owned()
    }

    fn state(&self) -> String {
        self.inspect("{{.State}}")
    }
}

impl Drop for Pod<'_> {
    fn drop(&mut self) {
        let _ = self.host.alice(&format!("pontoon pod rm -f -t 0 {}", self.name));
    }
}

/// What stands in a container's `/proc/self/ns`.
fn namespace(host: &TestHost, container: &str, kind: &str) -> String {
    host.alice(&format!("pontoon exec {container} readlink /proc/self/ns/{kind}")).ok().text().to_owned()
}

#[test]
fn a_pod_is_made_shown_and_removed() {
    let host = host_with_busybox();
    let _alone = alone();
    let pod = Pod::create(host, "made", "--label a=b --hostname hh -p 8091:80 --pod-id-file /tmp/made.id");
    let id = pod.inspect("{{.Id}}");
    assert_eq!(host.alice("cat /tmp/made.id").ok().text(), id);
    let short = &id[..12];
    host.alice("pontoon pod ps --noheading --format '{{.ID}} {{.Name}} {{.Status}} {{.NumberOfContainers}}'")
        .ok()
        .says(&format!("{short} made Created 1"));
    let told = pod.inspect(
        "{{.Hostname}} {{.Labels.a}} {{.ExitPolicy}} {{.CreateCgroup}} {{.NumContainers}} {{.SharedNamespaces}} {{.CPUQuota}} {{.Mounts}}{{.RestartPolicy}}|",
    );
    assert_eq!(told, "hh b continue true 1 [uts ipc net] 0 []|");
    let json = host.alice("pontoon pod inspect made").ok().json();
    let json = json.get(0).unwrap();
    assert_eq!(json["InfraConfig"]["PortBindings"]["80/tcp"][0]["HostPort"], "8091");
    assert_eq!(json["Containers"][0]["Name"], format!("{short}-infra"));
    host.alice("pontoon ps -a --pod --format '{{.Names}} {{.Pod}} {{.PodName}} {{.IsInfra}}'")
        .ok()
        .says(&format!("{short}-infra {short} made true"));
    // What is there is not made again, but for --replace; nor does the infra container go alone.
    host.alice("pontoon pod create --name made").fails(125).lacks("panicked");
    let refused = host.alice(&format!("pontoon rm -f {short}-infra")).fails(125);
    assert!(refused.stderr.contains("pontoon pod rm"), "{}", refused.stderr);
    host.alice("pontoon pod exists made").ok();
    // With those that depend on it goes its pod, and each is told of.
    host.alice(&format!(
        "pontoon pod create --name depended >/dev/null && pontoon create --pod depended --name dependent {B} true >/dev/null
         infra=$(pontoon pod inspect -f '{{{{.InfraContainerID}}}}' depended); pontoon rm --depend $infra | wc -l
         pontoon pod exists depended || echo gone"
    ))
    .ok()
    .prints("2\ngone");
    // Ids are found by their first digits in any case, and by patterns.
    host.alice(&format!(
        "for id in ^{short} $(echo {short} | tr a-f A-F); do
             pontoon pod ps --filter id=$id --format '{{{{.Name}}}}'; pontoon ps -a --filter id=^$(pontoon pod inspect -f '{{{{.InfraContainerID}}}}' made) -q | wc -l
         done"
    ))
    .ok()
    .prints("made\n1\nmade\n1");
    host.alice("pontoon pod create --name made --replace").ok();
    assert_ne!(pod.inspect("{{.Id}}"), id);
    host.alice("pontoon pod rm made && pontoon pod exists made").fails(1);
    host.alice("pontoon pod rm made").fails(1);
    host.alice("pontoon pod rm -f made").ok();
    host.alice("pontoon pod inspect made").fails(125).prints("[]\n");
    assert_eq!(host.alice("pontoon ps -aq --filter pod=made").ok().text(), "");
}

#[test]
fn members_share_what_the_pod_says() {
    let host = host_with_busybox();
    let _alone = alone();
    let pod = Pod::create(host, "sharing", "--share +pid --hostname together -p 8092:80 -v pod-data:/data");
    let web = "sh -c 'while :; do echo from the pod | nc -l -p 80; done'";
    pod.add("web", "", web);
    pod.add("side", "", "sleep 10000");
    assert_eq!(host.alice("pontoon pod start sharing").ok().stdout, "sharing\n");
    assert_eq!(pod.state(), "Running");
    for kind in ["net", "uts", "ipc", "pid", "user"] {
        assert_eq!(namespace(host, "web", kind), namespace(host, "side", kind), "{kind}");
    }
    assert_ne!(namespace(host, "web", "mnt"), namespace(host, "side", "mnt"));
    // One address, one name, one set of processes, and one volume.
    host.alice("pontoon exec side sh -c 'nc 127.0.0.1 80 </dev/null'").ok().says("from the pod");
    host.alice("pontoon exec side sh -c 'nc web 80 </dev/null'").ok().says("from the pod");
    wait::until_true("the published port", || {
        host.alice("nc -w 1 127.0.0.1 8092 </dev/null").stdout.contains("from the pod")
    });
    assert_eq!(host.alice("pontoon exec side hostname").ok().text(), "together");
    host.alice("pontoon exec side sh -c 'cat /proc/1/cmdline | tr \"\\0\" \" \"; ps'").ok().says("nc -l");
    host.alice("pontoon exec web sh -c 'echo kept >/data/file' && pontoon exec side cat /data/file")
        .ok()
        .prints("kept\n");
    // The network outlives a member.
    let network = namespace(host, "side", "net");
    host.alice("pontoon rm -f -t 0 web").ok();
    assert_eq!(namespace(host, "side", "net"), network);
    // One writes to the shared memory, and another reads it, unless it wants none that can be written to.
    let closed = "--rm --pod sharing --read-only --read-only-tmpfs=false";
    host.alice("pontoon exec side sh -c 'echo shared >/dev/shm/word'").ok();
    host.alice(&format!("pontoon run --rm --pod sharing {B} sh -c 'cat /dev/shm/word && rm /dev/shm/word'"))
        .ok()
        .prints("shared\n");
    host.alice(&format!("pontoon run {closed} {B} touch /dev/shm/x")).fails(1);
    host.alice("pontoon exec side ls -A /dev/shm").ok().prints("");
    // Members have what they say themselves.
    host.alice(&format!("pontoon run --rm --pod sharing --network none {B} readlink /proc/self/ns/net"))
        .ok()
        .lacks(&network);
    for option in ["-p 90:90", "--hostname x", "--dns 1.1.1.1", "--shm-size 1m"] {
        let refused = host.alice(&format!("pontoon run --rm --pod sharing {option} {B} true")).fails(125);
        assert!(refused.stderr.contains("pontoon pod create"), "{option}: {}", refused.stderr);
    }
    let own = "--uts private --hostname own --pid private";
    host.alice(&format!("pontoon run --rm --pod sharing {own} {B} sh -c 'hostname; echo $$'"))
        .ok()
        .prints("own\n1\n");
    host.alice(&format!("pontoon run --rm --pod no-such-pod {B} true")).fails(125);
    // One that cannot be started is told, and nothing is left of what was to be in it.
    host.alice("pontoon pod create --name unfit --sysctl net.no.such=1").ok();
    for detach in ["", "-d"] {
        host.alice(&format!("timeout 30 pontoon run --rm {detach} --pod unfit {B} true"))
            .fails(125)
            .warns("net.no.such");
    }
    host.alice("pontoon ps -aq --filter pod=unfit | wc -l; pontoon pod rm -f unfit >/dev/null")
        .ok()
        .prints("1");
    host.alice("pontoon pod create --userns keep-id kept").ok();
    host.alice(&format!("pontoon run --rm --pod kept --userns host {B} true"))
        .fails(125)
        .warns("--userns cannot be had");
    host.alice("pontoon pod rm -f kept; pontoon pod rm sharing").fails(125);
    host.alice("pontoon pod rm -f -t 0 sharing && pontoon volume rm pod-data").ok();
}

#[test]
fn a_pod_s_containers_are_started_and_stopped_together() {
    let host = host_with_busybox();
    let _alone = alone();
    let pod = Pod::create(host, "course", "");
    pod.add("stays", "", "sleep 10000");
    pod.add("ends", "", "sh -c 'exit 3'");
    host.alice("pontoon pod start course").ok();
    wait::until_true("one to end", || pod.state() == "Degraded");
    host.alice("pontoon pod ps --format '{{.ContainerStatuses}}' --filter name=course --noheading")
        .ok()
        .says("running,running,exited");
    host.alice("pontoon pod top course").ok().says("sleep 10000");
    host.alice("pontoon pod stats --no-stream --format '{{.Name}}' course").ok().says("stays");
    let infra = pod.inspect("{{.InfraContainerID}}");
    host.alice("pontoon inspect --format '{{.Dependencies}}' stays").ok().prints(&format!("[{infra}]"));
    let id = pod.inspect("{{.Id}}");
    assert_eq!(host.alice("pontoon pod pause course").ok().text(), id);
    // Those that have ended cannot be paused.
    assert_eq!(pod.state(), "Stopped");
    host.alice("pontoon pod unpause course").ok();
    assert_eq!(pod.state(), "Degraded");
    assert_eq!(host.alice("pontoon pod stop -t 0 course").ok().stdout, "course\n");
    assert_eq!(pod.state(), "Exited");
    host.alice("pontoon start stays").ok();
    // The infra container came with it.
    assert_eq!(pod.state(), "Degraded");
    assert_eq!(host.alice("pontoon pod kill course").ok().text(), id);
    assert_eq!(pod.state(), "Exited");
    // Where nothing runs there is nothing to be done, as in Podman.
    host.alice("pontoon pod kill course && pontoon pod pause course").ok();
    let pid = |name: &str| {
        host.alice(&format!("pontoon inspect --format '{{{{.State.Pid}}}}' {name}")).ok().text().to_owned()
    };
    host.alice("pontoon pod restart course").ok();
    let before = pid("stays");
    host.alice("pontoon pod restart course").ok();
    assert_ne!(pid("stays"), before);
    host.alice("pontoon exec stays grep stays /etc/hosts").ok();
    host.alice("pontoon exec stays true && pontoon pod stop -t 0 --all").ok().says("course");
    // All of them, whatever they do.
    for deed in ["stop --all", "kill --all", "pause --all", "restart --all", "stop -t 0 --all"] {
        let said = host.alice(&format!("pontoon pod {deed}")).ok();
        assert!(said.stdout.contains("course") || said.stdout.contains(&id), "{deed}: {said:?}");
    }
    // A younger one is not what was meant.
    host.alice("pontoon system prune -f --filter until=24h && pontoon pod exists course").ok();
    host.alice("pontoon pod prune -f").ok();
    host.alice("pontoon pod exists course").fails(1);
    host.alice("pontoon pod stop course").fails(125);
    host.alice("pontoon pod stop --ignore course").ok();
}

#[test]
fn of_several_pods_a_mistyped_one_spares_the_others() {
    let host = host_with_busybox();
    let _alone = alone();
    let pod = Pod::create(host, "spared", "");
    pod.add("within", "", "sleep 10000");
    host.alice("pontoon pod start spared").ok();
    for (deed, code) in
        [("stop -t 0", 125), ("kill", 125), ("restart", 125), ("pause", 125), ("start", 125), ("rm", 1)]
    {
        let refused = host.alice(&format!("pontoon pod {deed} spared nope")).fails(code);
        assert_eq!(refused.stdout, "", "{deed}");
        assert_eq!(pod.state(), "Running", "{deed}");
    }
    assert_eq!(host.alice("pontoon pod stop --ignore -t 0 nope spared").ok().stdout, "spared\n");
}

#[test]
fn the_exit_policy_says_what_the_end_of_the_last_member_does() {
    let host = host_with_busybox();
    let _alone = alone();
    let stops = Pod::create(host, "stops", "--exit-policy stop");
    stops.add("first", "", "sleep 10000");
    stops.add("second", "", "sleep 10000");
    host.alice("pontoon pod start stops && pontoon stop first").ok();
    assert_eq!(stops.state(), "Degraded");
    // However it ends: nobody has to be asked.
    host.alice("kill -9 $(pontoon inspect --format '{{.State.ConmonPid}}' second)").ok();
    wait::until_true("the pod to end", || stops.state() == "Exited");
    let goes_on = Pod::create(host, "goes-on", "");
    goes_on.add("only", "", "true");
    host.alice("pontoon pod start goes-on && pontoon wait only").ok();
    assert_eq!(goes_on.state(), "Degraded");
}

#[test]
fn init_containers_come_before_the_others() {
    let host = host_with_busybox();
    let _alone = alone();
    let pod = Pod::create(host, "prepared", "-v prepared:/data");
    pod.add("first", "--init-ctr once", "sh -c 'echo once >>/data/log'");
    pod.add("again", "--init-ctr always", "sh -c 'sleep 0.2; echo always >>/data/log'");
    pod.add("main", "", "sh -c 'echo main >>/data/log; sleep 10000'");
    let came = |expected: &str| {
        host.alice("pontoon pod start prepared").ok();
        wait::until_true("the main container", || {
            host.alice("pontoon exec main cat /data/log").stdout == expected
        });
    };
    came("once\nalways\nmain\n");
    host.alice("pontoon pod stop -t 0 prepared").ok();
    came("once\nalways\nmain\nalways\nmain\n");
    host.alice("pontoon container exists first").fails(1);
    let refused = host.alice(&format!("pontoon create --pod prepared --init-ctr once {B} true")).fails(125);
    assert!(refused.stderr.contains("pontoon pod stop prepared"), "{}", refused.stderr);
    // One that fails ends the start.
    host.alice("pontoon pod stop -t 0 prepared").ok();
    pod.add("bad", "--init-ctr always", "sh -c 'exit 4'");
    host.alice("pontoon pod start prepared").fails(125).lacks("panicked");
    assert_eq!(host.alice("pontoon inspect --format '{{.State.Status}}' main").ok().text(), "exited");
    host.alice("pontoon pod rm -f -t 0 prepared && pontoon volume rm prepared").ok();
}

#[test]
fn run_makes_a_pod_and_pods_do_without_an_infra_container() {
    let host = host_with_busybox();
    let _alone = alone();
    host.alice(&format!(
        "pontoon run -d --stop-timeout 0 --pod new:fresh -p 8093:80 --name one {B} sleep 10000"
    ))
    .ok();
    let fresh = Pod { host, name: "fresh" };
    assert_eq!(fresh.state(), "Running");
    host.alice("pontoon port -a").ok().says("8093");
    // Of a member it tells those of its pod.
    host.alice("pontoon port one").ok().prints("80/tcp -> 0.0.0.0:8093\n");
    host.alice("pontoon port one 80/tcp").ok().prints("0.0.0.0:8093\n");
    host.alice("pontoon inspect --format '{{.Pod}} {{.HostConfig.NetworkMode}}' one").ok().says(&format!(
        "{} container:{}",
        fresh.inspect("{{.Id}}"),
        fresh.inspect("{{.InfraContainerID}}")
    ));
    // What cannot be made leaves no pod.
    host.alice(&format!("pontoon run --pod new:never --name one {B} true")).fails(125);
    host.alice("pontoon pod exists never").fails(1);
    let bare = Pod::create(host, "bare", "--infra=false");
    bare.add("alone", "", "sleep 10000");
    host.alice("pontoon pod start bare").ok();
    assert_eq!((bare.state().as_str(), bare.inspect("{{.NumContainers}}").as_str()), ("Running", "1"));
    assert_ne!(namespace(host, "alone", "net"), namespace(host, "one", "net"));
    // The first process hears no signal of its own accord: what stops is not in error, and is not pruned.
    host.alice("(pontoon stop -t 2 alone >/dev/null 2>&1) >/dev/null 2>&1 &").ok();
    wait::until_true("it to stop", || {
        host.alice("pontoon ps -a --format '{{.State}}' --filter name=alone").stdout == "stopping\n"
    });
    assert_eq!(bare.state(), "Exited");
    host.alice("pontoon pod prune --force; pontoon pod exists bare").ok();
    host.alice("pontoon pod create --infra=false -p 80").fails(125).lacks("panicked");
    host.alice("pontoon pod create --infra=false --share net").fails(125).warns("--share");
    host.alice("pontoon pod create --network host -p 80").fails(125).warns("--network=host");
    host.alice("pontoon pod create --share foo").fails(125).lacks("panicked");
}

#[test]
fn events_tell_of_pods() {
    let host = host_with_busybox();
    let _alone = alone();
    let since = host.alice("date +%s.%N").ok().text().to_owned();
    let pod = Pod::create(host, "told", "");
    pod.add("member", "", "sleep 10000");
    host.alice("pontoon pod start told; pontoon pod pause told; pontoon pod unpause told; pontoon pod stop -t 0 told; pontoon pod rm told").ok();
    let of_member = format!(
        "pontoon events --stream=false --since {since} --filter container=member --format '{{{{.PodID}}}}' | sort -u"
    );
    wait::until_true("the member's events", || {
        let told = host.alice(&of_member).ok();
        told.text().len() == 64
    });
    let script = format!(
        "pontoon events --stream=false --since {since} --filter type=pod --format '{{{{.Status}}}} {{{{.Name}}}}'"
    );
    wait::until_true("all events", || {
        let told = host.alice(&script).ok().stdout;
        told == "create told\nstart told\npause told\nunpause told\nstop told\nremove told\n"
    });
}

/// What a killed command leaves is nobody's.
#[test]
fn a_pod_that_was_never_finished_goes() {
    let host = host_with_busybox();
    let _alone = alone();
    let pod = Pod::create(host, "half", "");
    let file = format!("~/.local/share/pontoon/pods/{}/record.json", pod.inspect("{{.Id}}"));
    host.alice(&format!("sed -i 's/\"finished\":true/\"finished\":false/' {file}")).ok();
    assert_eq!(host.alice("pontoon pod ps -q --filter name=half").ok().text(), "");
    host.alice("pontoon pod exists half").fails(1);
    assert_eq!(host.alice("pontoon ps -aq --filter name=infra").ok().text(), "");
    // Killed before it had noted its infra container, or with the pod swept already by an older program.
    for lost in [
        "sed -i 's/\"finished\":true/\"finished\":false/; s/\"infra\":\"[0-9a-f]*\"/\"infra\":null/' $pod/record.json",
        "rm -r $pod",
    ] {
        for sweep in ["pontoon rm -f -t 0 -a", "pontoon rm -i -f nobody", "pontoon system check --repair"] {
            let pod = Pod::create(host, "half", "");
            let id = pod.inspect("{{.Id}}").trim().to_owned();
            let script = format!("pod=~/.local/share/pontoon/pods/{id}; {lost}; {sweep}");
            assert_eq!(host.alice(&script).ok().stderr, "", "{script}");
            host.alice("pontoon pod exists half").fails(1);
            assert_eq!(host.alice("pontoon ps -aq --filter name=infra").ok().text(), "", "{script}");
        }
    }
}

#[test]
fn a_pod_on_a_network_is_found_there_by_its_names() {
    let host = host_with_busybox();
    let _alone = alone();
    host.alice("pontoon network create pods").ok();
    let pod = Pod::create(host, "joined", "--network pods --network-alias www");
    pod.add("page", "", "sh -c 'while :; do echo from the pod | nc -l -p 80; done'");
    pod.add("other", "", "sleep 10000");
    host.alice("pontoon pod start joined").ok();
    host.alice("pontoon pod ps --format '{{.Networks}}' --filter name=joined --noheading")
        .ok()
        .prints("pods\n");
    for name in ["joined", "www"] {
        let asked = format!("pontoon run --rm --network pods {B} nc -w 5 {name} 80");
        wait::until_true("the pod to answer", || host.alice(&asked).stdout.contains("from the pod"));
    }
    // A member has the pod's address.
    let address = |name: &str| {
        let script = format!("pontoon exec {name} sh -c 'ip -4 addr show eth0 | grep inet'");
        host.alice(&script).ok().text().to_owned()
    };
    assert_eq!(address("page"), address("other"));
    // And its resolvers, also when the pod comes to a network or leaves it.
    let infra =
        host.alice("pontoon pod inspect --format '{{.InfraContainerID}}' joined").ok().text().to_owned();
    let path = |name: &str| {
        host.alice(&format!("pontoon inspect --format '{{{{.ResolvConfPath}}}}' {name}"))
            .ok()
            .text()
            .to_owned()
    };
    assert!(!path("page").is_empty() && path("page") == path(&infra), "{}", path("page"));
    let servers =
        || host.alice("pontoon exec page grep -c nameserver /etc/resolv.conf").ok().text().to_owned();
    host.alice(&format!("pontoon network create morepods && pontoon network connect morepods {infra}")).ok();
    assert_eq!(servers(), "2");
    host.alice(&format!("pontoon network disconnect morepods {infra} && pontoon network rm morepods")).ok();
    assert_eq!(servers(), "1");
    host.alice("pontoon network rm pods").fails(2);
    drop(pod);
    host.alice("pontoon network rm pods").ok();
}

/// The containers of a pod are started side by side: none is left out for another that cannot start, one that needs another finds
/// it running, and each supervisor has what is its own and nothing of its neighbours'.
#[test]
fn containers_of_a_pod_start_side_by_side() {
    let host = host_with_busybox();
    let _alone = alone();
    let pod = Pod::create(host, "abreast", "--network none");
    // More than are begun at once.
    let names: Vec<String> = (0..20).map(|number| format!("abreast{number}")).collect();
    host.alice(&format!(
        "for name in {}; do pontoon create --pod abreast --name $name --stop-timeout 0 {B} sleep 10000; done",
        names[1..].join(" ")
    ))
    .ok();
    pod.add("abreast0", "--requires abreast7", "sleep 10000");
    pod.add("abreast-broken", "", "/no/such/program");
    let failed = host.alice("pontoon pod start abreast");
    assert_eq!(failed.code, 125, "{failed:?}");
    assert!(failed.stderr.contains("cannot start container `abreast-broken`"), "{failed:?}");
    let told = |template: &str| {
        let script = format!("pontoon inspect --format '{template}' {}", names.join(" "));
        host.alice(&script).ok().text().to_owned()
    };
    assert_eq!(told("{{.State.Status}}").lines().filter(|it| *it == "running").count(), names.len());
    // Its lock would make a neighbour seem to run for as long as this one does.
    let supervisors = told("{{.State.ConmonPid}}").replace('\n', " ");
    let held = host
        .root(&format!(
            "for pid in {supervisors}; do readlink /proc/$pid/fd/* | grep -c -e 'monitor[.]lock' -e pontoon-plan; done"
        ))
        .ok();
    assert!(held.text().lines().all(|it| it == "1"), "{held:?}");
    // What was started in vain can be started anew, and what runs stays.
    let again = host.alice("pontoon pod start abreast");
    assert_eq!(again.code, 125, "{again:?}");
    assert_eq!(told("{{.State.ConmonPid}}").replace('\n', " "), supervisors);
}
