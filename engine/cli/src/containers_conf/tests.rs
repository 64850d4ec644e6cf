use std::path::Path;

use super::{ContainersConf, parse::parse};
use crate::args::{ContainerOptions, JointOptions};

fn conf(texts: &[&str]) -> ContainersConf {
    let mut conf = ContainersConf::default();
    for text in texts {
        conf.take(parse(Path::new("/f.conf"), text).unwrap());
    }
    conf
}

fn refused(text: &str) -> String {
    parse(Path::new("/f.conf"), text).unwrap_err().to_string()
}

#[test]
fn what_the_command_line_says_wins() {
    let conf = conf(&[
        "[containers]\ntz='UTC'\nshm_size='1m'\ndefault_ulimits=['nofile=1:2','core=0:0']\ninit=true\n\
                      dns_servers=['1.1.1.1']\npids_limit=0\n[engine]\nstop_timeout=3\npull_policy='never'\n",
    ]);
    let mut options = ContainerOptions {
        tz: Some("local".to_owned()),
        ulimit: vec!["nofile=5:6".to_owned()],
        joint: JointOptions { dns: vec!["9.9.9.9".to_owned()], ..JointOptions::default() },
        ..ContainerOptions::default()
    };
    conf.apply(&mut options, true);
    assert_eq!((options.tz.as_deref(), options.joint.shm_size.as_deref()), (Some("local"), Some("1m")));
    assert_eq!(options.ulimit, ["core=0:0", "nofile=5:6"]);
    assert_eq!(options.joint.dns, ["1.1.1.1", "9.9.9.9"]);
    assert_eq!((options.resources.pids_limit.as_deref(), options.defaults.pids_limit), (None, Some(0)));
    assert_eq!((options.stop_timeout.as_deref(), options.pull.as_deref()), (Some("3"), Some("never")));
    assert_eq!(options.init, Some(true));
}

#[test]
fn a_switch_that_is_off_on_the_command_line_stays_off() {
    let conf =
        conf(&["[containers]\nenv_host=true\ninit=true\nno_hosts=true\nprivileged=true\nread_only=true\n"]);
    let switches = |said: Option<bool>| {
        let mut options = ContainerOptions {
            env_host: said,
            init: said,
            privileged: said,
            read_only: said,
            joint: JointOptions { no_hosts: said, ..JointOptions::default() },
            ..ContainerOptions::default()
        };
        conf.apply(&mut options, true);
        [options.env_host, options.init, options.privileged, options.read_only, options.joint.no_hosts]
    };
    assert_eq!(switches(None), [Some(true); 5]);
    assert_eq!(switches(Some(false)), [Some(false); 5]);
}

#[test]
fn later_files_win_and_lists_can_be_added_to() {
    let both = conf(&[
        "[containers]\nenv=['A=1','B=2']\nvolumes=['/a:/a']\ntz='UTC'\n",
        "[containers]\nenv=['C=3',{append=true}]\nvolumes=['/b:/b']\ntz='local'\n",
    ]);
    assert_eq!(both.list("containers.env"), ["A=1", "B=2", "C=3"]);
    assert_eq!(both.list("containers.volumes"), ["/b:/b"]);
    assert_eq!(both.text("containers.tz"), Some("local"));
    // `append` holds until a later file says otherwise.
    let first = "[containers]\nenv=['A=1']\n";
    let more = "[containers]\nenv=['B=2',{append=true}]\n";
    let last = "[containers]\nenv=['C=3']\n";
    let end = "[containers]\nenv=['D=4',{append=false}]\n";
    assert_eq!(conf(&[first, more, last]).list("containers.env"), ["A=1", "B=2", "C=3"]);
    assert_eq!(conf(&[more, last]).list("containers.env"), ["B=2", "C=3"]);
    assert_eq!(conf(&[first, more, end, last]).list("containers.env"), ["C=3"]);
}

