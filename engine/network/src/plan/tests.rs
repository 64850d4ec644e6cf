use super::*;
use crate::facts::HostName;
use crate::parse_publish;

fn facts() -> HostFacts {
    HostFacts {
        pasta: Some("/usr/bin/pasta".into()),
        pasta_maps_guest_address: true,
        slirp4netns: Some("/usr/bin/slirp4netns".into()),
        resolv_conf: "nameserver 127.0.0.1\nnameserver 192.0.2.53\nsearch example\n".to_owned(),
        hosts: "127.0.0.1 localhost\n".to_owned(),
        address_v4: Some("192.0.2.2".parse().unwrap()),
        address_v6: None,
        root: false,
        pasta_confined: false,
        uplink: None,
        host_name: HostName::Found,
    }
}

fn request(mode: Mode, ports: &[&str]) -> NetworkRequest {
    NetworkRequest {
        mode,
        ports: ports.iter().map(|word| parse_publish(word).unwrap()).collect(),
        hostname: "abc".to_owned(),
        container_name: "web".to_owned(),
        user_namespace: true,
        ..NetworkRequest::default()
    }
}

fn pasta(options: &[&str]) -> Mode {
    Mode::Pasta(options.iter().map(|&option| option.to_owned()).collect())
}

fn slirp(options: &[&str]) -> Mode {
    Mode::Slirp4netns(options.iter().map(|&option| option.to_owned()).collect())
}

#[track_caller]
fn check_words(mode: Mode, ports: &[&str], facts: &HostFacts, expected: &str) {
    let plan = plan(&request(mode, ports), facts).unwrap();
    let words: Vec<String> = plan
        .helper
        .unwrap()
        .words
        .into_iter()
        .map(|word| match word {
            Word::Text(text) => text,
            other => format!("<{other:?}>"),
        })
        .collect();
    assert_eq!(words.join(" "), expected);
}

#[test]
fn pasta_gets_the_words_that_podman_gives_it() {
    check_words(
        Mode::Default,
        &["18080-18082:80-82", "127.0.0.1:18443:443/udp", "[::1]:18444:444"],
        &facts(),
        "--config-net -t 18080-18082:80-82 -u 127.0.0.1/18443-18443:443-443 -t ::1/18444-18444:444-444 -T none -U none \
         --dns-forward 169.254.1.1 --no-map-gw --map-guest-addr 169.254.1.2 --quiet --pid <PidFile> \
         --userns <UserNamespace> --netns <NetworkNamespace>",
    );
}

#[test]
fn an_old_pasta_is_not_asked_for_what_it_does_not_know() {
    let old = HostFacts { pasta_maps_guest_address: false, ..facts() };
    check_words(
        Mode::Default,
        &[],
        &old,
        "--config-net -t none -u none -T none -U none --dns-forward 169.254.1.1 --no-map-gw --ns-mac-addr 02:00:00:00:00:01 \
         --quiet --pid <PidFile> --userns <UserNamespace> --netns <NetworkNamespace>",
    );
    let plan = plan(&request(Mode::Default, &[]), &old).unwrap();
    assert_eq!(plan.host_gateway, None);
    assert!(!plan.hosts.contains("host.containers.internal"));
}

#[test]
fn the_users_options_for_pasta_replace_ours() {
    check_words(
        pasta(&[
            "--map-gw",
            "-t",
            "18085:85",
            "-Tauto",
            "--dns-forward=169.254.9.9",
            "--map-guest-addr",
            "169.254.9.8",
        ]),
        &[],
        &facts(),
        "--config-net -t 18085:85 -Tauto --dns-forward=169.254.9.9 --map-guest-addr 169.254.9.8 -u none -U none --quiet \
         --pid <PidFile> --userns <UserNamespace> --netns <NetworkNamespace>",
    );
    let plan =
        plan(&request(pasta(&["-a", "10.1.2.3", "--dns-forward=169.254.9.9"]), &[]), &facts()).unwrap();
    assert!(plan.hosts.contains("10.1.2.3\tabc web\n"), "{}", plan.hosts);
    assert!(plan.resolv_conf.unwrap().contains("nameserver 169.254.9.9\n"));
}

