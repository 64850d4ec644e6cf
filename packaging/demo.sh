#!/bin/bash
# Shows the main job to the user who calls it: a file becomes a service that answers. Argument: a static web server.
#
# Needs pontoon installed, and a user manager. Touches only the name `hello`, and takes it away at the end.
set -eu
server=$1
units=~/.config/containers/systemd
port=${PONTOON_DEMO_PORT:-8080}

bold=$(tput bold 2>/dev/null || true)
plain=$(tput sgr0 2>/dev/null || true)
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
show() {
    printf '$ %s\n' "$*"
    "$@"
}
clean() {
    systemctl --user --quiet stop hello 2>/dev/null || true
    rm -f "$units/hello.container"
    systemctl --user daemon-reload
}
trap clean EXIT

say '1. An image, made on the spot: one static program and nothing else (no registry is needed)'
work=$(mktemp -d)
cp "$server" "$work/landing"
tar -C "$work" -cf "$work.tar" landing
show pontoon import --quiet --change 'ENTRYPOINT ["/landing", "landing"]' "$work.tar" localhost/hello
rm -rf "$work" "$work.tar"
show pontoon images

say '2. A file that says what should run'
mkdir -p "$units"
cat >"$units/hello.container" <<END
[Unit]
Description=A page that says hello

[Container]
Image=localhost/hello
PublishPort=$port:80
ReadOnly=true

[Service]
Restart=always

[Install]
WantedBy=default.target
END
show cat "$units/hello.container"

say '3. The unit it becomes, made by the generator when systemd reloads'
show systemctl --user daemon-reload
show systemctl --user --no-pager cat hello

say '4. The service, started by systemd; its main process is the container'\''s supervisor'
show systemctl --user start hello
show systemctl --user --no-pager --lines=0 status hello
show pontoon ps

say '5. Its page, fetched through the published port'
show curl --silent --show-error --retry 5 --retry-connrefused "http://127.0.0.1:$port/"

say '6. Its journal'
journalctl --user --sync 2>/dev/null || true
show journalctl --user --no-pager --unit hello --output cat

say '7. Its end'
show systemctl --user stop hello
show systemctl --user --no-pager show --property=ActiveState,Result hello
show pontoon ps --all

say 'What to try next'
cat <<END
  Your own service:    put a .container file into ~/.config/containers/systemd, then
                       systemctl --user daemon-reload && systemctl --user start NAME
  After you log out:   pontoon linger enable
  Something by hand:   pontoon run --rm -it IMAGE sh
  What would happen:   pontoon run --dry-run IMAGE
  A host to play in:   cargo run -p pontoon-tests -- shell
END
