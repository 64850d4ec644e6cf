# Words shared by the image scripts. They run as root inside a workshop: a throw-away copy of the test host's root.
# OUT is the OCI layout to make, BASE a tar file of a minimal Debian.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
NAME=work

# An image without layers.
empty() {
    umoci init --layout "$OUT"
    umoci new --image "$OUT:$NAME"
}

# A layer from a tar file.
layer() {
    umoci raw add-layer --image "$OUT:$NAME" "$1"
}

# A layer from what a function does to the tree (its first argument is the root directory).
change() {
    local bundle=/tmp/bundle
    rm -rf $bundle
    umoci unpack --image "$OUT:$NAME" $bundle
    "$@" $bundle/rootfs
    umoci repack --image "$OUT:$NAME" $bundle
    rm -rf $bundle
}

config() {
    umoci config --image "$OUT:$NAME" "$@"
}

# Debian packages, the way image builders install them: fetched, unpacked, nothing left of the fetching.
packages() {
    local root=${*: -1}
    mount -t proc proc "$root/proc"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    chroot "$root" apt-get -qq -o Acquire::Check-Valid-Until=false -o Acquire::Check-Date=false update
    chroot "$root" apt-get -qq install -y --no-install-recommends "${@:1:$#-1}" >/dev/null
    chroot "$root" apt-get clean
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/log/*.log "$root"/var/log/apt "$root"/var/cache/ldconfig/*
    umount "$root/proc"
    : >"$root/etc/resolv.conf"
}