#[test]
fn root_stays_root_in_pasta_and_binds_the_namespace_where_there_is_no_user_namespace() {
    let root = HostFacts { root: true, ..facts() };
    let asked = NetworkRequest { user_namespace: false, ..request(Mode::Default, &[]) };
    let helper = plan(&asked, &root).unwrap().helper.unwrap();
    assert!(helper.bind_namespace);
    assert!(helper.words.windows(2).any(|pair| pair == ["--runas".into(), "0".into()]));
    assert!(!helper.words.contains(&Word::UserNamespace));
    let mapped = plan(&request(Mode::Default, &[]), &root).unwrap().helper.unwrap();
    assert!(!mapped.bind_namespace);
    assert!(!mapped.files_in_tmp);
    let confined = HostFacts { pasta_confined: true, ..root };
    assert!(plan(&request(Mode::Default, &[]), &confined).unwrap().helper.unwrap().files_in_tmp);
}

#[test]
fn slirp4netns_gets_its_words() {
    check_words(
        slirp(&["allow_host_loopback=true", "mtu=1500", "cidr=10.5.0.0/16", "enable_ipv6=false"]),
        &["8080:80"],
        &facts(),
        "--mtu=1500 --cidr=10.5.0.0/16 --enable-sandbox --enable-seccomp --configure \
         --api-socket slirp4netns.sock --exit-fd 0 --ready-fd <ReadyFd> <Pid> tap0",
    );
    let without_pasta = HostFacts { pasta: None, ..facts() };
    check_words(
        Mode::Default,
        &[],
        &without_pasta,
        "--disable-host-loopback --mtu=65520 --enable-ipv6 --enable-sandbox --enable-seccomp --configure --exit-fd 0 \
         --ready-fd <ReadyFd> <Pid> tap0",
    );
}

#[track_caller]
fn check_files(request: &NetworkRequest, hosts: &str, resolv_conf: Option<&str>) {
    let plan = plan(request, &facts()).unwrap();
    assert_eq!(plan.hosts, hosts);
    assert_eq!(plan.resolv_conf.as_deref(), resolv_conf);
}

#[test]
fn the_files_are_those_of_podman_in_every_mode() {
    check_files(
        &request(Mode::Default, &[]),
        "127.0.0.1\tlocalhost\n169.254.1.2\thost.containers.internal host.docker.internal\n192.0.2.2\tabc web\n",
        Some("search example\nnameserver 169.254.1.1\nnameserver 192.0.2.53\n"),
    );
    check_files(
        &request(slirp(&[]), &[]),
        "127.0.0.1\tlocalhost\n192.0.2.2\thost.containers.internal host.docker.internal\n10.0.2.100\tabc web\n",
        Some("search example\nnameserver 10.0.2.3\nnameserver 192.0.2.53\n"),
    );
    check_files(
        &request(Mode::None, &[]),
        "127.0.0.1\tlocalhost\n192.0.2.2\thost.containers.internal host.docker.internal\n127.0.0.1\tabc web\n",
        None,
    );
    check_files(
        &request(Mode::Host, &[]),
        "127.0.0.1\tlocalhost\n192.0.2.2\thost.containers.internal host.docker.internal\n",
        Some("search example\nnameserver 127.0.0.1\nnameserver 192.0.2.53\n"),
    );
}