#[test]
fn options_of_pasta_go_with_every_network_of_pastas() {
    let conf = conf(&["[network]\npasta_options=['--mtu','1300']\n"]);
    for (given, network) in [(vec![], vec!["pasta"]), (vec!["pasta:-a,10.9.9.9"], vec!["pasta:-a,10.9.9.9"])]
    {
        let network_given = given.iter().map(|it: &&str| (*it).to_owned()).collect();
        let mut options = ContainerOptions { network: network_given, ..ContainerOptions::default() };
        conf.apply(&mut options, true);
        assert_eq!(options.network, network);
        assert_eq!(options.defaults.pasta, ["--mtu", "1300"]);
    }
}

#[test]
fn who_asks_for_the_default_gets_what_is_said_of_it() {
    let network = |conf_text: &str, given: &str, rootless| {
        let mut options = ContainerOptions { network: vec![given.to_owned()], ..ContainerOptions::default() };
        conf(&[conf_text]).apply(&mut options, rootless);
        options.network.join(" ")
    };
    let pasta = "[network]\npasta_options=['--mtu','1300']\n[containers]\nnetns='host'\n";
    let slirp = "[network]\ndefault_rootless_network_cmd='slirp4netns'\n";
    for given in ["", "default", "private"] {
        assert_eq!(network(pasta, given, true), "pasta", "{given}");
        assert_eq!(network(slirp, given, true), "slirp4netns", "{given}");
        assert_eq!(network(pasta, given, false), given);
    }
    assert_eq!(network(slirp, "none", true), "none");
}

#[test]
fn name_servers_of_the_command_line_are_added_unless_they_are_none() {
    let text =
        "[containers]\ndns_servers=['10.1.1.1']\ndns_searches=['conf.example']\ndns_options=['ndots:3']\n";
    let with = |text: &str, dns: &str, search: &str, option: &str| {
        let list = |it: &str| vec![it.to_owned()];
        let joint = JointOptions {
            dns: list(dns),
            dns_search: list(search),
            dns_option: list(option),
            ..JointOptions::default()
        };
        let mut options = ContainerOptions { joint, ..ContainerOptions::default() };
        conf(&[text]).apply(&mut options, true);
        let JointOptions { dns, dns_search, dns_option, .. } = options.joint;
        [dns.join(" "), dns_search.join(" "), dns_option.join(" ")]
    };
    assert_eq!(
        with(text, "10.2.2.2", "line.example", "ndots:5"),
        ["10.1.1.1 10.2.2.2", "conf.example line.example", "ndots:3 ndots:5"]
    );
    assert_eq!(with(text, "none", ".", "x"), ["none", ".", "ndots:3 x"]);
    assert_eq!(with("[containers]\ndns_servers=['none']\n", "10.2.2.2", "x", "y"), ["10.2.2.2", "x", "y"]);
}

#[test]
fn what_has_no_effect_is_told_with_its_line() {
    let conf = conf(&[
        "[engine]\nruntime='crun'\n\n[containers]\nlog_path='/x'\nnonsense=1\n[secrets.opts]\n[machine]\ncpus=1\n",
    ]);
    assert_eq!(
        conf.unhonoured_text(),
        "/f.conf:5: `containers.log_path` is not honoured\n/f.conf:6: `containers.nonsense` is not honoured\n\
         /f.conf:9: `machine.cpus` is not honoured\n"
    );
}

#[test]
fn a_place_of_volumes_is_known_with_its_line() {
    let found = conf(&["[engine]\nvolume_path='/a'\n", "[engine]\n\nvolume_path='/b'\n"]);
    assert_eq!(found.volume_path().map(|it| it.line), Some(3));
    assert_eq!(conf(&["[engine]\n"]).volume_path(), None);
}

#[test]
fn who_keeps_secrets_is_known() {
    let conf = conf(&["[secrets]\ndriver='pass'\n[secrets.opts]\nroot='/x'\n"]);
    assert_eq!((conf.secret_driver(), conf.secret_options().map(|it| it.line)), (Some("pass"), Some(3)));
}

