#!/bin/sh
# Makes a fresh Debian tree ($1) a test host: users, linger, and no service that nobody asked for.
set -eu
root=$1
run() { chroot "$root" "$@"; }

echo testhost >"$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 testhost\n' >"$root/etc/hosts"
printf 'nameserver 192.0.2.53\n' >"$root/etc/resolv.conf"
# Made anew at each boot.
: >"$root/etc/machine-id"

# alice: an ordinary user with linger. bob: no subordinate ids. carol: no linger. dave: a second alice.
for user in alice bob carol dave; do
    run useradd -m -s /bin/bash "$user"
done
sed -i '/^bob:/d' "$root/etc/subuid" "$root/etc/subgid"
mkdir -p "$root/var/lib/systemd/linger"
touch "$root/var/lib/systemd/linger/alice" "$root/var/lib/systemd/linger/bob" "$root/var/lib/systemd/linger/dave"

# Journals by user need persistent storage.
mkdir -p "$root/var/log/journal"
run systemd-tmpfiles --create --prefix /var/log/journal 2>/dev/null || true

# Else one chatty container silences all of that user's: journald counts by unit, and user@1000.service is one.
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nRateLimitIntervalSec=0\n' >"$root/etc/systemd/journald.conf.d/testhost.conf"

# Tests start what they need; a boot is two seconds without these.
for unit in docker-registry.service podman.service podman.socket podman-restart.service podman-auto-update.timer \
    podman-auto-update.service podman-clean-transient.service netavark-dhcp-proxy.service netavark-dhcp-proxy.socket \
    nftables.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer \
    motd-news.timer man-db.timer ldconfig.service systemd-journal-catalog-update.service getty@.service \
    console-getty.service systemd-timesyncd.service; do
    run systemctl mask "$unit" >/dev/null 2>&1 || true
done
run systemctl unmask docker-registry.service podman.socket podman.service >/dev/null 2>&1 || true
run systemctl disable docker-registry.service podman.socket podman.service podman-restart.service >/dev/null 2>&1 || true
run systemctl --global disable podman.socket gpg-agent.socket gpg-agent-ssh.socket gpg-agent-browser.socket \
    gpg-agent-extra.socket dirmngr.socket keyboxd.socket >/dev/null 2>&1 || true

# No pids controller where cgroup v1 holds it: the original refuses its own default there.
if [ -x "$root/usr/bin/podman" ]; then
    mkdir -p "$root/etc/containers/containers.conf.d"
    printf '[containers]\npids_limit=0\n' >"$root/etc/containers/containers.conf.d/testhost.conf"
fi