#[test]
fn what_is_asked_for_names_replaces_what_the_host_says() {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let asked = NetworkRequest {
        add_host: vec![
            ("foo;bar".to_owned(), "1.2.3.4".to_owned()),
            ("gw".to_owned(), "host-gateway".to_owned()),
            ("six".to_owned(), "[::5]".to_owned()),
        ],
        dns: words("9.9.9.9 2001:db8::53"),
        dns_search: words("ex.com"),
        dns_option: words("ndots:3 edns0"),
        ..request(Mode::Default, &[])
    };
    check_files(
        &asked,
        "1.2.3.4\tfoo bar\n169.254.1.2\tgw\n::5\tsix\n127.0.0.1\tlocalhost\n\
         169.254.1.2\thost.containers.internal host.docker.internal\n192.0.2.2\tabc web\n",
        Some("search ex.com\nnameserver 9.9.9.9\nnameserver 2001:db8::53\noptions ndots:3 edns0\n"),
    );
    let none = NetworkRequest { dns: words("none"), ..request(Mode::Default, &[]) };
    assert_eq!(plan(&none, &facts()).unwrap().resolv_conf, None);
    let no_search = NetworkRequest { dns_search: words("."), ..request(Mode::Default, &[]) };
    assert!(!plan(&no_search, &facts()).unwrap().resolv_conf.unwrap().contains("search"));
}

#[test]
fn only_a_namespace_without_a_helper_has_its_loopback_brought_up_by_us() {
    let up = |mode| plan(&request(mode, &[]), &facts()).unwrap().loopback_up;
    assert_eq!(
        [up(Mode::None), up(Mode::Host), up(Mode::Private), up(Mode::Default)],
        [true, false, false, false]
    );
}

#[track_caller]
fn check_refused(request: &NetworkRequest, facts: &HostFacts, message: &str, hint: Option<&str>) {
    let error = plan(request, facts).unwrap_err();
    assert_eq!(error.to_string(), message);
    if let Some(hint) = hint {
        assert!(error.hint().unwrap().contains(hint), "{:?}", error.hint());
    }
}

#[test]
fn a_missing_program_is_named_with_its_package() {
    let bare = HostFacts { pasta: None, slirp4netns: None, ..facts() };
    let missing = "cannot find `pasta`, which connects the container to the network";
    check_refused(&request(Mode::Default, &[]), &bare, missing, Some("apt-get install passt"));
    check_refused(&request(pasta(&[]), &[]), &bare, missing, Some("apt-get install passt"));
    let missing = "cannot find `slirp4netns`, which connects the container to the network";
    check_refused(&request(slirp(&[]), &[]), &bare, missing, Some("apt-get install slirp4netns"));
}

#[test]
fn what_no_helper_can_do_is_refused_by_name() {
    let sctp = request(Mode::Default, &["80:80/sctp"]);
    check_refused(
        &sctp,
        &facts(),
        "cannot publish `80:80/sctp`: pasta forwards no SCTP",
        Some("--network host"),
    );
    let bridge = || Mode::Networks(vec![Attachment::default()]);
    check_refused(
        &request(bridge(), &["80:80/sctp"]),
        &facts(),
        "cannot publish `80:80/sctp`: the network unit of an ordinary user forwards no SCTP",
        Some("or as root a bridge"),
    );
    let root = HostFacts { root: true, ..facts() };
    assert_eq!(plan(&request(bridge(), &["80:80/sctp"]), &root).unwrap().ports.len(), 1);
    check_refused(
        &request(bridge(), &["127.0.0.1:80:80/sctp"]),
        &root,
        "cannot publish `127.0.0.1:80:80/sctp`: SCTP is led by the packet filter, which the host's loopback does not pass",
        Some("another address"),
    );
    let six = request(slirp(&[]), &["[::1]:80:80"]);
    check_refused(
        &six,
        &facts(),
        "cannot publish `[::1]:80:80/tcp`: slirp4netns listens on no IPv6 address",
        None,
    );
    for option in ["--netns", "--pid=/x", "-P", "-Px", "-f", "--runas"] {
        let error = plan(&request(pasta(&[option]), &[]), &facts()).unwrap_err();
        assert!(matches!(error, PlanError::ReservedOption { program: "pasta", .. }), "{option}: {error}");
    }
    let handler = request(slirp(&["port_handler=bypass4netns"]), &[]);
    let message = "`bypass4netns` is no value for the slirp4netns option `port_handler`";
    check_refused(&handler, &facts(), message, Some("port_handler=slirp4netns"));
    check_refused(
        &request(slirp(&["fast"]), &[]),
        &facts(),
        "unknown slirp4netns option `fast`",
        Some("cidr"),
    );
    let cidr = request(slirp(&["cidr=10.0.0.0/30"]), &[]);
    check_refused(&cidr, &facts(), "`10.0.0.0/30` is no value for the slirp4netns option `cidr`", None);
}

