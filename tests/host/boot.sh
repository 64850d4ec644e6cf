#!/bin/bash
# Turns fresh namespaces into a machine and becomes its systemd. Arguments: RUN ROOT.
#
# RUN/binds holds lines `SOURCE TARGET` (read-only) of what else the host sees of this machine.
set -eu
run=$1 root=$2

# Still the machine's own /proc, so this is the pid by which the harness knows us. Written whole, by rename.
read -r pid _ </proc/self/stat
new=$run/root
mkdir -p "$new" "$run/upper" "$run/work"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$run/upper,workdir=$run/work" "$new"
# The kernel refuses an overlay whose upper directory lies on an overlay: what holds containers lies on plain directories.
for dir in home var/lib root; do
    mkdir -p "$run/plain/$dir"
    cp -a "$root/$dir/." "$run/plain/$dir/"
    mount --bind "$run/plain/$dir" "$new/$dir"
done
cd "$new"
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid dev dev
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
mknod -m 666 dev/fuse c 10 229
mkdir -p dev/net dev/pts dev/shm dev/mqueue
mknod -m 666 dev/net/tun c 10 200
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=1777,nosuid,nodev shm dev/shm
mount -t mqueue mqueue dev/mqueue
mount -t tmpfs -o mode=755,nosuid,nodev run run
mount -t tmpfs -o mode=1777,nosuid,nodev tmp tmp
# Last, so that they may lie below any of these.
while read -r source target; do
    [ -n "$source" ] || continue
    mkdir -p "$new$target"
    mount --bind "$source" "$new$target"
    mount -o remount,bind,ro "$new$target"
done <"$run/binds"
hostname testhost
ip link set lo up

echo "$pid" >"$run/pid.new"
mv "$run/pid.new" "$run/pid"
pivot_root . .
umount -l .
cd /
mount --make-rshared /
exec env -i container=nspawn /lib/systemd/systemd
