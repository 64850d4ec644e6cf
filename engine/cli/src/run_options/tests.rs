//! What each option means, and what is said of a wrong one.

use std::fmt::Write as _;
use std::io::Write as _;

use pontoon_lifecycle::request::{
    CgroupMode, CreateRequest, LogDriver, MountRequest, MountSource, NamespaceMode, NetworkMode, NetworkUse,
    PullPolicy, RootfsRequest, SdNotifyMode, SeccompRequest, UserNsMode,
};

use super::*;
use crate::args::{Command, ContainerOptions, parse};
use pontoon_lifecycle::pod::Shared;
use pontoon_lifecycle::request::RestartPolicy;
use pontoon_lifecycle::resources::{DeviceRate, Resources};

#[test]
fn the_files_environment_may_be_the_hosts() {
    let host = host();
    let lowered = |env: &[&str]| {
        let mut options = ContainerOptions { http_proxy: Some(false), ..ContainerOptions::default() };
        options.defaults.env = env.iter().map(|it| (*it).to_owned()).collect();
        super::lower::lower(&options, &[], Vec::new(), &host).map(|it| it.request.default_env)
    };
    let words: Vec<String> = lowered(&["HOME", "LC_*", "A=1", "ABSENT"])
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(words, ["HOME=/home/alice", "LC_ALL=C", "LC_TIME=de", "A=1"]);
    assert!(lowered(&["=x"]).is_err());
}

#[test]
fn the_files_options_of_pasta_come_first() {
    let mut options = ContainerOptions::default();
    options.defaults.pasta = vec!["--mtu".to_owned(), "1300".to_owned()];
    let mut network = |word: &str| {
        options.network = vec![word.to_owned()];
        super::network::read_all(&options, &host()).unwrap()
    };
    let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
    assert_eq!(network("pasta"), Some(NetworkMode::Pasta(words(&["--mtu", "1300"]))));
    assert_eq!(network("pasta:-4,-q"), Some(NetworkMode::Pasta(words(&["--mtu", "1300", "-4", "-q"]))));
    assert_eq!(network("host"), Some(NetworkMode::Host));
}