#[test]
fn podmans_own_port_handler_is_taken_as_slirp4netns() {
    let of = |handler: &str, ports: &[&str]| {
        plan(&request(slirp(&[&format!("port_handler={handler}")]), ports), &facts()).unwrap()
    };
    let (taken, meant) = (of("rootlesskit", &["80:80"]), of("slirp4netns", &["80:80"]));
    assert_eq!(taken.helper, meant.helper);
    assert!(taken.warnings.iter().any(|it| it.contains("rootlesskit")), "{:?}", taken.warnings);
    assert!(meant.warnings.is_empty() && of("rootlesskit", &[]).warnings.is_empty());
}

#[test]
fn nothing_can_smuggle_lines_into_the_files() {
    let host = |name: &str, address: &str| NetworkRequest {
        add_host: vec![(name.to_owned(), address.to_owned())],
        ..request(Mode::Default, &[])
    };
    for (name, address) in
        [("a\n1.2.3.4 b", "1.1.1.1"), ("a b", "1.1.1.1"), ("", "1.1.1.1"), ("a", "1.1.1.1 b")]
    {
        assert!(
            matches!(plan(&host(name, address), &facts()), Err(PlanError::AddHost { .. })),
            "{name:?} {address:?}"
        );
    }
    let dns = NetworkRequest { dns: vec!["1.1.1.1\nsearch x".to_owned()], ..request(Mode::Default, &[]) };
    assert!(matches!(plan(&dns, &facts()), Err(PlanError::Dns { option: "--dns", .. })));
    let search = NetworkRequest {
        dns_search: vec!["x\nnameserver 6.6.6.6".to_owned()],
        ..request(Mode::Default, &[])
    };
    assert!(matches!(plan(&search, &facts()), Err(PlanError::Dns { option: "--dns-search", .. })));
}

#[test]
fn a_mapping_written_twice_counts_once() {
    let plan = plan(&request(Mode::Default, &["80:80", "80:80"]), &facts()).unwrap();
    assert_eq!(plan.ports.len(), 1);
}

#[test]
fn a_plan_survives_its_journey_as_json() {
    let plan = plan(&request(slirp(&[]), &["8080:80"]), &facts()).unwrap();
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<NetworkPlan>(&text).unwrap(), plan);
}

#[test]
fn an_old_pasta_is_warned_about_where_it_would_lose_answers() {
    let old = HostFacts { pasta_maps_guest_address: false, ..facts() };
    let warnings = |ports: &[&str], facts: &HostFacts| {
        plan(&request(Mode::Default, ports), facts).unwrap().warnings.len()
    };
    assert_eq!(warnings(&["5353:53/udp"], &old), 1);
    assert_eq!(warnings(&["53:53/udp", "8080:80"], &old), 0);
    assert_eq!(warnings(&["5353:53/udp"], &facts()), 0);
}

fn on(networks: &[(crate::join::Driver, Option<&str>, bool)]) -> Mode {
    let attachment = |(driver, mode, internal): &(crate::join::Driver, Option<&str>, bool)| {
        let mode = mode.map(str::to_owned);
        let network =
            crate::join::Link { driver: *driver, mode, internal: *internal, ..crate::join::Link::default() };
        Attachment { network, ..Attachment::default() }
    };
    Mode::Networks(networks.iter().map(attachment).collect())
}

