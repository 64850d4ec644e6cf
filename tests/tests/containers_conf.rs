//! `containers.conf`: where it is read, what it changes, and what it cannot change is said.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::shared::with_configuration;
use pontoon_tests::{B, Output, alone, host_with_busybox};

/// Runs a script of the host as alice with a file of hers, which goes again.
fn with(conf: &str, script: &str) -> Output {
    with_configuration("containers.conf", conf, script)
}

#[test]
fn what_the_command_line_leaves_open_the_file_says() {
    let _alone = alone();
    let conf = "[containers]\ntz='UTC'\nshm_size='1m'\numask='0077'\ninit=true\nread_only=true\n\
                env=['FROM=file','PATH=/nowhere','BOTH=file']\ndefault_ulimits=['core=5120:5120','nofile=99:99']\n\
                default_sysctls=['net.ipv4.ip_default_ttl=99']\ndns_servers=['10.9.8.7']\nno_hosts=false\n\
                default_capabilities=['CHOWN','KILL']\nvolumes=['/srv:/from/file:ro','/etc:/mine']\n\
                annotations=['a=file']\ndevices=['/dev/null:/dev/mynull']\n\
                [engine]\nstop_timeout=3\npull_policy='never'\n";
    let script = "$RUN -e BOTH=line --ulimit nofile=100:100 -v /usr:/mine $B sh -c '
        [ $$ != 1 ] && echo init; umask; echo $FROM $BOTH; [ $PATH = /nowhere ] || echo path; ulimit -c; ulimit -n
        cat /proc/sys/net/ipv4/ip_default_ttl; ls -d /from/file /mine/bin
        grep CapEff /proc/self/status; df -k /dev/shm | tail -1 | tr -s \" \" | cut -d\" \" -f2; touch /x || ls /dev/mynull'";
    let seen = with(conf, script).ok();
    let lines: Vec<&str> = seen.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "init",
            "0077",
            "file line",
            "path",
            "10",
            "100",
            "99",
            "/from/file",
            "/mine/bin",
            "CapEff:\t0000000000000021",
            "1024",
            "/dev/mynull"
        ],
        "{}",
        seen.stderr
    );
    let inspected = "pontoon create --name conf $B true >/dev/null; \
                     pontoon inspect --format '{{.Config.StopTimeout}} {{.Config.Timezone}} {{index .Config.Annotations \"a\"}} {{.HostConfig.ShmSize}} {{.HostConfig.Dns}}' conf; \
                     pontoon rm conf >/dev/null";
    with(conf, inspected).ok().prints("3 UTC file 1048576 [10.9.8.7]");
}

#[test]
fn what_a_pod_shares_is_the_pods_whatever_the_file_says() {
    let _alone = alone();
    // Of these, each by itself would give the member a namespace of its own, or options that it may not have.
    let conf = "[containers]\nnetns='pasta'\nutsns='host'\nipcns='private'\nuserns='keep-id'\nshm_size='1m'\n\
                dns_servers=['10.9.8.7']\ndns_searches=['pod.example']\n[network]\npasta_options=['--mtu','1400']\n";
    let script = "pontoon pod create --name conf-pod --userns '' --uts private >/dev/null
        pontoon run -d --name conf-member --pod conf-pod --stop-timeout 0 $B sleep 10000 >/dev/null
        infra=$(pontoon pod inspect --format '{{.InfraContainerID}}' conf-pod)
        for it in net uts ipc user; do
            for one in $infra conf-member; do
                readlink /proc/$(pontoon inspect --format '{{.State.Pid}}' $one)/ns/$it
            done | uniq -c | tr -s ' ' | cut -d' ' -f2
        done
        pontoon exec conf-member cat /etc/resolv.conf
        pontoon run --rm --network container:$infra $B true; pontoon run --rm --network none --ipc host $B true
        pontoon pod rm -f -t 0 conf-pod >/dev/null";
    with(conf, script).ok().prints("2\n2\n2\n2\nsearch pod.example\nnameserver 10.9.8.7");
}

