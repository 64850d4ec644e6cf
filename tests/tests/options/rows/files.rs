//! What it sees of files.

use crate::compare::differs;
use crate::differences::{BOUND, STORE};
use crate::row::{Row, becomes, inside, outside, row};

pub const ROWS: &[Row] = &[
    row(
        "--volume",
        &[
            inside("--volume @D/shared:/in", "cat /in/file", "shared"),
            inside("-v @D/shared:/in:ro", "touch /in/x 2>/dev/null || echo closed", "closed"),
            inside("-v table-volume:/data", "cat /data/file", "hello"),
            inside("-v /data", "cat /data/file; grep -c ' /data ' /proc/self/mountinfo", "hello\n1").but(&[differs("Mounts.0.Name", "a name by chance"), differs("Mounts.0.Source", "a name by chance"), differs("HostConfig.Binds.0", "a name by chance")]),
            inside("-v @D/shared:/in:rw,noexec,nosuid", "grep ' /in ' /proc/self/mountinfo | grep -o noexec", "noexec"),
            inside("-v @D/shared:/in", "grep ' /in ' /proc/self/mountinfo | cut -d' ' -f6", "rw,relatime"),
            inside("-v table-volume:/in:z,noexec,suid", "grep ' /in ' /proc/self/mountinfo | cut -d' ' -f6", "rw,nodev,noexec,relatime"),
            inside("-v @D/shared:/in:idmap,rslave", "stat -c %u /in/file", "0"),
            inside("-v @D/link:/in:no-dereference", "readlink /in", "shared"),
            inside("-v table-volume:/in:ro,nocopy", "ls /in/nothing 2>/dev/null; touch /in/x 2>/dev/null || echo closed", "closed"),
        ],
    )
    .wrong(&["/nosuch:/in", "relative:in", "@D/shared:/in:bogus", "@D/shared:/in:noatime"]),
    row(
        "--mount",
        &[
            inside("--mount type=bind,source=@D/shared,target=/in,readonly", "cat /in/file; touch /in/x 2>/dev/null || echo closed", "shared\nclosed"),
            inside("--mount type=volume,source=table-volume,destination=/data", "cat /data/file", "hello"),
            inside("--mount type=bind,src=@D/shared,dst=/in,bind-propagation=slave,bind-nonrecursive,relabel=shared,consistency=cached", "cat /in/file", "shared"),
            inside("--mount type=bind,src=@D/shared,dst=/in,no-dereference,idmap", "cat /in/file", "shared"),
            inside("--mount type=image,src=@B,dst=/in", "cat /in/data/file; touch /in/x 2>/dev/null || echo closed", "hello\nclosed"),
            inside("--mount type=image,src=@B,dst=/in,rw=true,subpath=/data", "cat /in/file; touch /in/x && echo open", "hello\nopen"),
            inside("--mount type=glob,src=@D/sh*,dst=/in,ro", "cat /in/shared/file; touch /in/shared/x 2>/dev/null || echo closed", "shared\nclosed"),
            inside("--mount type=ramfs,dst=/in", "grep -c ' - ramfs ' /proc/self/mountinfo", "1"),
            inside("--mount type=tmpfs,dst=/m,notmpcopyup,U", "stat -c '%u %a' /m", "0 1777"),
            inside("--mount type=volume,dst=/m,volume-opt=type=tmpfs,volume-opt=o=size=1m", "df -k /m | tail -1 | awk '{ print $2 }'", "1024").but(&[differs("Mounts.0.Options", "Podman tells the volume's options, each twice"), differs("Mounts.0.Name", "a name by chance"), differs("Mounts.0.Source", "a name by chance"), differs("HostConfig.Binds.0", "a name by chance")]),
            inside("--mount type=volume,src=table-volume,dst=/in,subpath=sub", "cat /in/file", "deep"),
            inside("--mount type=tmpfs,dst=/m,tmpfs-size=1m,tmpfs-mode=700", "df -k /m | tail -1 | awk '{ print $2 }'; stat -c %a /m", "1024\n700"),
        ],
    )
    .wrong(&["type=bogus,target=/in", "type=bind,source=/nosuch,target=/in", "type=tmpfs", "type=glob,src=/nosuch*,dst=/in", "type=bind,src=@D/shared,dst=/in,subpath=../x", "type=image,src=x,dst=/in,bogus"]),
    row(
        "--tmpfs",
        &[
            inside("--tmpfs /scratch:size=1m,mode=700,noexec", "stat -c %a /scratch; df -k /scratch | tail -1 | awk '{ print $2 }'", "700\n1024"),
            inside("--tmpfs /data", "cat /data/file", "hello"),
        ],
    )
    .wrong(&["relative", "/scratch:bogus"]),
    row("--shm-size", &[inside("--shm-size 1m", "df -k /dev/shm | tail -1 | awk '{ print $2 }'", "1024")]).wrong(&["x"]),
    row(
        "--rootfs",
        &[outside(
            "--rootfs --network none",
            "pontoon create --name @N @B >/dev/null; mkdir @D/out/tree; pontoon export @N | tar -xC @D/out/tree
             pontoon run --rm @O @D/out/tree cat /data/file; rm -r @D/out/tree",
            "hello",
        )
        .unlike("the first word is a directory then, and the table's is an image")],
    )
    .wrong(&["maybe"]),
    row("--read-only", &[inside("--read-only", "touch /x 2>/dev/null || echo closed; touch /tmp/x && echo open", "closed\nopen")])
        .wrong(&["maybe"]),
    row(
        "--read-only-tmpfs",
        &[
            inside("--read-only --read-only-tmpfs=false", "touch /tmp/x 2>/dev/null || echo closed", "closed"),
            inside("--read-only --read-only-tmpfs=true", "touch /tmp/x && echo open", "open"),
        ],
    )
    .wrong(&["maybe"]),
    row(
        "--secret",
        &[
            inside("--secret table-secret", "cat /run/secrets/table-secret; stat -c ' %u %g %a' /run/secrets/table-secret", "hidden 0 0 444").but(&[differs("Config.Secrets.0.ID", "each secret has its own")]),
            inside("--secret table-secret,uid=33,gid=34,mode=0400,target=other", "stat -c '%u %g %a' /run/secrets/other", "33 34 400").but(&[differs("Config.Secrets.0.ID", "each secret has its own")]),
            inside("--secret table-secret,type=env,target=SEEN", "echo $SEEN", "hidden").but(&[differs("Config.Env", "ours names the variable before the first start, too")]),
        ],
    )
    .wrong(&["nosuch", "table-secret,bogus=1"]),
    row(
        "--volumes-from",
        &[
            inside("--volumes-from giver", "cat /given/file; touch /kept/new && echo open", "shared\nopen").but(BOUND),
            inside("--volumes-from giver:ro", "cat /given/file; touch /kept/new || echo closed", "shared\nclosed").but(BOUND),
        ],
    )
    .wrong(&["nosuch", "giver:bogus"]),
    row(
        "--chrootdirs",
        &[inside("--chrootdirs /data --tmpfs /data", "ls /data/etc | tr '\\n' ' '; cmp /etc/hosts /data/etc/hosts && echo same", "hostname hosts resolv.conf same")],
    ),
    row(
        "--log-driver",
        &[
            outside("--log-driver k8s-file", "pontoon run --name @N @O @B echo said >/dev/null; pontoon logs @N", "said").but(&[differs("HostConfig.LogConfig.Path", STORE)]),
            outside("--log-driver json-file", "pontoon run --name @N @O @B echo said >/dev/null; pontoon logs @N", "said").but(&[differs("HostConfig.LogConfig.Path", STORE)]),
            becomes("--log-driver journald", "pontoon run --name @N @O @B echo said >/dev/null",
                "pontoon logs @N", "said"),
            outside("--log-driver none", "pontoon run --name @N @O @B echo said; pontoon logs @N 2>/dev/null || echo nothing", "said\nnothing"),
            outside("--log-driver passthrough", "pontoon run --name @N @O @B echo said", "said"),
            outside("--log-driver passthrough", "pontoon run -d --name @N @O @B echo said >@D/out/said 2>&1; pontoon wait @N >/dev/null; grep -c said @D/out/said", "1"),
            outside("--log-driver passthrough-tty", "script -qec 'pontoon run --name @N @O @B tty' /dev/null </dev/null | grep -c -e dev -e tty", "1").but(&[differs("HostConfig.LogConfig.Path", "ours keeps nothing then")]),
        ],
    )
    .wrong(&["bogus"]),
    row(
        "--log-opt",
        &[
            outside("--log-driver k8s-file --log-opt path=@D/out/log", "pontoon run --name @N @O @B echo said >/dev/null; cut -d' ' -f2- @D/out/log", "stdout F said"),
            outside("--log-driver k8s-file --log-opt path=log", "cd @D/out && pontoon run --rm @O @B echo said >/dev/null; cut -d' ' -f2- log", "stdout F said").but(&[differs("HostConfig.LogConfig.Path", "ours is told in full, wherever it is started from")]),
            outside("--log-driver k8s-file --log-opt max-size=1024", "pontoon run --name @N @O @B sh -c 'for i in $(seq 200); do echo a line; /bin/true; done' >/dev/null
                 test $(stat -c %s $(pontoon inspect --format '{{.HostConfig.LogConfig.Path}}' @N)) -lt 4000 && echo cut", "cut").but(&[differs("HostConfig.LogConfig.Path", STORE)]),
            becomes("--log-driver journald --log-opt label=COLOUR=red", "pontoon run --name @N @O @B echo said >/dev/null",
                "pontoon logs @N >/dev/null; journalctl --user -o json CONTAINER_NAME=@N | grep -c '\"COLOUR\":\"red\"'", "1"),
            becomes("--log-driver journald --log-opt tag=marked", "pontoon run --name @N @O @B echo said >/dev/null",
                "pontoon logs @N >/dev/null; journalctl --user -o json CONTAINER_NAME=@N | grep -c marked", "1"),
        ],
    )
    .wrong(&["max-size=x"]),
];
