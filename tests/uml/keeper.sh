#!/bin/bash
# Keeps one UML host: starts the kernel, and cuts its power when standard input ends.
#
# The harness holds the other end of standard input. However the harness ends, the kernel of this machine closes it, so
# nothing goes on after a SIGKILL either. Standard output and RUN/in are the serial line, RUN/console has what the kernel
# says. AppArmor is the security module: of Debian's kernel it has to be asked for. Arguments: RUN (directory of this host: what changes of its disk lies there, too), KERNEL (the root file system
# that the kernel runs in), DISK (the disk to start from; it is not written to), MEMORY.
set -u
run=$1 kernel=$2 disk=$3 memory=$4

unshare --mount --pid --fork --kill-child --propagation private bash -euc '
    run=$1 kernel=$2 disk=$3 memory=$4
    mount --bind "$kernel" "$run/kernel"
    cd "$run/kernel"
    mount -t proc proc proc
    mount --rbind /dev dev
    # The memory of the machine is a file here, of as many pages as it has touched.
    mount -t tmpfs -o size=100% tmpfs tmp
    mkdir tmp/run tmp/disks
    mount --bind "$run" tmp/run
    mount --bind "${disk%/*}" tmp/disks
    exec env -i PATH=/usr/sbin:/usr/bin TMPDIR=/tmp HOME=/tmp chroot . linux.uml "mem=$memory" \
        "ubd0=/tmp/run/disk,/tmp/disks/${disk##*/}" ubd1r=/tmp/run/furniture root=/dev/ubda rw \
        ssl0=fd:0,fd:1 con0=null,fd:2 con=null console=tty0 lsm=apparmor systemd.show_status=no
' keeper "$run" "$kernel" "$disk" "$memory" <"$run/in" 2>>"$run/console" &
machine=$!
# The end of the serial line is the end of the machine: nobody else may hold it.
exec >/dev/null
cat
kill -9 $machine 2>/dev/null
wait