#[test]
fn files_and_modules_override_each_other() {
    let _alone = alone();
    let script = "mkdir -p .config/containers/containers.conf.d .config/containers/containers.conf.modules
        printf \"[containers]\\nenv=['B=drop',{append=true}]\\n\" >.config/containers/containers.conf.d/5.conf
        printf \"[containers]\\nenv=['C=module',{append=true}]\\n\" >.config/containers/containers.conf.modules/mine
        printf \"[containers]\\nenv=['D=override',{append=true}]\\n\" >over.conf
        $RUN $B sh -c 'echo $A $B $C $D'
        pontoon --module mine run --rm --network none $B sh -c 'echo $A $B $C $D'
        CONTAINERS_CONF_OVERRIDE=over.conf $RUN $B sh -c 'echo $A $B $C $D'
        CONTAINERS_CONF=over.conf $RUN $B sh -c 'echo $A $B $C $D'
        rm over.conf";
    let seen = with("[containers]\nenv=['A=file']\n", script).ok();
    assert_eq!(
        seen.text().lines().collect::<Vec<_>>(),
        ["file drop", "file drop module", "file drop override", "override"],
        "{}",
        seen.stderr
    );
    let missing = with("", "pontoon --module nowhere run --rm $B true").fails(125);
    assert!(
        missing.stderr.contains("no module `nowhere`")
            && missing.stderr.contains("containers.conf.modules/nowhere"),
        "{}",
        missing.stderr
    );
}

#[test]
fn what_is_switched_off_on_the_command_line_is_off_whatever_the_file_says() {
    let _alone = alone();
    let conf = "[containers]\nread_only=true\ninit=true\nprivileged=true\nno_hosts=true\nenv_host=true\n";
    let script = "SEEN=1 $RUN --read-only=false --init=false --privileged=false --no-hosts=false --env-host=false $B sh -c '
        touch /x && echo $$ ${SEEN:-unseen}; grep -c localhost /etc/hosts; grep CapEff /proc/self/status'
        $RUN $B touch /x";
    let seen = with(conf, script).fails(1);
    let lines: Vec<&str> = seen.stdout.lines().collect();
    assert_eq!(lines.first(), Some(&"1 unseen"), "{seen:?}");
    assert!(lines.len() == 3 && lines[1] != "0" && lines[2].starts_with("CapEff:\t0000000080"), "{seen:?}");
    assert!(seen.stderr.contains("Read-only file system"), "{seen:?}");
}

#[test]
fn options_of_pasta_go_with_every_network_of_pastas() {
    let _alone = alone();
    let conf = "[network]\npasta_options=['--mtu','1300']\n";
    let script = "for network in pasta default private pasta:-a,10.9.9.9; do
            pontoon run --rm --network $network $B sh -c 'cat /sys/class/net/*/mtu; ip address | grep -c 10.9.9.9'
        done | grep -v 65536 | tr '\n' ' '";
    with(conf, script).ok().prints("1300 0 1300 0 1300 0 1300 1");
}

#[test]
fn options_of_slirp4netns_go_with_every_network_of_its() {
    let _alone = alone();
    let conf = "[network]\ndefault_rootless_network_cmd='slirp4netns'\n\
                [engine]\nnetwork_cmd_options=['mtu=1400','cidr=10.5.0.0/24']\n";
    let script = "for network in '' private slirp4netns slirp4netns:mtu=1300; do
            pontoon run --rm --network \"$network\" $B sh -c 'cat /sys/class/net/tap0/mtu; ip address | grep -c 10.5.0.100'
        done | tr '\n' ' '";
    with(conf, script).ok().prints("1400 1 1400 1 1400 1 1300 1");
    let wrong =
        with("[engine]\nnetwork_cmd_options=['bogus']\n", "pontoon run --rm --network slirp4netns $B true");
    assert!(wrong.fails(125).stderr.contains("bogus"));
}

