//! A service that follows its image by health, to see what becomes of its updates.

use super::Uml;
use crate::output::Output;

/// alice's `fresh.service`, of the image `localhost/fresh`, whose versions tell themselves by `$VERSION`.
pub struct Fresh<'u>(pub &'u Uml);

impl Fresh<'_> {
    /// The image's name leads to that version from now on. What each is made of must be there.
    pub fn publish(&self, version: &str) {
        self.0
            .alice(&format!(
                "pontoon run --name make --network none localhost/busybox true && \
                 pontoon commit -q -c 'ENV VERSION={version}' -c 'CMD sleep 10000' make localhost/fresh:latest && \
                 pontoon rm make"
            ))
            .ok();
    }

    /// Starts it with such a health check: lines of `[Container]`.
    pub fn start(&self, check: &str) {
        self.0
            .alice(&format!(
                "mkdir -p ~/.config/containers/systemd && cat >~/.config/containers/systemd/fresh.container <<'END'
[Container]
Image=localhost/fresh:latest
ContainerName=fresh
Network=none
StopTimeout=0
AutoUpdate=local
HealthInterval=1s
{check}

[Service]
TimeoutStartSec=300

[Install]
WantedBy=default.target
END
systemctl --user daemon-reload && systemctl --user start fresh"
            ))
            .ok();
    }

    /// Which version runs.
    pub fn version(&self) -> Output {
        self.0.alice("pontoon exec fresh sh -c 'echo $VERSION'")
    }

    /// What became of it by an update, in `auto-update`'s words.
    pub fn updated(&self) -> String {
        self.0.alice("pontoon auto-update --format '{{.ContainerName}} {{.Updated}}'").ok().text().to_owned()
    }
}
