#!/bin/bash
# Runs an image script in a throw-away copy of the test host's root, with the machine's network.
# Arguments: ROOT WORK SCRIPT-DIR SCRIPT BASE OUT. Called in mount and pid namespaces of its own.
set -eu
root=$1 work=$2 scripts=$3 script=$4 base=$5 out=$6

mkdir -p "$work/upper" "$work/work" "$work/root" "$work/tmp" "$out"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$work/upper,workdir=$work/work" "$work/root"
mkdir -p "$work/root/images" "$work/root/out"
mount --bind "$scripts" "$work/root/images"
mount --bind "$out" "$work/root/out"
mount --bind "$work/tmp" "$work/root/tmp"
touch "$work/root/base.tar"
[ -e "$base" ] && mount --bind "$base" "$work/root/base.tar"
mount -t proc proc "$work/root/proc"
mount --rbind /dev "$work/root/dev"
cp -L /etc/resolv.conf "$work/root/etc/resolv.conf"
env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin OUT=/out/layout BASE=/base.tar \
    chroot "$work/root" /bin/bash "/images/$script"
chmod -R a+rX "$out"