#[test]
fn name_servers_of_the_command_line_are_added_to_those_of_the_file() {
    let _alone = alone();
    let conf =
        "[containers]\ndns_servers=['10.1.1.1']\ndns_searches=['conf.example']\ndns_options=['ndots:3']\n";
    let script = "pontoon run --rm --network host --dns 10.2.2.2 --dns-search line.example --dns-option ndots:5 $B cat /etc/resolv.conf
        pontoon run --rm --network host --dns-search . $B grep search /etc/resolv.conf
        pontoon pod create --name conf-dns --dns 10.3.3.3 >/dev/null
        pontoon run --rm --pod conf-dns $B grep nameserver /etc/resolv.conf; pontoon pod rm -f -t 0 conf-dns >/dev/null";
    with(conf, script).ok().prints(
        "search conf.example line.example\nnameserver 10.1.1.1\nnameserver 10.2.2.2\noptions ndots:3 ndots:5\n\
         nameserver 10.1.1.1\nnameserver 10.3.3.3",
    );
}

#[test]
fn the_hosts_name_in_containers_is_what_the_file_says() {
    let _alone = alone();
    let names = "$RUN --add-host more:host-gateway $B cat /etc/hosts | grep -E 'more|host.containers' | cut -f1 | tr '\n' ' '";
    let at = "[containers]\nhost_containers_internal_ip='10.1.2.3'\n";
    with(at, names).ok().prints("10.1.2.3 10.1.2.3");
    with(at, &names.replace("$RUN", "pontoon run --rm")).ok().prints("10.1.2.3 10.1.2.3");
    let nothing = "[containers]\nhost_containers_internal_ip='none'\n";
    with(nothing, "$RUN $B cat /etc/hosts | grep -c host.containers").fails(1).prints("0");
    let refused = with(nothing, "$RUN --add-host more:host-gateway $B true").fails(125);
    assert!(refused.stderr.contains("`host-gateway`"), "{refused:?}");
    let wrong = with("[containers]\nhost_containers_internal_ip='x'\n", "$RUN $B true").fails(125);
    assert!(wrong.stderr.contains("containers.conf:2:29:"), "{wrong:?}");
}

#[test]
fn the_environment_may_be_the_callers() {
    let _alone = alone();
    let script = "FOO=1 BAR=2 BAZ=3 $RUN $B sh -c 'echo $FOO $BAR $BAZ $MORE'";
    with("[containers]\nenv=['FOO','BA*','MORE=4','ABSENT']\n", script).ok().prints("1 2 3 4");
    let script = "$RUN --unsetenv A --unsetenv B -e B=line $B sh -c 'echo ${A-unset} $B $C'";
    with("[containers]\nenv=['A=1','B=2','C=3']\n", script).ok().prints("unset line 3");
}

#[test]
fn what_is_for_the_engine_itself_counts() {
    let _alone = alone();
    let conf = "[engine]\nenv=['FROM_CONF=1','HOME=/nowhere','bogus']\n";
    let seen = with(conf, "$RUN --env FROM_CONF --env HOME $B sh -c 'echo $FROM_CONF $HOME'").ok();
    assert_eq!(seen.stdout, "1 /home/alice\n", "{}", seen.stderr);
    assert!(seen.stderr.contains("containers.conf:2: `engine.env = bogus` is not honoured"), "{seen:?}");
    let conf = "[containers]\ncontainer_name_as_hostname=true\n";
    let script = "$RUN --name conf_name $B hostname; $RUN --name conf_name --hostname other $B hostname
        $RUN --name conf_name --uts host $B hostname; hostname";
    let seen = with(conf, script).ok();
    let lines: Vec<&str> = seen.stdout.lines().collect();
    assert!(lines.len() == 4 && lines[..2] == ["confname", "other"] && lines[2] == lines[3], "{seen:?}");
    let conf = "[engine]\nevents_logger='file'\nevents_logfile_path='/home/alice/conf-events'\n";
    let script = "$RUN --name told-elsewhere $B true; grep -c told-elsewhere conf-events
        pontoon events --stream=false --filter container=told-elsewhere --format '{{.Status}}' | wc -l; rm conf-events";
    let seen = with(conf, script).ok();
    assert_eq!(seen.text().split_whitespace().collect::<Vec<_>>(), ["6", "6"], "{}", seen.stderr);
    let conf = "[engine]\nimage_copy_tmp_dir='/home/alice/conf-tmp'\nkube_generate_type='deployment'\n";
    let script = "mkdir conf-tmp; pontoon info --format '{{.Store.ImageCopyTmpDir}}'
        pontoon create --name conf-kube $B true >/dev/null; pontoon kube generate conf-kube | grep ^kind
        pontoon rm conf-kube >/dev/null; rmdir conf-tmp";
    with(conf, script).ok().prints("/home/alice/conf-tmp\nkind: Deployment");
}

