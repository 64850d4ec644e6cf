//! A machine that goes down with many containers: all end at once, each in the time that is its own.

use std::time::Duration;

use pontoon_tests::{Uml, wait};

/// Containers of a user, and as many of the system.
const MANY: usize = 25;

/// Its script takes five seconds to end, and leaves a line when it has ended as it wants to: one after the other, all of them
/// would take longer than any of them may. The first of them waits for the lines of all others.
const SLOW: &str = "[Container]
Image=localhost/busybox
ContainerName=many-%i
Network=none
Volume=/srv/s:/s:ro
Volume=DIRECTORY:/ends
StopTimeout=100
Exec=sh /s/slow %i OTHERS

[Service]
TimeoutStartSec=300
TimeoutStopSec=110";

const WHOSE: [(&str, &str, &str, &str); 2] = [
    ("alice", "systemctl --user", "/home/alice/.config/containers/systemd", "/home/alice/ends"),
    ("root", "systemctl", "/etc/containers/systemd", "/srv/ends"),
];

/// Starts them all.
pub fn start_many(uml: &Uml) {
    // What the end of this boot has to say is to be read in the next.
    uml.root("mkdir -p /var/log/journal && journalctl --flush").ok();
    for (user, systemctl, files, directory) in WHOSE {
        let text = SLOW.replace("DIRECTORY", directory).replace("OTHERS", &(MANY - 1).to_string());
        uml.sh_as(
            user,
            &format!(
                "mkdir -p {directory} && touch {directory}/ended && cat >{files}/many@.container <<'END'\n{text}\nEND\n\
                 {systemctl} daemon-reload && {systemctl} start --no-block many@{{1..{MANY}}}"
            ),
        )
        .ok();
    }
    for (user, systemctl, ..) in WHOSE {
        wait::until_within("all to have started", Duration::from_secs(300), || {
            let active =
                format!("{systemctl} list-units --plain --no-legend --state=active 'many@*' | wc -l");
            let active = uml.sh_as(user, &active).ok();
            if active.text() == MANY.to_string() { Ok(()) } else { Err(format!("{active:?}")) }
        });
    }
}

/// In the boot before, all of them have ended in their own way, and none was killed.
pub fn all_have_ended(uml: &Uml) {
    let all: String = (1..=MANY).map(|number| format!("{number} ")).collect();
    let said = uml.root("journalctl -b -1 --no-pager -o cat | grep -e many@ -e user@1000").ok();
    for (_, _, _, directory) in WHOSE {
        let ended = uml.root(&format!("sort -n {directory}/ended | tr '\\n' ' '")).ok();
        assert_eq!(ended.stdout, all, "{directory}: {said:?}");
    }
    assert!(said.stdout.contains("Stopped many@"), "{said:?}");
    for word in ["timed out", "SIGKILL", "Failed with result"] {
        assert!(!said.stdout.contains(word), "{said:?}");
    }
    uml.alice("pontoon ps -a --format '{{.Names}}'").ok().lacks("many-");
    uml.root("pontoon ps -a --format '{{.Names}}'").ok().lacks("many-");
}
