//! The manual page of unit files, written from the tables.

use std::fmt::Write as _;

use crate::kind::UnitKind;
use crate::vocabulary::{self, EXTENSION_SECTION, Key, OURS, QUADLET_SECTION};

/// What each type of file is for.
fn purpose(kind: UnitKind) -> &'static str {
    match kind {
        UnitKind::Container => "A container; its service runs it. There must be an Image= or a Rootfs=.",
        UnitKind::Pod => "Containers that share namespaces; a container joins with Pod= in its own file.",
        UnitKind::Kube => "Kubernetes YAML; its service plays it. There must be a Yaml=.",
        UnitKind::Volume => "A volume; its service creates it if it is not there.",
        UnitKind::Network => "A network; its service creates it if it is not there.",
        UnitKind::Image => "An image; its service pulls it. There must be an Image=.",
        UnitKind::Build => "An image; its service builds it. There must be an ImageTag=.",
        UnitKind::Artifact => "An OCI artifact; its service pulls it. There must be an Artifact=.",
        UnitKind::Secret => {
            "A secret; its service makes it, each time that a container with Secret=NAME.secret starts, and if Renew= says so from \
             time to time. Where the data has changed, running services whose containers have the old one are restarted. If it \
             cannot be had, the secret stays as it is. There must be one of File=, Credential= and Command=. Podman has no such files."
        }
    }
}

const HEAD: &str = r#".\" Written from the tables of keys; see units/src/manual.rs.
.TH PONTOON-QUADLET 5 "" "Pontoon" "File formats"
.SH NAME
pontoon-quadlet \- containers, pods, volumes and networks as systemd units
.SH SYNOPSIS
.nf
NAME.container, NAME.pod, NAME.kube, NAME.volume,
NAME.network, NAME.image, NAME.build, NAME.artifact, NAME.secret
.fi
.SH DESCRIPTION
At boot, and at every \fBsystemctl daemon\-reload\fR, a generator turns each file into a service. The file is an ordinary unit
file: [Unit], [Service] and [Install] are passed on to systemd, and one more section, named after the type, says what is to be run.
.PP
\fINAME\fB.container\fR and \fINAME\fB.kube\fR become \fINAME\fB.service\fR; the others get their type behind the name, as
\fINAME\fB\-volume.service\fR. A file that cannot be converted becomes a service whose start fails and whose status says
where and why. \fBpontoon quadlet check\fR tells all that is wrong at once, \fBpontoon quadlet convert\fR shows the service,
\fBpontoon quadlet explain\fR tells about a key.
.SH FILES
For users, the first that holds a file of some name counts:
.nf
$XDG_RUNTIME_DIR/containers/systemd
$XDG_CONFIG_HOME/containers/systemd, else ~/.config/containers/systemd
/etc/containers/systemd/users/UID
/etc/containers/systemd/users
/usr/share/containers/systemd/users/UID
/usr/share/containers/systemd/users
.fi
.PP
For the system:
.nf
/run/containers/systemd
/etc/containers/systemd
/usr/share/containers/systemd
.fi
.PP
Before each of them, \fBpontoon/systemd\fR in the same place is searched. Where Podman's generator is installed, only that is,
until \fBpontoon quadlet adopt\fR. $QUADLET_UNIT_DIRS, a list divided by colons, takes the place of all of them.
.PP
Lines of \fINAME.TYPE\fB.d/*.conf\fR are added to the file, as are those of the truncated forms that systemd.unit(5) knows.
.SH VALUES
A line that ends in a backslash goes on with the next one, to which it is joined without a blank. Lines that begin with # or ;
are comments. Text that systemd expands, such as %h or $VAR, is left to it; write %% and $$ for the characters themselves.
"#;

const TAIL: &str = r#".SH SEE ALSO
\fBpontoon\fR(1), \fBsystemd.unit\fR(5), \fBsystemd.service\fR(5)
"#;

/// The page, in roff.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for kind in UnitKind::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(page, ".SH [{}]", kind.section().to_uppercase());
        let _ = writeln!(page, "{}", escape(purpose(kind)));
        write_keys(&mut page, vocabulary::keys(kind));
    }
    let _ = writeln!(page, ".SH [{}]", QUADLET_SECTION.to_uppercase());
    let _ = writeln!(page, "Allowed in every type of file.");
    write_keys(&mut page, vocabulary::keys_of(QUADLET_SECTION).unwrap_or(&[]));
    let _ = writeln!(page, ".SH [{}]", EXTENSION_SECTION.to_uppercase());
    let _ = writeln!(page, "Allowed in .container files. Podman's generator passes over it.");
    write_keys(&mut page, vocabulary::keys_of(EXTENSION_SECTION).unwrap_or(&[]));
    page.push_str(TAIL);
    page
}

fn write_keys(page: &mut String, keys: &[Key]) {
    let mut keys: Vec<&Key> = keys.iter().collect();
    keys.sort_by_key(|key| key.name.to_ascii_lowercase());
    for key in keys {
        let _ = writeln!(page, ".TP\n\\fB{}=\\fR", escape(key.name));
        let _ = writeln!(page, "{}.", escape(&sentence(key.meaning)));
        let _ = writeln!(page, "{}.", escape(&sentence(key.form.in_words())));
        let _ = writeln!(page, "Becomes {}.", escape(&key.emit.in_words().replace('`', "")));
        let since = if key.since == OURS { String::new() } else { format!("Since Podman {}. ", key.since) };
        let _ = writeln!(page, "{since}Example: \\fB{}={}\\fR", key.name, escape(key.example));
    }
}

/// A text with a capital at its beginning.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Text that roff takes as it is.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