#[test]
fn outcomes_of_health_checks_are_events_unless_the_file_says_otherwise() {
    let _alone = alone();
    let script = "pontoon run -d --name conf-health --network none --stop-timeout 0 --health-cmd true --health-interval 0 $B sleep 1000 >/dev/null
        pontoon healthcheck run conf-health; pontoon inspect --format '{{.State.Health.Status}}' conf-health
        pontoon rm -f -t 0 conf-health >/dev/null
        pontoon events --stream=false --since 1m --filter container=conf-health --format '{{.Status}}' | grep -c health_status";
    with("[engine]\nhealthcheck_events=false\n", script).fails(1).prints("healthy\n0");
    with("", script).ok().prints("healthy\n1");
}

#[test]
fn volumes_are_filled_when_a_container_is_made_if_the_file_says_so() {
    let _alone = alone();
    let script = "pontoon create --name conf-fill --network none -v conf-fill:/etc $B true >/dev/null
        pontoon unshare ls $(pontoon volume inspect --format '{{.Mountpoint}}' conf-fill) | grep -c passwd
        pontoon rm conf-fill >/dev/null; pontoon volume rm conf-fill >/dev/null";
    with("[containers]\nprepare_volume_on_create=true\n", script).ok().prints("1");
    with("[containers]\nprepare_volume_on_create=false\n", script).ok().prints("0");
}

#[test]
fn append_holds_for_later_files() {
    let _alone = alone();
    let script = "mkdir -p .config/containers/containers.conf.d
        printf \"[containers]\\nenv=['B=more',{append=true}]\\n\" >.config/containers/containers.conf.d/10.conf
        printf \"[containers]\\nenv=['C=last']\\n\" >.config/containers/containers.conf.d/20.conf
        $RUN $B sh -c 'echo $A $B $C'";
    with("[containers]\nenv=['A=file']\n", script).ok().prints("file more last");
}

#[test]
fn secrets_are_not_kept_where_the_file_does_not_want_them() {
    let _alone = alone();
    let create = "printf x | pontoon secret create conf-secret -";
    for driver in ["pass", "shell"] {
        let conf = format!("[secrets]\ndriver='{driver}'\n");
        for words in [create, "pontoon secret renew conf-secret -- echo x"] {
            let refused = with(&conf, words).fails(125);
            assert!(refused.stderr.contains(&format!("`{driver}`")), "{refused:?}");
        }
    }
    for words in [create, "pontoon secret renew conf-secret -- echo x"] {
        let refused = with("[secrets.opts]\npath='/x'\n", words).fails(125);
        assert!(refused.stderr.contains("containers.conf:1: `secrets.opts`"), "{refused:?}");
    }
    let conf = "[secrets]\ndriver='systemd-credential'\n";
    with(conf, "pontoon secret renew conf-secret -- echo x").fails(125).warns("systemd-credential");
    with("", "pontoon secret exists conf-secret").fails(1);
    let script = "printf x | pontoon secret create --driver file conf-secret - >/dev/null
        pontoon secret inspect --format '{{.Spec.Driver.Name}}' conf-secret; pontoon secret rm conf-secret >/dev/null";
    with("[secrets]\ndriver='pass'\n", script).ok().prints("file");
}