#[test]
fn faults_have_places() {
    assert_eq!(refused("[containers]\ntz=1\n"), "/f.conf:2:4: `containers.tz` must be a string");
    assert_eq!(
        refused("[containers]\nenv=['A',1]\n"),
        "/f.conf:2:10: `containers.env` must be a string, or {append=true}"
    );
    assert_eq!(refused("[containers]\ninit='yes'\n"), "/f.conf:2:6: `containers.init` must be true or false");
    assert!(refused("[containers\n").starts_with("/f.conf:1:12: "), "{}", refused("[containers\n"));
    assert_eq!(refused("containers=1\n"), "/f.conf:1:12: `containers` must be a table");
}

#[test]
fn words_that_are_none_are_told_with_their_place() {
    for (text, expected) in [
        (
            "[engine]\nevents_logger='syslog'\n",
            "2:15: `engine.events_logger` cannot be `syslog`: it must be one of: journald, file, none",
        ),
        (
            "[network]\ndefault_rootless_network_cmd='x'\n",
            "2:30: `network.default_rootless_network_cmd` cannot be `x`: it must be one of: pasta, slirp4netns",
        ),
        (
            "[network]\nnetwork_backend='cni'\n",
            "2:17: `network.network_backend` cannot be `cni`: it must be one of: netavark",
        ),
        (
            "[engine]\ncgroup_manager='x'\n",
            "2:16: `engine.cgroup_manager` cannot be `x`: it must be one of: systemd, cgroupfs",
        ),
        (
            "[containers]\nlog_driver='x'\n",
            "2:12: `containers.log_driver` cannot be `x`: it must be one of: journald, ",
        ),
        ("[containers]\nuserns='x'\n", "2:8: `containers.userns` cannot be `x`: it must be one of: host, "),
        ("[containers]\numask='9'\n", "2:7: `containers.umask` cannot be `9`: it must be an octal number"),
        (
            "[engine]\ndetach_keys='ctrl-p,up'\n",
            "2:13: `engine.detach_keys` cannot be `ctrl-p,up`: `up` is no key",
        ),
        (
            "[containers]\ndevices=['/dev/null', 'x']\n",
            "2:23: `containers.devices` cannot be `x`: the device must be",
        ),
        (
            "[containers]\ndefault_capabilities=['X']\n",
            "2:23: `containers.default_capabilities` cannot be `X`: there is no such",
        ),
    ] {
        let said = refused(text);
        assert!(said.starts_with(&format!("/f.conf:{expected}")), "{said}");
    }
    // Empty is not said.
    assert_eq!(conf(&["[engine]\nevents_logger=''\n[containers]\nipcns=''\n"]).events_logger(), None);
}

#[test]
fn what_is_so_anyway_is_not_told_and_other_values_are() {
    let text =
        "[engine]\nruntime='crun'\nremote=false\ncgroup_manager='systemd'\n[containers]\nkeyring=true\n";
    assert_eq!(conf(&[text]).unhonoured_text(), "");
    let text = "[engine]\nruntime='kata'\nno_pivot_root=true\n[network]\nfirewall_driver='none'\n";
    assert_eq!(
        conf(&[text]).unhonoured_text(),
        "/f.conf:2: `engine.runtime = kata` is not honoured\n/f.conf:3: `engine.no_pivot_root = true` is not honoured\n\
         /f.conf:5: `network.firewall_driver = none` is not honoured\n"
    );
}

