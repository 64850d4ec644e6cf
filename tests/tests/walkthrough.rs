//! What a course shows its pupils: a web server and a file server as services of a user that stay when the user has gone.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::service::Manager;
use pontoon_tests::{TestHost, host, image, wait};

/// Runs a script in a session of carol's that ends with it, and waits until logind has that one no more.
fn in_a_session(host: &TestHost, script: &str) {
    host.write(
        "carol",
        "/home/carol/lesson.sh",
        format!("set -ex\necho ${{XDG_SESSION_ID:?}} >session\n{script}"),
    );
    host.root("su -l carol -c 'exec bash lesson.sh' </dev/null").ok();
    wait::until("carol's session to end", || {
        let session = host.root("loginctl show-session $(cat ~carol/session)");
        if session.code == 0 { Err(session.stdout) } else { Ok(()) }
    });
}

/// What curl says to these words, once it succeeds.
fn curl(host: &TestHost, words: &str) -> String {
    wait::until(&format!("curl {words}"), || {
        let answer = host.root(&format!("curl -sSf --max-time 20 {words}"));
        if answer.code == 0 { Ok(answer.stdout) } else { Err(format!("{answer:?}")) }
    })
}

/// carol, who has no linger, and the images of the course.
fn classroom() -> &'static TestHost {
    let host = host();
    image::provide(&[image::HTTPD, image::VSFTPD]);
    image::push(host, image::HTTPD);
    image::push(host, image::VSFTPD);
    host
}

/// Both servers serve, as services of these names.
fn still_there(host: &TestHost, units: [&str; 2]) {
    assert_eq!(curl(host, "http://localhost:8081/"), "Hello from carol\n");
    assert_eq!(curl(host, "ftp://guest:secret@127.0.0.1:2121/letter"), "a letter\n");
    for unit in units {
        Manager::of(host, "carol").until_property(unit, "ActiveState", "active");
    }
}

/// What holds once they run, her session or not.
fn lesson(host: &TestHost, units: [&str; 2]) {
    host.root("echo 'a letter' >/tmp/letter").ok();
    curl(host, "-T /tmp/letter ftp://guest:secret@127.0.0.1:2121/letter");
    still_there(host, units);
    // A boot, for her: what is enabled starts with her manager, and what was uploaded lies in the volume.
    host.root("systemctl stop user@1002.service && systemctl start user@1002.service").ok();
    still_there(host, units);
    host.root("! curl -sSf ftp://guest:wrong@127.0.0.1:2121/letter 2>/dev/null").ok();
}

#[test]
fn servers_stay_when_their_user_has_logged_out() {
    let host = classroom();
    // vsftpd crashes as the first process of its namespace: of children that are not its own it knows nothing. So it has an init.
    // The teacher, once.
    host.root("pontoon linger enable carol").ok();
    wait::until_true("carol's manager", || {
        host.root("systemctl is-active --quiet user@1002.service").code == 0
    });

    in_a_session(
        host,
        "mkdir -p ~/web ~/.config/containers/systemd
         echo 'Hello from carol' >~/web/index.html
         cat >~/.config/containers/systemd/httpd.container <<'END'
[Container]
Image=localhost:5000/httpd:latest
PublishPort=8081:80
Volume=%h/web:/var/www/html:ro

[Install]
WantedBy=default.target
END
         cat >~/.config/containers/systemd/vsftpd.container <<'END'
[Container]
Image=localhost:5000/vsftpd:latest
RunInit=yes
PublishPort=2121:21
PublishPort=21100-21101:21100-21101
Volume=ftp.volume:/srv/ftp/guest

[Install]
WantedBy=default.target
END
         echo '[Volume]' >~/.config/containers/systemd/ftp.volume
         pontoon quadlet check
         systemctl --user daemon-reload
         systemctl --user start httpd vsftpd",
    );
    lesson(host, ["httpd", "vsftpd"]);
    in_a_session(
        host,
        "systemctl --user stop httpd vsftpd
         rm ~/.config/containers/systemd/*
         systemctl --user daemon-reload
         pontoon volume rm systemd-ftp",
    );

    // The older way: containers by hand, and services made of them.
    in_a_session(
        host,
        "mkdir -p ~/.config/systemd/user && cd ~/.config/systemd/user
         pontoon create --name httpd -p 8081:80 -v ~/web:/var/www/html:ro localhost:5000/httpd:latest
         pontoon create --name vsftpd --init -p 2121:21 -p 21100-21101:21100-21101 -v ftp:/srv/ftp/guest localhost:5000/vsftpd:latest
         pontoon generate systemd --new --files --name httpd
         pontoon generate systemd --files --name vsftpd
         pontoon rm httpd
         systemctl --user daemon-reload
         systemctl --user enable --now container-httpd container-vsftpd",
    );
    lesson(host, ["container-httpd", "container-vsftpd"]);
    in_a_session(
        host,
        "systemctl --user disable --now container-httpd container-vsftpd
         pontoon rm vsftpd && pontoon volume rm ftp",
    );
    host.root("pontoon linger disable carol").ok();
}