#[test]
fn events_go_where_the_file_says() {
    let _alone = alone();
    let conf = "[engine]\nevents_logger='file'\n";
    let script = "$RUN --name told-to-file $B true
        pontoon events --stream=false --since 1m --filter container=told-to-file --format '{{.Status}}' | tr '\\n' ' '
        pontoon --events-backend journald events --stream=false --since 1m --filter container=told-to-file | wc -l";
    let seen = with(conf, script).ok();
    assert_eq!(seen.stdout, "create init start attach died remove 0\n", "{}", seen.stderr);
}

#[test]
fn what_is_wrong_or_not_honoured_is_said_with_its_place() {
    let _alone = alone();
    let wrong = with("[containers]\ntz=1\n", "$RUN $B true").fails(125);
    assert!(
        wrong.stderr.contains("containers.conf:2:4: `containers.tz` must be a string"),
        "{}",
        wrong.stderr
    );
    let wrong = with("[containers\n", "$RUN $B true").fails(125);
    assert!(wrong.stderr.contains("containers.conf:1:"), "{}", wrong.stderr);
    for (conf, expected) in [
        ("[containers]\numask='9'\n", "containers.conf:2:7: `containers.umask` cannot be `9`: "),
        ("[engine]\nevents_logger='syslog'\n", "it must be one of: journald, file, none"),
        ("[engine]\ncgroup_manager='x'\n", "it must be one of: systemd, cgroupfs"),
        ("[network]\ndefault_rootless_network_cmd='x'\n", "it must be one of: pasta, slirp4netns"),
        (
            "[containers]\nipcns='x'\n",
            "containers.conf:2:7: `containers.ipcns` cannot be `x`: it must be one of: ",
        ),
    ] {
        let wrong = with(conf, "$RUN $B true").fails(125);
        assert!(wrong.stderr.contains(expected), "{conf}: {}", wrong.stderr);
    }
    let seen = with("[engine]\nruntime='kata'\n", "$RUN $B true").ok();
    assert!(seen.stderr.contains("containers.conf:2: `engine.runtime = kata` is not honoured"), "{seen:?}");
    // Once, and again when it says something else; what speaks of other engines' parts is none of it.
    let conf = "[engine]\nruntime='crun'\n[containers]\nlog_path='/x'\n";
    let seen = with(conf, "$RUN $B true; $RUN $B true").ok();
    assert_eq!(
        seen.stderr.matches("containers.conf:4: `containers.log_path` is not honoured").count(),
        1,
        "{seen:?}"
    );
    assert_eq!(seen.stderr.lines().count(), 1, "{seen:?}");
    let conf = "[engine]\nvolume_path='/srv'\n";
    with(conf, "pontoon volume create elsewhere").fails(125).warns("containers.conf:2: `engine.volume_path`");
    let bound = "pontoon volume create --opt type=bind --opt device=/tmp bound && pontoon volume rm bound";
    with(conf, bound).ok();
    let seen = with("[containers]\nnonsense=1\n", "$RUN $B true; $RUN $B true").ok();
    assert_eq!(seen.stderr.matches("containers.conf:2: `containers.nonsense`").count(), 1, "{seen:?}");
}

#[test]
fn roots_own_file_counts_as_well() {
    let _alone = alone();
    let host = host_with_busybox();
    host.root("mkdir -p ~/.config/containers && printf '[containers]\\numask=\"0077\"\\n' >~/.config/containers/containers.conf").ok();
    let seen = host.root(&format!("pontoon run --rm --network none {B} sh -c umask"));
    host.root("rm ~/.config/containers/containers.conf").ok();
    seen.ok().prints("0077");
}