#[test]
fn the_files_cgroup_conf_gives_way() {
    let conf = |cgroups: &str| {
        let mut options =
            ContainerOptions { cgroups: Some(cgroups.to_owned()), ..ContainerOptions::default() };
        options.defaults.cgroup_conf = vec!["memory.high=1".to_owned(), "memory.max=2".to_owned()];
        options.resources.cgroup_conf = vec!["memory.max=3,pids.max=4".to_owned()];
        let lowered = super::lower::lower(&options, &["image".to_owned()], Vec::new(), &host()).unwrap();
        let files = lowered.request.resources.cgroup_conf;
        files.iter().map(|(file, value)| format!("{file}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(conf("enabled"), ["memory.high=1", "memory.max=3", "pids.max=4"]);
    assert_eq!(conf("disabled"), ["memory.max=3", "pids.max=4"]);
}

#[test]
fn the_environment_says_whose_ids_where_nothing_else_does() {
    let mut host = host();
    host.env.push(("PODMAN_USERNS".to_owned(), "keep-id".to_owned()));
    let given = |change: &dyn Fn(&mut ContainerOptions)| {
        let mut options = ContainerOptions::default();
        change(&mut options);
        userns_of_environment(&mut options, &host).unwrap();
        options.userns
    };
    let kept = Some("keep-id".to_owned());
    assert_eq!(given(&|_| ()), kept);
    assert_eq!(given(&|it| it.userns = Some(String::new())), kept);
    assert_eq!(given(&|it| it.userns = Some("host".to_owned())), Some("host".to_owned()));
    assert_eq!(given(&|it| it.pod = Some("new:p".to_owned())), kept);
    assert_eq!(given(&|it| it.pod = Some("p".to_owned())), None);
    assert_eq!(given(&|it| it.joint.uidmap = vec!["0:0:1".to_owned()]), None);
}

fn host() -> Host {
    let env = [
        ("HOME", "/home/alice"),
        ("LC_ALL", "C"),
        ("LC_TIME", "de"),
        ("https_proxy", "p:1"),
        ("NO_PROXY", "x"),
    ];
    Host {
        env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        directory: Some(PathBuf::from("/work/dir")),
        rootless: true,
    }
}

fn lowered_on(line: &[&str], host: &Host) -> Result<Lowered, OptionError> {
    let mut words = vec!["run"];
    words.extend(line);
    words.extend(["image", "cmd", "-x"]);
    match parse(words.iter().map(Into::into).collect()).unwrap().command {
        Command::Run(args) => args.lower(words.iter().map(|word| (*word).to_owned()).collect(), host),
        other => panic!("not run: {other:?}"),
    }
}

#[track_caller]
fn request(line: &[&str]) -> CreateRequest {
    match lowered_on(line, &host()) {
        Ok(lowered) => lowered.request,
        Err(err) => panic!("{line:?}: {err}"),
    }
}

/// The error with its causes, and the hint behind an arrow.
#[track_caller]
fn refusal(line: &[&str]) -> String {
    let err = lowered_on(line, &host()).expect_err(&format!("{line:?} was taken"));
    let mut text = err.to_string();
    let mut cause = std::error::Error::source(&err);
    while let Some(err) = cause {
        let _ = write!(text, ": {err}");
        cause = err.source();
    }
    if let Some(hint) = err.hint() {
        let _ = write!(text, " -> {hint}");
    }
    text
}

#[track_caller]
fn check_refused(option: &str, value: &str, expected: &str) {
    let told = refusal(&[option, value]);
    assert!(told.contains(expected), "{option} {value}: {told}");
    assert!(told.contains(option.trim_start_matches('-')), "the option is not named: {told}");
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn nothing_said_is_the_default_request() {
    let request = request(&[]);
    let expected = CreateRequest {
        image: "image".to_owned(),
        command: words(&["cmd", "-x"]),
        create_command: words(&["run", "image", "cmd", "-x"]),
        default_env: pairs(&[("https_proxy", "p:1"), ("NO_PROXY", "x")]),
        ..CreateRequest::default()
    };
    assert_eq!(request, expected);
}

#[test]
fn a_directory_may_stand_for_the_image() {
    let read = |first: &str| {
        let line: Vec<_> = ["run", "--rootfs", first, "cmd"].iter().map(|it| (*it).to_owned()).collect();
        match parse(line.iter().map(Into::into).collect()).unwrap().command {
            Command::Run(args) => args.lower(line, &host()).map(|it| it.request),
            other => panic!("not run: {other:?}"),
        }
    };
    for (first, path, overlay, idmap) in [
        ("/a", "/a", false, None),
        ("a/../b", "/work/dir/b", false, None),
        ("/a:O", "/a", true, None),
        ("/a:b:idmap", "/a:b", false, Some("idmap")),
        ("/a:idmap=uids=0-1-2", "/a", false, Some("idmap=uids=0-1-2")),
        ("/a:bogus", "/a:bogus", false, None),
    ] {
        let request = read(first).unwrap();
        let expected = RootfsRequest { path: path.into(), overlay, idmap: idmap.map(str::to_owned) };
        assert_eq!(request.rootfs, Some(expected), "{first}");
        assert_eq!((request.image.as_str(), request.command), ("", words(&["cmd"])));
    }
    for wrong in [":O", "", "/a:O:idmap", "/a:idmap=bogus"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn environment_comes_from_files_then_options_then_the_host() {
    let directory = std::env::temp_dir().join(format!("pontoon-cli-env-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("file");
    std::fs::write(&file, "A=1\n#c\n B=2\nHOME\nC=\"q\"\nD=\n\nLC_*\r\nE= x \n").unwrap();
    let path = file.to_str().unwrap();
    let read =
        request(&["--env", "Z=z", "--env-file", path, "-e", "HOME", "-e", "NOTSET", "-e", "A=2=3"]).env;
    let expected = pairs(&[
        ("A", "1"),
        ("B", "2"),
        ("HOME", "/home/alice"),
        ("C", "\"q\""),
        ("D", ""),
        ("LC_ALL", "C"),
        ("LC_TIME", "de"),
        ("E", " x "),
        ("Z", "z"),
        ("HOME", "/home/alice"),
        ("A", "2=3"),
    ]);
    assert_eq!(read, expected);

    std::fs::File::create(&file).unwrap().write_all(b"A=1\n\n=x\n").unwrap();
    assert_eq!(refusal(&["--env-file", path]), format!("{path}:3: the name of the variable is missing"));
    std::fs::File::create(&file).unwrap().write_all(b"A=\xff\n").unwrap();
    assert_eq!(refusal(&["--env-file", path]), format!("{path}:1: the line is not valid UTF-8"));
    std::fs::File::create(&file).unwrap().write_all(b"A=\0\n").unwrap();
    assert_eq!(refusal(&["--label-file", path]), format!("{path}:1: the line holds a NUL byte"));
    std::fs::remove_dir_all(&directory).unwrap();
    let gone = refusal(&["--env-file", path]);
    assert!(
        gone.starts_with(&format!("cannot read `{path}`, named by `--env-file`: No such file")),
        "{gone}"
    );
}

#[test]
fn an_endless_env_file_is_refused() {
    let told = refusal(&["--env-file", "/dev/zero"]);
    assert!(told.starts_with("cannot read `/dev/zero`"), "{told}");
}

#[test]
fn the_host_gives_proxies_or_everything_or_nothing() {
    assert_eq!(request(&["--http-proxy=false"]).default_env, []);
    assert_eq!(request(&["--env-host"]).env, host().env);
    let (first, rest) =
        host().env.split_first().map(|(first, rest)| (first.0.clone(), rest.to_vec())).unwrap();
    let own = [rest, vec![(first.clone(), "own".to_owned())]].concat();
    assert_eq!(request(&["--env-host", "-e", &format!("{first}=own")]).env, own);
    check_refused("--env", "=x", "the name of the variable is missing");
}

#[test]
fn labels_and_annotations_are_pairs() {
    let read = request(&["--label", "a=b", "-l", "c", "--label", "d=e=f", "--annotation", "x=y"]);
    assert_eq!(read.labels, pairs(&[("a", "b"), ("c", ""), ("d", "e=f")]));
    assert_eq!(read.annotations, pairs(&[("x", "y")]));
    check_refused("--label", "=x", "the name of the label is missing");
    check_refused("--annotation", "x", "it must be KEY=VALUE");
}

#[track_caller]
fn check_mount(option: &str, value: &str, source: MountSource, target: &str, options: &[&str]) {
    let expected = MountRequest { source, target: target.to_owned(), options: words(options) };
    assert_eq!(request(&[option, value]).mounts, [expected], "{option} {value}");
}

fn bind(path: &str) -> MountSource {
    MountSource::Bind(PathBuf::from(path))
}

fn volume(name: &str) -> MountSource {
    MountSource::Volume(name.to_owned())
}

#[test]
fn volumes_have_three_forms() {
    check_mount("--volume", "/data", MountSource::Anonymous, "/data", &[]);
    check_mount("-v", "/srv:/data", bind("/srv"), "/data", &[]);
    check_mount("-v", "vol1:/data:ro,nosuid", volume("vol1"), "/data", &["ro", "nosuid"]);
    check_mount("-v", "./x/../y:/data//a/./b/", bind("/work/dir/y"), "/data/a/b", &[]);
    check_mount("-v", "/srv/:/m:Z,U,rslave,exec,cached", bind("/srv"), "/m", &["Z", "U", "rslave", "exec"]);
    check_mount("-v", "vol:/m:nocopy", volume("vol"), "/m", &["nocopy"]);
    check_mount("-v", "/srv:/m:", bind("/srv"), "/m", &[]);
}

#[test]
fn wrong_volumes_are_told() {
    for (value, expected) in [
        ("/tmp:relative", "the path in the container must be absolute"),
        ("relative", "must be absolute"),
        ("/tmp:/", "nothing can be mounted over the root"),
        ("/tmp:/..", "nothing can be mounted over the root"),
        ("/tmp:/x:bogus", "a mount has no option `bogus`"),
        ("/tmp:/x:ro,rw", "`ro` and `rw` exclude each other"),
        ("/tmp:/x:ro,ro", "`ro` and `ro` exclude each other"),
        (":/x", "the source is empty"),
        ("a:/b:c:d", "it must be TARGET"),
        ("bad name:/x", "the volume's name `bad name`"),
        ("rel/x:/x", "-> a path begins with `/` or `./`: ./rel/x"),
        ("vol:/x:O,upperdir=/u", "upperdir= and workdir= need each other"),
        ("vol:/x:upperdir=/u,workdir=/w", "need the option `O`"),
        ("vol:/x:O,upperdir=u,workdir=/w", "must be absolute"),
        ("vol:/x:subpath=../etc", "is no path in what is mounted"),
        ("vol:/x:idmap=uids=1", "`1` is no part of an idmap"),
        ("/tmp:/x:subpath=../y", "is no path in what is mounted"),
        ("/tmp:/x:subpath=y,no-dereference", "exclude each other"),
        ("vol:/x:no-dereference", "a mount has no option `no-dereference`"),
        ("vol:/x:fsgroup=-1", "`-1` is no number of a group"),
        ("/tmp:/x:fsgroup=5", "a mount has no option `fsgroup=5`"),
        ("vol:/x:noatime", "a mount has no option `noatime`"),
        ("vol:/x:size=1m", "a mount has no option `size=1m`"),
    ] {
        check_refused("--volume", value, expected);
    }
    assert_eq!(refusal(&["-v", "/tmp:/x", "--tmpfs", "/x/"]), "two mounts want `/x`");
    assert_eq!(request(&["-v", "data:/x", "-v", "data:/x"]).mounts.len(), 1);
    assert_eq!(refusal(&["-v", "data:/x", "-v", "data:/x:ro"]), "two mounts want `/x`");
}

#[test]
fn namespaces_are_shared_by_name_and_by_path() {
    let read = request(&[
        "--pid",
        "ns:/proc/1/ns/pid",
        "--ipc",
        "container:a",
        "--uts",
        "ns:x",
        "--cgroupns",
        "container:a",
        "--userns",
        "ns:/u",
        "--network",
        "ns:/run/netns/n",
    ]);
    assert_eq!(read.pid, NamespaceMode::Path("/proc/1/ns/pid".into()));
    assert_eq!(read.ipc, NamespaceMode::Container("a".to_owned()));
    assert_eq!(read.uts, NamespaceMode::Path("/work/dir/x".into()));
    assert_eq!(read.cgroup_namespace, NamespaceMode::Container("a".to_owned()));
    assert_eq!(read.userns, UserNsMode::Path("/u".into()));
    assert_eq!(read.network, Some(NetworkMode::Path("/run/netns/n".into())));
    let host = request(&["--cgroupns", "host"]);
    assert!(host.host_cgroup_namespace && host.cgroup_namespace == NamespaceMode::Host);
    // Ports are whose the network is.
    let shared = request(&["--network", "ns:/n", "-p", "80:80", "-P"]);
    assert!(shared.publish.is_empty() && !shared.publish_all);
    assert!(refusal(&["--uts", "ns:/n", "--hostname", "x"]).contains("--uts ns:/n"));
}

#[test]
fn labels_are_kept_as_they_are_said() {
    let read = request(&[
        "--security-opt",
        "label=type:t",
        "--security-opt",
        "label:disable",
        "--security-opt",
        "apparmor=p",
    ]);
    assert_eq!(read.label_options, ["type:t", "disable"]);
    assert_eq!(read.apparmor.as_deref(), Some("p"));
    assert_eq!(request(&["--security-opt", "systempaths=unconfined"]).unmask, ["ALL"]);
}

#[test]
fn mounts_are_written_with_keys() {
    check_mount("--mount", "type=bind,src=/srv,dst=/m,ro", bind("/srv"), "/m", &["ro"]);
    check_mount("--mount", "type=bind,source=x,target=/m,readonly=false", bind("/work/dir/x"), "/m", &["rw"]);
    check_mount("--mount", "type=volume,source=v,destination=/m,U=true", volume("v"), "/m", &["U"]);
    check_mount("--mount", "dst=/m", MountSource::Anonymous, "/m", &[]);
    check_mount(
        "--mount",
        "type=tmpfs,dst=/m,tmpfs-size=1m,tmpfs-mode=1777,notmpcopyup",
        MountSource::Tmpfs,
        "/m",
        &["size=1m", "mode=1777", "notmpcopyup"],
    );
    check_mount(
        "--mount",
        "type=bind,src=/a,dst=/b,bind-propagation=rshared,relabel=private,bind-nonrecursive",
        bind("/a"),
        "/b",
        &["rshared", "Z", "bind"],
    );
    let image = MountSource::Image("b:1".to_owned());
    check_mount(
        "--mount",
        "type=image,src=b:1,dst=/m,rw=true,subpath=/etc",
        image,
        "/m",
        &["rw", "subpath=/etc"],
    );
    let artifact = MountSource::Artifact("r/a:1".to_owned());
    check_mount(
        "--mount",
        "type=artifact,src=r/a:1,dest=/m,title=t,name=n",
        artifact,
        "/m",
        &["title=t", "name=n"],
    );
    let pattern = MountSource::Glob("/work/dir/x*".to_owned());
    check_mount("--mount", "type=glob,src=x*,ro", pattern, "", &["ro"]);
    check_mount("--mount", "type=ramfs,dst=/m,U", MountSource::Ramfs, "/m", &["U"]);
    let options = &["volume-opt=type=tmpfs", "volume-opt=o=size=1m"];
    let words = "type=volume,src=v,dst=/m,volume-opt=type=tmpfs,volume-opt=o=size=1m,volume-driver=local";
    check_mount("--mount", words, volume("v"), "/m", options);
    check_mount(
        "--mount",
        "type=bind,src=/a,dst=/b,no-dereference,consistency",
        bind("/a"),
        "/b",
        &["no-dereference"],
    );
    check_mount("--mount", "type=bind,\"src=/a,b\",dst=/c", bind("/a,b"), "/c", &[]);
    for (value, expected) in [
        ("type=bind,src=/tmp", "the target is missing"),
        ("type=bind,dst=/x", "a bind mount needs a source"),
        ("type=bogus,dst=/x", "there is no type `bogus`"),
        ("type=artifact,dst=/x", "an artifact must be named"),
        ("type=artifact,src=x,dst=/x,ro", "the mount of an artifact has no option `ro`"),
        ("type=artifact,src=x,dst=/x,title=a,digest=b", "exclude each other"),
        ("type=artifact,src=x,dst=/x,name=a/b", "`a/b` is no value for `name`"),
        ("type=image,dst=/x", "an image must be named"),
        ("type=image,src=x,dst=/x,U", "the mount of an image has no option `U`"),
        ("type=glob,dst=/x", "a glob needs a source"),
        ("type=ramfs,dst=/x,tmpfs-size=1m", "a mount has no option `size=1m`"),
        ("type=tmpfs,src=/x,dst=/x", "a tmpfs has no source"),
        ("type=bind,src=/tmp,dst=/x,bogus", "a mount has no option `bogus`"),
        ("type=bind,src=/tmp,dst=/x,ro=maybe", "`maybe` is no value for `ro`"),
        ("type=bind,src=/tmp,dst=/x,bind-propagation=up", "`up` is no value for `bind-propagation`"),
        ("type=volume,dst=/x,volume-label=x", "not supported"),
        ("type=volume,dst=/x,volume-driver=x", "not supported"),
        ("type=bind,src=/tmp,dst=/x,volume-opt=x", "a mount has no option `volume-opt=x`"),
        ("foo", "the target is missing"),
        ("", "the target is missing"),
    ] {
        check_refused("--mount", value, expected);
    }
}

#[test]
fn tmpfs_has_its_own_options() {
    check_mount("--tmpfs", "/run", MountSource::Tmpfs, "/run", &[]);
    check_mount(
        "--tmpfs",
        "/run:size=50%,mode=700,noexec,uid=5,nr_inodes=10k",
        MountSource::Tmpfs,
        "/run",
        &["size=50%", "mode=700", "noexec", "uid=5", "nr_inodes=10k"],
    );
    for (value, expected) in [
        ("relative", "must be absolute"),
        ("/x:bogus", "a mount has no option `bogus`"),
        ("/x:mode=999", "`999` is no value for `mode`"),
        ("/x:size=x", "`x` is no value for `size`"),
        ("/x:uid=4294967295", "is no value for `uid`"),
        ("/x:rslave", "a mount has no option `rslave`"),
    ] {
        check_refused("--tmpfs", value, expected);
    }
}

#[test]
fn networks_are_chosen_by_name() {
    for (value, expected) in [
        ("host", Some(NetworkMode::Host)),
        ("none", Some(NetworkMode::None)),
        ("pasta", Some(NetworkMode::Pasta(vec![]))),
        ("pasta:", Some(NetworkMode::Pasta(vec![]))),
        ("pasta:-t,80:81,--ipv4-only", Some(NetworkMode::Pasta(words(&["-t", "80:81", "--ipv4-only"])))),
        (
            "slirp4netns:mtu=1500,enable_ipv6=true",
            Some(NetworkMode::Slirp4netns(words(&["mtu=1500", "enable_ipv6=true"]))),
        ),
        ("container:web", Some(NetworkMode::Container("web".to_owned()))),
        ("private", None),
        ("default", None),
        ("", None),
    ] {
        assert_eq!(request(&["--network", value]).network, expected, "{value}");
        assert_eq!(request(&["--net", value]).network, expected, "{value}");
    }
    for (value, expected) in [
        ("pod", "`--network=pod` is not supported -> a network NAME, pasta"),
        ("container:", "container:NAME"),
        ("ns:", "the path is missing"),
        ("a:ip=x", "`x` is no IP address"),
        ("a:mac=93:d0:c6:0a:29:33", "no interface can have it"),
        ("a:alias=", "`` cannot be a host's name"),
        ("a:interface_name=waytoolongforaninterface", "cannot be the name of an interface"),
        ("a:interface_name=lo", "cannot be the name of an interface"),
        ("a:bad=1", "`--network=bad=1` is not supported -> the options are ip, ip6, mac"),
        ("a:ip", "the option `ip` has no value"),
        ("a,b/c", "`b/c` is no network"),
        ("host:x", "`host` takes no options"),
        ("slirp4netns:mtu", "the option `mtu` has no value"),
        ("bad name", "`bad name` is no network"),
    ] {
        check_refused("--network", value, expected);
    }
    for option in ["--dns=192.0.2.7", "--dns-search=a", "--dns-option=ndots:2"] {
        let told = refusal(&["--network", "none", option]);
        let name = option.split('=').next().unwrap();
        assert_eq!(told, format!("`{name}` cannot be used together with `--network=none`"));
    }
    let conflict = refusal(&["--network", "host", "--network", "none"]);
    assert_eq!(conflict, "`--network=host` cannot be used together with `--network=none`");
    let conflict = refusal(&["--network", "a", "--network", "host"]);
    assert_eq!(conflict, "`--network=a` cannot be used together with `--network=host`");
    let as_root = Host { rootless: false, ..host() };
    let private = lowered_on(&["--network", "private"], &as_root).unwrap().request.network;
    assert_eq!(private, Some(NetworkMode::Named(vec![on("bridge")])));
    // What is asked of a network is, for root, asked of the default one.
    let asked = lowered_on(&["--ip", "10.88.0.9"], &as_root).unwrap().request.network;
    let default = NetworkUse { addresses: vec!["10.88.0.9".parse().unwrap()], ..on("bridge") };
    assert_eq!(asked, Some(NetworkMode::Named(vec![default])));
    assert_eq!(lowered_on(&[], &as_root).unwrap().request.network, None);
}

fn on(name: &str) -> NetworkUse {
    NetworkUse { name: name.to_owned(), ..NetworkUse::default() }
}

#[test]
fn a_container_can_be_on_several_networks() {
    let named = |words: &[&str]| match request(words).network {
        Some(NetworkMode::Named(uses)) => uses,
        other => panic!("{other:?}"),
    };
    assert_eq!(named(&["--network", "a,b", "--network", "c"]), [on("a"), on("b"), on("c")]);
    assert_eq!(named(&["--network", "bridge"]), [on("bridge")]);
    let options = "a:ip=10.89.0.5,ip6=fd00::5,mac=92:d0:c6:0a:29:33,alias=x,alias=y,interface_name=net7";
    let [a, b] =
        named(&["--network", options, "--network", "b", "--network-alias", "q,r"]).try_into().unwrap();
    assert_eq!(a.addresses, ["10.89.0.5".parse::<std::net::IpAddr>().unwrap(), "fd00::5".parse().unwrap()]);
    assert_eq!(
        (a.mac.unwrap().to_string().as_str(), a.interface.as_deref()),
        ("92:d0:c6:0a:29:33", Some("net7"))
    );
    assert_eq!((a.aliases, b.aliases), (words(&["x", "y", "q", "r"]), words(&["q", "r"])));
    let [only] = named(&[
        "--network",
        "a",
        "--ip",
        "10.89.0.5",
        "--ip6",
        "fd00::5",
        "--mac-address",
        "92:d0:c6:0a:29:33",
    ])
    .try_into()
    .unwrap();
    assert_eq!((only.addresses.len(), only.mac.is_some()), (2, true));
    // What is said of one network twice: the later word decides.
    let [again] = named(&["--network", "a:ip=10.89.0.5", "--network", "a:ip=10.89.0.6"]).try_into().unwrap();
    assert_eq!(again.addresses, ["10.89.0.6".parse::<std::net::IpAddr>().unwrap()]);
}

#[test]
fn addresses_and_aliases_need_a_network_with_a_name() {
    for (words, expected) in [
        (vec!["--ip", "10.0.0.9"], "`--ip` needs `--network NAME`"),
        (vec!["--network", "pasta", "--network-alias", "q"], "`--network-alias` needs `--network NAME`"),
        (
            vec!["--network", "host", "--mac-address", "92:d0:c6:0a:29:33"],
            "`--mac-address` needs `--network NAME`",
        ),
        (
            vec!["--network", "a", "--network", "b", "--ip", "10.89.0.9"],
            "`--ip` cannot be used together with `--network=a --network=b`",
        ),
        (
            vec!["--network", "a", "--ip", "fd00::1"],
            "invalid value `fd00::1` for `--ip`: it is an address of IPv6",
        ),
        (vec!["--network", "a", "--mac-address", "x"], "invalid value `x` for `--mac-address`"),
        (vec!["--network", "a", "--network-alias", "a b"], "invalid value `a b` for `--network-alias`"),
    ] {
        let said = refusal(&words);
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
fn user_namespaces_are_chosen_by_name() {
    let keep = |uid, gid, size| UserNsMode::KeepId { uid, gid, size };
    for (value, expected) in [
        ("", UserNsMode::Host),
        ("host", UserNsMode::Host),
        ("keep-id", keep(None, None, None)),
        ("keep-id:uid=200,gid=210,size=5000", keep(Some(200), Some(210), Some(5000))),
        ("keep-id:gid=0", keep(None, Some(0), None)),
    ] {
        assert_eq!(request(&["--userns", value]).userns, expected, "{value}");
    }
    for (value, expected) in [
        ("ns:", "it must be one of"),
        ("host:x", "it must be one of: host, keep-id"),
        ("bogus", "it must be one of: host, keep-id"),
        ("container:", "it must be one of: host, keep-id"),
        ("private", "`--userns=private` needs `--uidmap`"),
        ("auto:foo=1", "auto has no option `foo`"),
        ("auto:size=x", "`size=x` needs a number"),
        ("auto:uidmapping=1", "three numbers"),
        ("keep-id:foo=1", "keep-id has no option `foo`"),
        ("keep-id:uid=x", "`uid=x` needs a number"),
        ("keep-id:uid=4294967295", "needs a number"),
        ("keep-id:size=0", "a user namespace of no ids"),
    ] {
        check_refused("--userns", value, expected);
    }
}

#[test]
fn sizes_have_units() {
    for (value, expected) in [
        ("1", 1),
        ("10b", 10),
        ("64k", 65536),
        ("64m", 64 << 20),
        ("1g", 1 << 30),
        ("1.5G", 3 << 29),
        ("2MiB", 2 << 20),
        ("3kb", 3072),
        ("1t", 1 << 40),
        ("7 m", 7 << 20),
    ] {
        assert_eq!(request(&["--memory", value]).resources.memory, Some(expected), "{value}");
        assert_eq!(parse_size("--memory", value).unwrap(), expected);
    }
    for wrong in [
        "x",
        "1x",
        "-1",
        "1.5",
        "1.",
        ".5m",
        "1..5m",
        "0x10",
        "99999999999999999999",
        "20000000p",
        "+1",
        "1ib",
    ] {
        check_refused("--memory", wrong, "it ");
    }
    check_refused("--device-read-bps", "/dev/sda:0", "more than nothing");
    assert_eq!(request(&["--shm-size", "0"]).shm_size, Some(0));
}

#[test]
fn signals_have_names_and_numbers() {
    for (value, expected) in [
        ("SIGTERM", 15),
        ("term", 15),
        ("9", 9),
        ("SIGRTMIN+3", 37),
        ("RTMAX-1", 63),
        ("rtmin", 34),
        ("CLD", 17),
        ("64", 64),
    ] {
        assert_eq!(request(&["--stop-signal", value]).stop_signal, Some(expected), "{value}");
    }
    for wrong in ["0", "65", "99", "BOGUS", "SIGSIGTERM", "RTMIN+31", "RTMIN-1", "RTMAX+1", "-9", "+9"] {
        check_refused("--stop-signal", wrong, "it must be the name of a signal");
    }
    for number in 1..=64 {
        if !(32..34).contains(&number) {
            assert_eq!(parse_signal("--signal", &signal_name(number)).unwrap(), number);
        }
    }
    assert_eq!((signal_name(10), signal_name(32)), ("SIGUSR1".to_owned(), "32".to_owned()));
}

#[test]
fn limits_are_checked() {
    let read = request(&[
        "--ulimit",
        "nofile=100:200,nproc=5",
        "--ulimit",
        "core=-1",
        "--ulimit",
        "data=1:unlimited",
    ]);
    let limit = |name: &str, soft, hard| (name.to_owned(), soft, hard);
    assert_eq!(
        read.ulimits,
        [
            limit("nofile", Some(100), Some(200)),
            limit("nproc", Some(5), Some(5)),
            limit("core", None, None),
            limit("data", Some(1), None)
        ]
    );
    for (value, expected) in [
        ("nofile", "it must be NAME=SOFT"),
        ("bogus=1", "there is no limit `bogus`"),
        ("nofile=5:1", "the soft limit is above the hard limit"),
        ("nofile=-1:5", "the soft limit is above the hard limit"),
        ("nofile=x", "`x` is neither a number"),
    ] {
        check_refused("--ulimit", value, expected);
    }
    assert!(request(&["--ulimit", "host"]).host_ulimits);
    let both = request(&["--ulimit", "host", "--ulimit", "core=1"]);
    assert_eq!((both.host_ulimits, both.ulimits.len()), (true, 1));
    assert_eq!(request(&["--pids-limit", "-1"]).resources.pids_limit, Some(-1));
    assert_eq!(request(&["--pids-limit=100"]).resources.pids_limit, Some(100));
    check_refused("--pids-limit", "-5", "it must be a number");
    check_refused("--pids-limit", "many", "it must be a number");
    assert_eq!(request(&["--oom-score-adj", "-500"]).oom_score_adj, Some(-500));
    check_refused("--oom-score-adj", "2000", "from -1000 to 1000");
}

#[test]
fn only_parameters_of_namespaces_can_be_set() {
    let read = request(&[
        "--sysctl",
        "net.ipv4.ip_forward=1,kernel.sem=1 2 3 4",
        "--sysctl",
        "net/core/somaxconn=5",
    ]);
    let expected = [("net.ipv4.ip_forward", "1"), ("kernel.sem", "1 2 3 4"), ("net/core/somaxconn", "5")];
    assert_eq!(read.sysctls, pairs(&expected));
    for wrong in ["bogus", "kernel.hostname=1", "vm.swappiness=1", "net/../kernel/x=1", "=1", "net..x=1"] {
        check_refused("--sysctl", wrong, "");
    }
}

#[test]
fn capabilities_are_spelled_as_the_kernel_does() {
    let read = request(&["--cap-add", "net_admin,CAP_SYS_TIME", "--cap-add=chown", "--cap-drop", "all"]);
    assert_eq!(read.cap_add, ["CAP_NET_ADMIN", "CAP_SYS_TIME", "CAP_CHOWN"]);
    assert_eq!(read.cap_drop, ["ALL"]);
    check_refused("--cap-add", "NOSUCH", "NOSUCH");
}

#[test]
fn security_options_are_known_or_refused() {
    let read = request(&[
        "--security-opt=no-new-privileges",
        "--security-opt=seccomp=unconfined",
        "--security-opt=mask=/a:/b",
        "--security-opt=unmask=ALL",
        "--security-opt=label=disable",
        "--security-opt=label:disable",
        "--security-opt=apparmor=unconfined",
    ]);
    assert!(read.no_new_privileges);
    assert_eq!(read.seccomp, SeccompRequest::Unconfined);
    assert_eq!((read.mask, read.unmask), (words(&["/a", "/b"]), words(&["ALL"])));
    assert!(!request(&["--security-opt", "no-new-privileges:false"]).no_new_privileges);
    let read =
        request(&["--security-opt", "proc-opts=hidepid=invisible,gid=7,subset=pid,ro,nosuid"]).proc_options;
    let options = [("hidepid", "invisible"), ("gid", "7"), ("subset", "pid")];
    assert_eq!(read.of_filesystem, options.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(read.read_only && !read.is_default());
    assert!(
        refusal(&["--security-opt", "proc-opts=hidepid=9"]).contains("`/proc` has no option `hidepid=9`")
    );
    assert!(
        refusal(&["--pid", "host", "--security-opt", "proc-opts=ro"]).contains("cannot be used together")
    );
    let profile = request(&["--security-opt", "seccomp=/p.json"]).seccomp;
    assert_eq!(profile, SeccompRequest::Profile(PathBuf::from("/p.json")));
    for (value, expected) in [
        ("bogus", "there is no such option"),
        ("label=", "there is no such option"),
        ("apparmor=", "there is no such option"),
        ("no-new-privileges=maybe", "it takes `true` or `false`"),
        ("mask=relative", "`relative` is no absolute path"),
        ("seccomp=", "there is no such option"),
        ("systempaths=x", "not supported"),
    ] {
        check_refused("--security-opt", value, expected);
    }
}

#[test]
fn devices_have_two_paths_and_permissions() {
    let device = |value: &str| {
        let read = request(&["--device", value]).devices.remove(0);
        (read.host.display().to_string(), read.container, read.permissions)
    };
    let expected = |host: &str, inside: &str, permissions: &str| {
        (host.to_owned(), inside.to_owned(), permissions.to_owned())
    };
    assert_eq!(device("/dev/fuse"), expected("/dev/fuse", "/dev/fuse", "rwm"));
    assert_eq!(device("/dev/fuse:/dev/x"), expected("/dev/fuse", "/dev/x", "rwm"));
    assert_eq!(device("/dev/fuse:r"), expected("/dev/fuse", "/dev/fuse", "r"));
    assert_eq!(device("/dev/fuse:/dev/x:mr"), expected("/dev/fuse", "/dev/x", "mr"));
    for (value, expected) in [
        ("/dev/null:bogus", "`bogus` is neither a path"),
        ("/dev/null:/x:rr", "`rr` is neither"),
        ("/dev/null:/x:", "is neither"),
        ("foo", "the device must be a path"),
        ("nvidia.com/gpu=", "the name of a CDI device"),
        ("/a:/b:r:x", "it must be HOST"),
        ("/dev/null:/", "must be absolute"),
    ] {
        check_refused("--device", value, expected);
    }
}

#[test]
fn ports_are_published_and_exposed() {
    let read =
        request(&["-p", "8080:80,8443:443/tcp", "-p", "127.0.0.1:53:53/udp", "--expose", "90-91/udp,100"]);
    let ports: Vec<(u16, u16)> =
        read.publish.iter().map(|port| (port.host_port, port.container_port)).collect();
    assert_eq!(ports, [(8080, 80), (8443, 443), (53, 53)]);
    assert_eq!(read.expose, ["90/udp", "91/udp", "100/tcp"]);
    let twice =
        request(&["-p", "8080:80", "-p", "8080:80", "-p", "127.0.0.1:8080:80", "-p", "81", "-p", "81"]);
    assert_eq!(twice.publish.len(), 4);
    assert_eq!(request(&["-p", "81:91", "-p", "80-82:90-92", "-p", "82:92"]).publish.len(), 1);
    check_refused("--publish", "notaport", "notaport");
    check_refused("--publish", "70000:80", "70000");
    for wrong in ["x", "80/foo", "90-80", "0", "+80"] {
        check_refused("--expose", wrong, "it must be PORT");
    }
    let told = refusal(&["-p", "8080:80", "-p", "8080:81"]);
    assert!(told.starts_with("the published ports exclude each other: "), "{told}");
    let lowered = lowered_on(&["-p", "80:80", "--network", "host"], &host()).unwrap();
    assert_eq!(lowered.warnings, ["`--publish` has no effect with `--network=host`"]);
    assert!(lowered.request.publish.is_empty());
}

#[test]
fn entry_points_are_a_word_or_a_list() {
    let entrypoint = |value: &str| request(&["--entrypoint", value]).entrypoint;
    assert_eq!(entrypoint(""), Some(vec![]));
    assert_eq!(entrypoint("/bin/sh -c"), Some(words(&["/bin/sh -c"])));
    assert_eq!(entrypoint(r#"["sh", "-c"]"#), Some(words(&["sh", "-c"])));
    assert_eq!(entrypoint("[]"), Some(vec![]));
    assert_eq!(entrypoint("["), Some(words(&["["])));
    assert_eq!(request(&[]).entrypoint, None);
    check_refused("--entrypoint", r#"["a"#, "it is no JSON list of words");
    check_refused("--entrypoint", r#"["a", 1]"#, "it is no JSON list of words");
}

#[test]
fn ways_are_chosen_by_name() {
    for (value, expected) in [
        ("always", PullPolicy::Always),
        ("missing", PullPolicy::Missing),
        ("Never", PullPolicy::Never),
        ("newer", PullPolicy::Newer),
        ("", PullPolicy::Missing),
    ] {
        assert_eq!(request(&["--pull", value]).pull, expected);
    }
    check_refused("--pull", "bogus", "it must be one of");
    assert_eq!(request(&["--cgroups=split"]).cgroups, CgroupMode::Split);
    assert_eq!(request(&["--cgroups", "no-conmon"]).cgroups, CgroupMode::NoConmon);
    check_refused("--cgroups", "bogus", "it must be one of");
    assert_eq!(request(&["--sdnotify=conmon"]).sdnotify, SdNotifyMode::Conmon);
    assert_eq!(request(&["--sdnotify=healthy"]).sdnotify, SdNotifyMode::Healthy);
    check_refused("--sdnotify", "bogus", "it must be one of");
    assert_eq!(request(&["--log-driver", "journald"]).log_driver, Some(LogDriver::Journald));
    assert_eq!(request(&["--log-driver", ""]).log_driver, None);
    check_refused("--log-driver", "bogus", "it must be one of");
    assert_eq!(request(&["--log-driver", "passthrough-tty"]).log_driver, Some(LogDriver::PassthroughTty));
    check_refused("--log-opt", "label=x=y", "capital letters");
    let logs = request(&["--log-opt", "max-size=10m", "--log-opt", "path=/x"]).log_opts;
    assert_eq!(logs, pairs(&[("max-size", "10000000"), ("path", "/x")]));
    for (value, expected) in [
        ("foo", "KEY=VALUE"),
        ("foo=bar", "no option `foo`"),
        ("max-size=x", "it must"),
        ("path=", "the path is missing"),
    ] {
        check_refused("--log-opt", value, expected);
    }
    assert_eq!(
        request(&["--restart", "no"]),
        CreateRequest {
            create_command: words(&["run", "--restart", "no", "image", "cmd", "-x"]),
            ..request(&[])
        }
    );
}

#[test]
fn options_for_our_one_way_are_taken_and_others_refused() {
    request(&[
        "--ipc=private",
        "--pid=private",
        "--uts",
        "private",
        "--cgroupns",
        "private",
        "--systemd=false",
    ]);
    let named = request(&["--pid=private", "--uts=private", "--cgroupns=private", "--userns=host"]).by_name;
    assert_eq!(named, [Shared::Uts, Shared::Pid, Shared::Cgroup, Shared::User]);
    assert!(request(&["--pid=host", "--uts=", "--userns=keep-id"]).by_name.is_empty());
    request(&["--no-healthcheck", "--image-volume=anonymous", "--disable-content-trust"]);
    check_refused("--ipc", "container:", "container:NAME, ns:PATH");
    check_refused("--pid", "ns:", "container:NAME, ns:PATH");
    check_refused("--cgroupns", "pod:x", "container:NAME, ns:PATH");
    check_refused("--attach", "bogus", "stdin, stdout, stderr");
    check_refused("--personality", "linux32", "LINUX, LINUX32");
    check_refused("--chrootdirs", "x", "absolute");
    assert_eq!(request(&["--ipc", "container:x"]).ipc, NamespaceMode::Container("x".to_owned()));
    check_refused("--systemd", "maybe", "true, false, always");
    check_refused("--seccomp-policy", "image", "not supported");
    check_refused("--image-volume", "x", "anonymous, bind, tmpfs, ignore");
    check_refused("--cgroup-parent", "/a/b", "the name of a slice");
    let refused = refusal(&["--cgroups", "split", "--cgroup-parent", "a.slice"]);
    assert!(refused.contains("cannot be used together"), "{refused}");
}

#[test]
fn names_and_places_are_checked() {
    let read = request(&[
        "--name",
        "/web-1.x_y",
        "--replace",
        "--rm",
        "-h",
        "host",
        "-w",
        "/a/../b/",
        "--tz",
        "Europe/Berlin",
        "--umask",
        "077",
        "-u",
        "dave:www",
        "--group-add",
        "extra,3000",
        "--init",
        "-it",
        "--read-only",
        "--read-only-tmpfs=false",
        "--stop-timeout",
        "5",
        "--cidfile",
        "/c",
        "--pidfile",
        "/p",
        "--conmon-pidfile",
        "/m",
        "--privileged",
        "--unsetenv",
        "A",
        "--dns",
        "9.9.9.9,::1",
        "--dns-search",
        "ex.org",
        "--dns-option",
        "ndots:2",
        "--add-host",
        "foo:10.1.2.3",
        "--add-host",
        "a;b:[::1]",
        "--add-host",
        "gw:host-gateway",
    ]);
    assert_eq!(read.name.as_deref(), Some("web-1.x_y"));
    assert!(
        read.replace
            && read.rm
            && read.init
            && read.interactive
            && read.tty
            && read.read_only
            && read.privileged
    );
    assert_eq!(read.read_only_tmpfs, Some(false));
    assert_eq!((read.hostname.as_deref(), read.workdir.as_deref()), (Some("host"), Some("/b")));
    assert_eq!((read.timezone.as_deref(), read.umask), (Some("Europe/Berlin"), Some(0o077)));
    assert_eq!((read.user.as_deref(), read.group_add), (Some("dave:www"), words(&["extra", "3000"])));
    assert_eq!(read.stop_timeout, Some(5));
    assert_eq!(request(&["--user", "33:"]).user.as_deref(), Some("33:"));
    assert_eq!(read.unset_env, ["A"]);
    assert_eq!(
        (read.dns, read.dns_search, read.dns_option),
        (words(&["9.9.9.9", "::1"]), words(&["ex.org"]), words(&["ndots:2"]))
    );
    assert_eq!(read.add_host, pairs(&[("foo", "10.1.2.3"), ("a;b", "::1"), ("gw", "host-gateway")]));
    for (option, value, expected) in [
        ("--name", "bad name", "a name has letters"),
        ("--name", "-x", "a name has letters"),
        ("--name", "é", "a name has letters"),
        ("--hostname", &"a".repeat(65), "at most 64"),
        ("--workdir", "relative", "it must be an absolute path"),
        ("--tz", "../../etc/passwd", "name of a time zone"),
        ("--tz", "/etc/localtime", "name of a time zone"),
        ("--umask", "9", "octal"),
        ("--umask", "1777", "octal"),
        ("--user", "a:b:c", "USER:GROUP"),
        ("--timeout", "-1", "number of seconds"),
        ("--env-merge", "x", "NAME=VALUE"),
        ("--passwd-entry", "a\nb", "one line"),
        ("--volumes-from", ":ro", "it must be CONTAINER"),
        ("--volumes-from", "x:bind", "`bind` is none of ro, rw, z"),
        ("--cpus", "0.001", "a number of processors"),
        ("--cpus", "1e3", "a number of processors"),
        ("--cpu-quota", "999", "at least 1000 microseconds"),
        ("--cpu-period", "2000000", "from 1000 to 1000000"),
        ("--cpu-shares", "1", "from 2 to 262144"),
        ("--cpuset-cpus", "2-1", "list of numbers and ranges"),
        ("--cpuset-mems", "a", "list of numbers and ranges"),
        ("--blkio-weight", "5", "from 10 to 1000"),
        ("--blkio-weight-device", "/dev/sda", "DEVICE:NUMBER"),
        ("--device-read-bps", "sda:1mb", "a path below /dev"),
        ("--device-write-iops", "/dev/sda:0", "operations in a second"),
        ("--cgroup-conf", "cgroup.procs=1", "not limits"),
        ("--cgroup-conf", "../x.y=1", "FILE=VALUE"),
        ("--restart", "sometimes", "one of: no, always"),
        ("--restart", "always:3", "only `on-failure`"),
        ("--restart", "on-failure:x", "a number of restarts"),
        ("--health-cmd", " ", "the command is empty"),
        ("--health-interval", "5", "a duration"),
        ("--health-timeout", "10ms", "at least 1s"),
        ("--health-retries", "0", "at least 1"),
        ("--health-on-failure", "panic", "one of: none, kill"),
        ("--health-log-destination", "/nonexistent", "a directory that is there"),
        ("--stop-timeout", "-1", "number of seconds"),
        ("--dns", "bogus", "no IP address"),
        ("--add-host", "foo", "NAME:ADDRESS"),
        ("--add-host", "foo:bar", "`bar` is neither an IP address"),
        ("--add-host", "a b:1.2.3.4", "no host name"),
        ("--add-host", ":1.2.3.4", "no host name"),
    ] {
        check_refused(option, value, expected);
    }
    assert_eq!(refusal(&["--replace"]), "`--replace` needs `--name`");
    assert_eq!(refusal(&["--memory-swap", "1g"]), "`--memory-swap` needs `--memory`");
    assert!(refusal(&["-m", "1g", "--memory-swap", "1m"]).contains("at least --memory"));
    assert!(refusal(&["-m", "1m", "--memory-reservation", "1g"]).contains("at most --memory"));
    assert!(refusal(&["--cpus", "1", "--cpu-quota", "5000"]).contains("cannot be used together"));
    assert!(refusal(&["--rm", "--restart", "always"]).contains("cannot be used together"));
    assert!(refusal(&["--group-add", "keep-groups,wheel"]).contains("cannot be used together"));
}

#[test]
fn the_unit_that_started_us_is_remembered() {
    let mut host = host();
    host.env.push(("PODMAN_SYSTEMD_UNIT".to_owned(), "web.service".to_owned()));
    assert_eq!(lowered_on(&[], &host).unwrap().request.systemd_unit.as_deref(), Some("web.service"));
}

#[test]
fn a_relative_path_needs_a_working_directory() {
    let host = Host { directory: None, ..host() };
    let err = lowered_on(&["-v", "./x:/y"], &host).unwrap_err();
    assert!(err.to_string().ends_with("the path is relative and the working directory cannot be told"));
}

#[test]
fn limits_are_numbers_of_the_kernel() {
    let resources = |line: &[&str]| request(line).resources;
    let cpus = resources(&["--cpus", "1.5"]);
    assert_eq!((cpus.cpu_quota, cpus.cpu_period), (Some(150_000), Some(100_000)));
    let memory = resources(&["-m", "1g", "--memory-swap", "-1"]);
    assert_eq!((memory.memory, memory.memory_swap), (Some(1 << 30), Some(-1)));
    let rates = resources(&["--device-read-bps", "/dev/sda:1mb"]).device_read_bps;
    assert_eq!(rates, [DeviceRate { path: "/dev/sda".into(), rate: 1 << 20 }]);
}

#[test]
fn no_limit_is_as_good_as_not_said() {
    for line in [
        &["--cpus", "0"][..],
        &["--cpus=0.0"],
        &["--cpus", "-1"],
        &["--memory", "0"],
        &["--memory=0b", "--memory-reservation", "0"],
        &["--memory-swap", "0"],
        &["--cpu-period", "0"],
    ] {
        assert_eq!(request(line).resources, Resources::default(), "{line:?}");
    }
    assert_eq!(request(&["-m", "64m", "--memory-swap", "0"]).resources.memory_swap, None);
    check_refused("--cpu-period", "1", "it must be from 1000");
    check_refused("--cpus", "0.001", "it must be a number of processors");
}

#[test]
fn a_health_check_has_dockers_form() {
    let test = |text: &str| request(&["--health-cmd", text]).health.test.unwrap_or_default();
    for (text, expected) in [
        ("curl -f localhost || exit 1", vec!["CMD-SHELL", "curl -f localhost || exit 1"]),
        ("CMD-SHELL true", vec!["CMD-SHELL", "true"]),
        ("CMD a  b", vec!["CMD", "a", "b"]),
        (r#"["a", "b c"]"#, vec!["CMD", "a", "b c"]),
        (r#"["CMD", "a"]"#, vec!["CMD", "a"]),
        (r#"["a b"]"#, vec!["CMD-SHELL", "a b"]),
        ("none", vec!["NONE"]),
    ] {
        assert_eq!(test(text), expected, "{text}");
    }
    assert_eq!(request(&["--no-healthcheck"]).health.test, Some(words(&["NONE"])));
    assert_eq!(request(&["--health-interval=disable"]).health.interval, Some(0));
}

#[test]
fn restart_policies_have_podmans_words() {
    let policy = |text: &str| request(&["--restart", text]).restart;
    assert_eq!(policy("no"), RestartPolicy::No);
    assert_eq!(policy("on-failure:3"), RestartPolicy::OnFailure { retries: Some(3) });
    assert_eq!(policy("unless-stopped"), RestartPolicy::UnlessStopped);
}

#[test]
fn options_given_empty_are_not_said() {
    let unsaid = CreateRequest { create_command: Vec::new(), ..request(&[]) };
    for option in [
        "--authfile",
        "--blkio-weight",
        "--cgroup-conf",
        "--cgroup-parent",
        "--cgroups",
        "--cidfile",
        "--conmon-pidfile",
        "--cpuset-cpus",
        "--env",
        "--group-entry",
        "--health-cmd",
        "--health-interval",
        "--health-on-failure",
        "--health-startup-cmd",
        "--hosts-file",
        "--hostname",
        "--init-path",
        "--ip",
        "--mac-address",
        "--memory",
        "--memory-swap",
        "--name",
        "--passwd-entry",
        "--personality",
        "--pidfile",
        "--pod",
        "--pod-id-file",
        "--retry-delay",
        "--sdnotify",
        "--shm-size",
        "--shm-size-systemd",
        "--stop-signal",
        "--subuidname",
        "--tz",
        "--umask",
        "--user",
        "--workdir",
    ] {
        let given = CreateRequest { create_command: Vec::new(), ..request(&[option, ""]) };
        assert_eq!(given, unsaid, "{option}");
    }
    // The last one counts, and here it says nothing.
    assert_eq!(request(&["--user", "web", "--user="]).user, None);
    assert_eq!(request(&["--no-healthcheck", "--health-cmd="]).health.test, Some(words(&["NONE"])));
    assert_eq!(request(&["--entrypoint="]).entrypoint, Some(Vec::new()));
}

#[test]
fn some_options_are_wrong_when_empty() {
    for (option, expected) in [
        ("--attach", "stdin, stdout, stderr"),
        ("--cpu-shares", "from 2 to"),
        ("--cpus", "a number of processors"),
        ("--env-merge", "NAME=VALUE"),
        ("--health-log-destination", "a directory that is there"),
        ("--health-retries", "a number"),
        ("--label", "name of the label"),
        ("--oom-score-adj", "a number"),
        ("--pids-limit", "a number"),
        ("--stop-timeout", "a number"),
        ("--volume", "must be absolute"),
    ] {
        check_refused(option, "", expected);
    }
    assert!(refusal(&["--health-cmd", "true", "--health-interval="]).contains("a duration"));
    assert!(refusal(&["--replace", "--name="]).contains("needs"));
}
