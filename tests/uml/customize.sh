#!/bin/bash
# Makes a copy ($1) of the test host's root one that boots on a kernel of its own. $2 has this directory's files, $3 the
# modules of the kernel.
set -eu
root=$1 files=$2 modules=$3

mkdir -p "$root/usr/lib/modules" "$root/usr/lib/testhost"
cp -a "$modules/." "$root/usr/lib/modules/"
cp "$files/modules.conf" "$root/etc/modules-load.d/testhost.conf"
cp "$files/nodes.conf" "$root/etc/tmpfiles.d/testhost.conf"
for unit in agent network; do
    cp "$files/$unit.service" "$root/etc/systemd/system/testhost-$unit.service"
    chroot "$root" systemctl --quiet enable "testhost-$unit.service"
done
install -m 755 "$files/agent.sh" "$root/usr/lib/testhost/agent.sh"

# Userland is slow there: managers only of whom the tests are about.
rm -f "$root/var/lib/systemd/linger/bob" "$root/var/lib/systemd/linger/dave"
# This one has the pids controller.
rm -f "$root/etc/containers/containers.conf.d/testhost.conf"
