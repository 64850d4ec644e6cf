//! What is left of a container: mounts, processes, cgroups and namespaces of a host, compared between two moments.

use crate::host::TestHost;

/// What a host has at one moment, as far as containers leave traces in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// Mount points of the host's mount namespace.
    pub mounts: Vec<String>,
    /// Processes of that user, by command name, without the ones that every login has.
    pub processes: Vec<String>,
    /// Control groups below that user's manager whose names speak of a container.
    pub groups: Vec<String>,
    /// User, mount, pid and network namespaces that processes of that user live in.
    pub namespaces: Vec<String>,
    /// Runtime state that commands keep while a container runs.
    pub runtime: Vec<String>,
}

impl Traces {
    /// Looks at what that user has now.
    pub fn of(host: &TestHost, user: &str) -> Self {
        let list = |script: &str| -> Vec<String> {
            let mut lines: Vec<String> = host.root(script).ok().stdout.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let uid = host.root(&format!("id -u {user}")).ok().text().to_owned();
        let runtime = if uid == "0" { "/run/pontoon".to_owned() } else { format!("/run/user/{uid}/pontoon") };
        // Ids of alice's range count as hers.
        let ids = "ps -eo pid=,uid=,comm= | awk -v u=UID '($2==u || $2>=100000) && $3!=\"systemd\" && $3!=\"(sd-pam)\" && $3!=\"dbus-daemon\" && $3!=\"sleep\"'".replace("UID", &uid);
        Self {
            mounts: list(
                "awk '{print $5}' /proc/self/mountinfo | grep -v '^/run/user\\|^/run/credentials' || true",
            ),
            processes: list(&format!("{ids} | awk '{{print $3}}' | grep -v '^ps$\\|^awk$' || true")),
            groups: list(
                "find /sys/fs/cgroup -type d | grep -i 'pontoon-[0-9a-f]\\|pontoon_pod\\|libpod\\|/payload\\|/monitor' || true",
            ),
            namespaces: list(&format!(
                "for p in $({ids} | awk '{{print $1}}'); do readlink /proc/$p/ns/user /proc/$p/ns/mnt /proc/$p/ns/pid /proc/$p/ns/net; done 2>/dev/null | sort -u"
            )),
            // Where networks listen is the service manager's, from the first container on one until it ends.
            runtime: list(&format!(
                "find {runtime} -type s ! -name network.sock -o -type f -name '*.json' 2>/dev/null || true"
            )),
        }
    }
}

impl Traces {
    /// What is there now and was not there at `before`, and mounts that were there and are not any more. Something of an
    /// earlier run that was still ending at `before` may have gone since.
    fn news_since(&self, before: &Self) -> Vec<String> {
        let mut news = Vec::new();
        let mut compare = |kind: &str, now: &[String], before: &[String]| {
            let mut known: Vec<&String> = before.iter().collect();
            for entry in now {
                match known.iter().position(|it| *it == entry) {
                    Some(index) => drop(known.swap_remove(index)),
                    None => news.push(format!("new {kind}: {entry}")),
                }
            }
        };
        compare("mount", &self.mounts, &before.mounts);
        compare("process", &self.processes, &before.processes);
        compare("control group", &self.groups, &before.groups);
        compare("namespace", &self.namespaces, &before.namespaces);
        compare("runtime file", &self.runtime, &before.runtime);
        compare("mount that is missing", &before.mounts, &self.mounts);
        news
    }
}

/// Demands that `user` has nothing that she did not have at `before`, as soon as the kernel gets round to it.
#[track_caller]
pub fn assert_nothing_left(host: &TestHost, user: &str, before: &Traces) {
    crate::wait::until("everything of the container to be gone", || {
        let news = Traces::of(host, user).news_since(before);
        if news.is_empty() { Ok(()) } else { Err(news.join("\n")) }
    });
}