#[test]
fn the_host_is_behind_bridges_of_ours_alone() {
    use crate::join::Driver::{Bridge, Ipvlan, Macvlan};
    let gateway = |networks: &[(crate::join::Driver, Option<&str>, bool)]| {
        plan(&request(on(networks), &[]), &facts()).unwrap().host_gateway.map(|it| it.to_string())
    };
    let known = Some("192.0.2.2".to_owned());
    let bridge = Some("169.254.1.2".to_owned());
    assert_eq!(gateway(&[(Bridge, None, false)]), bridge);
    assert_eq!(gateway(&[(Macvlan, None, false), (Bridge, None, false)]), bridge);
    assert_eq!(gateway(&[(Macvlan, None, false), (Bridge, None, true)]), known);
    assert_eq!(gateway(&[(Ipvlan, Some("l3"), false)]), known);
    assert_eq!(gateway(&[(Bridge, Some("unmanaged"), false)]), known);
    assert_eq!(gateway(&[(Bridge, None, true)]), None);
}

#[test]
fn the_hosts_name_stands_for_what_is_said_of_it() {
    let with = |host_name, mode, add: &str| {
        let mut asked = request(mode, &[]);
        asked.add_host = vec![("more".to_owned(), add.to_owned())];
        plan(&asked, &HostFacts { host_name, ..facts() })
    };
    let at = HostName::At("10.1.2.3".parse().unwrap());
    for mode in [Mode::Default, Mode::None, Mode::Host] {
        let hosts = with(at, mode.clone(), "host-gateway").unwrap().hosts;
        assert!(hosts.contains("10.1.2.3\tmore\n"), "{hosts}");
        assert!(hosts.contains("10.1.2.3\thost.containers.internal host.docker.internal\n"), "{hosts}");
        let hosts = with(HostName::Nothing, mode.clone(), "192.0.2.9").unwrap().hosts;
        assert!(hosts.contains("more") && !hosts.contains("host.containers.internal"), "{hosts}");
        let refused = with(HostName::Nothing, mode, "host-gateway").unwrap_err();
        assert!(matches!(refused, PlanError::NoHostGateway { .. }), "{refused}");
    }
}

#[test]
fn the_hosts_address_can_be_asked_for_on_a_closed_network() {
    let closed = on(&[(crate::join::Driver::Bridge, None, true)]);
    let add_host = vec![("gw".to_owned(), "host-gateway".to_owned())];
    let hosts = plan(&NetworkRequest { add_host, ..request(closed, &[]) }, &facts()).unwrap().hosts;
    assert!(hosts.starts_with("169.254.1.2\tgw\n"), "{hosts}");
}

#[test]
fn without_ipv4_nothing_of_it_is_told() {
    let six = HostFacts { address_v6: "2001:db8::2".parse().ok(), ..facts() };
    let told = |options: &[&str]| plan(&request(pasta(options), &[]), &six).unwrap();
    for option in ["-6", "--ipv6-only"] {
        let plan = told(&[option]);
        assert_eq!(plan.addresses, ["2001:db8::2".parse::<IpAddr>().unwrap()]);
        assert!(!plan.hosts.contains("169.254") && !plan.resolv_conf.unwrap().contains("169.254"));
    }
    assert_eq!(told(&["-4"]).addresses, ["192.0.2.2".parse::<IpAddr>().unwrap()]);
    assert_eq!(told(&[]).addresses.len(), 2);
}

#[test]
fn what_another_mapping_says_as_well_is_not_listened_on_twice() {
    let ports = |words: &[&str]| {
        let plan = plan(&request(Mode::Default, words), &facts()).unwrap();
        plan.ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ports(&["127.0.0.1:80:80", "80:80"]), "80:80/tcp");
    assert_eq!(ports(&["80-82:90-92", "81:91", "[::1]:82:92"]), "80-82:90-92/tcp");
    assert_eq!(ports(&["0.0.0.0:80:80", "[::1]:80:80"]), "0.0.0.0:80:80/tcp [::1]:80:80/tcp");
}