#[test]
fn what_is_for_ourselves_is_read() {
    let text = "[engine]\nenv=['A=1=2','bogus']\nevents_logfile_path='/e'\nimage_copy_tmp_dir='storage'\n\
                kube_generate_type='job'\ninit_path='/engine'\n[containers]\ncgroup_conf=['memory.high=1']\n";
    let conf = conf(&[text]);
    assert_eq!(conf.engine_env().collect::<Vec<_>>(), [("A", "1=2")]);
    assert_eq!(conf.unhonoured_text(), "/f.conf:2: `engine.env = bogus` is not honoured\n");
    assert_eq!((conf.events_file(), conf.kube_type()), (Some(Path::new("/e")), Some("job")));
    assert_eq!(conf.temporary_directory(), Some("storage"));
    let mut options = ContainerOptions::default();
    conf.apply(&mut options, true);
    assert_eq!(options.init_path.as_deref(), Some(Path::new("/engine")));
    assert_eq!(options.defaults.cgroup_conf, ["memory.high=1"]);
    assert!(refused("[engine]\nimage_copy_tmp_dir='x'\n").contains("must be an absolute path, or `storage`"));
    assert!(refused("[containers]\ncgroup_conf=['x']\n").contains("/f.conf:2:14:"));
}

#[test]
fn networks_are_as_it_says() {
    let conf = conf(&[
        "[network]\ndefault_network='corp'\ndefault_subnet='10.77.0.0/16'\nnetwork_config_dir='/n'\n\
         default_subnet_pools=[{base='10.78.0.0/16',size=26},{'base'='fd77::/48','size'=64}]\n",
    ])
    .networks()
    .unwrap();
    assert_eq!(
        (conf.default_name.as_str(), conf.default_subnet.to_string().as_str()),
        ("corp", "10.77.0.0/16")
    );
    assert_eq!(conf.directory, Some("/n".into()));
    let pools: Vec<_> = conf.pools.iter().map(|it| format!("{} {}", it.base, it.size)).collect();
    assert_eq!(pools, ["10.78.0.0/16 26", "fd77::/48 64"]);
}

#[test]
fn networks_that_cannot_be_are_told() {
    for (text, expected) in [
        (
            "default_network='a/b'",
            "`a/b` cannot be the value of `network.default_network` in containers.conf: it is no name of a network",
        ),
        (
            "default_subnet='x'",
            "`x` cannot be the value of `network.default_subnet` in containers.conf: it is no subnet",
        ),
        ("default_subnet_pools=[{base='10.0.0.0/16',size=8}]", "`10.0.0.0/16 8` cannot be the value of"),
        ("default_subnet_pools=[{base='10.0.0.0/16',size=31}]", "`10.0.0.0/16 31` cannot be the value of"),
    ] {
        let said = conf(&[&format!("[network]\n{text}\n")]).networks().unwrap_err().to_string();
        assert!(said.starts_with(expected), "{said}");
    }
    assert!(refused("[network]\ndefault_subnet_pools=['x']\n").contains("must be a list of tables"));
}

#[test]
fn what_is_for_users_alone_is_nothing_to_root() {
    let networks = |text: &str, rootless| {
        let mut options = ContainerOptions::default();
        conf(&[text]).apply(&mut options, rootless);
        options.network
    };
    for text in [
        "[network]\ndefault_rootless_network_cmd='slirp4netns'\n",
        "[network]\npasta_options=['--ipv4-only']\n",
    ] {
        assert_eq!(networks(text, true).len(), 1, "{text}");
        assert!(networks(text, false).is_empty(), "{text}");
    }
    assert_eq!(networks("[containers]\nnetns='host'\n", false), ["host"]);
}

#[test]
fn what_gives_way_is_told_from_what_is_asked_for() {
    let text = "[containers]\nutsns='host'\nipcns='host'\ndns_servers=['192.0.2.1']\nnetns='none'\n";
    let mut options = ContainerOptions { uts: Some("private".to_owned()), ..ContainerOptions::default() };
    conf(&[text]).apply(&mut options, true);
    let usual = |option| options.defaults.usual.contains(&option);
    assert!(usual("--ipc") && usual("--dns") && usual("--network") && !usual("--uts"));
    let mut options = ContainerOptions { network: vec!["host".to_owned()], ..ContainerOptions::default() };
    conf(&[text]).apply(&mut options, true);
    assert!(!options.defaults.usual.contains(&"--network"));
}
