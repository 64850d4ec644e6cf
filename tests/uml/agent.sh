#!/bin/bash
# Inside the UML host: runs the scripts that the harness sends over the serial line, one after another.
#
# A request is a line `USER SECONDS SCRIPT`, the script with `\n` for each newline and `\\` for each backslash. The answer is
# a line `@CODE LENGTH LENGTH`, then standard output and standard error of those lengths.
set -u
export LC_ALL=C
mkdir -p /run/testhost
cd /run/testhost || exit 1
stty -F /dev/ttyS0 raw -echo
exec 3<>/dev/ttyS0

# What changes from one run of the tests to the next is not on the disk that is kept: it is a tar archive on a second one.
if [ ! -e /var/lib/testhost-furnished ]; then
    tar -xf /dev/ubdb -C / && touch /var/lib/testhost-furnished
fi

# Becomes these words as that user, where a login would have put them.
become() {
    local user=$1 uid home path=/usr/local/bin:/usr/bin:/bin
    shift
    uid=$(id -u "$user") && home=$(getent passwd "$user" | cut -d: -f6) && cd "$home" || exit 125
    local login=(env -i "HOME=$home" "USER=$user" "LOGNAME=$user" SHELL=/bin/bash LANG=C.UTF-8)
    if [ "$user" = root ]; then
        exec "${login[@]}" "PATH=/usr/local/sbin:/usr/sbin:/sbin:$path" "$@"
    fi
    local scope=/sys/fs/cgroup/user.slice/user-$uid.slice/login-$user.scope
    if [ ! -d "$scope" ]; then
        systemd-run --quiet --unit="login-$user" --slice="user-$uid.slice" --scope sleep infinity >/dev/null 2>&1 &
        until [ -d "$scope" ]; do sleep 0.1; done
    fi
    echo "$BASHPID" >"$scope/cgroup.procs"
    exec setpriv --reuid "$uid" --regid "$uid" --init-groups "${login[@]}" "PATH=$path" \
        "XDG_RUNTIME_DIR=/run/user/$uid" "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$uid/bus" "$@"
}

echo "@ready" >&3
while read -r user seconds script <&3; do
    (become "$user" timeout --kill-after=5 "$seconds" bash -c "$(printf %b "$script")") </dev/null >stdout 2>stderr 3>&-
    code=$?
    { echo "@$code $(stat -c %s stdout) $(stat -c %s stderr)" && cat stdout stderr; } >&3
done
