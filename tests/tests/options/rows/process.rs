//! What runs: its words, environment, place and streams.

use crate::compare::{Difference, differs};
use crate::row::{Row, inside, outside, row};

/// Of the host's whole environment.
const OWN_VARIABLES: &[Difference] = &[differs(
    "Config.Env",
    "Podman's has variables of its own, and each engine is called by its name in `_`",
)];

pub const ROWS: &[Row] = &[
    row(
        "--entrypoint",
        &[
            outside("--entrypoint /bin/echo", "pontoon run --rm @O @B a b", "a b"),
            outside("--entrypoint '[\"/bin/echo\",\"x y\"]'", "pontoon run --rm @O @B a", "x y a"),
            outside("--entrypoint ''", "pontoon run --rm @O @B echo a", "a"),
        ],
    ),
    row(
        "--env",
        &[
            inside("--env A=1 -e B= -e HOSTVAR -e NOTSET", "env | grep -E '^(A|B|HOSTVAR|NOTSET)=' | sort", "A=1\nB=\nHOSTVAR=x"),
            inside("-e 'HOSTV*'", "echo $HOSTVAR", "x"),
            inside("-e PATH=/p:/bin -e HOME=/h", "echo $PATH $HOME", "/p:/bin /h"),
            inside("-e 'A=two words=\"q\"'", "echo \"$A\"", "two words=\"q\""),
        ],
    )
    .wrong(&["=x"]),
    row("--env-file", &[inside("--env-file @D/env -e A=9", "echo $A $B $HOSTVAR", "9 2 x")]).wrong(&["/nosuch"]),
    row("--env-merge", &[inside("--env-merge 'PATH=${PATH}:/more'", "echo $PATH", "/bin:/more")])
        .wrong(&["nokey"]),
    row("--env-host", &[inside("--env-host", "echo $HOSTVAR $LOGNAME", "x alice").but(OWN_VARIABLES),
            inside("--env-host -e HOSTVAR=y", "echo $HOSTVAR $HOME", "y /home/alice").but(OWN_VARIABLES)]).wrong(&["maybe"]),
    row(
        "--http-proxy",
        &[
            inside("--http-proxy=true", "echo $ftp_proxy", "ftp://proxy").with("ftp_proxy=ftp://proxy"),
            inside("--http-proxy=false", "echo [$ftp_proxy]", "[]").with("ftp_proxy=ftp://proxy"),
        ],
    )
    .wrong(&["maybe"]),
    row(
        "--unsetenv",
        &[inside("--unsetenv IMAGE", "echo [$IMAGE] $PATH", "[] /bin"),
            inside("--unsetenv PATH --unsetenv container", "tr '\\0' '\\n' </proc/1/environ | cut -d= -f1 | sort | tr '\\n' ' '", "HOME HOSTNAME IMAGE")],
    ),
    row(
        "--unsetenv-all",
        &[inside("--unsetenv-all -e A=b", "env | cut -d= -f1 | sort | grep -v -e PWD -e SHLVL | tr '\\n' ' '", "A HOME HOSTNAME PATH"),
            inside("--unsetenv-all --env-host", "echo $HOSTVAR [$IMAGE]", "x []").but(OWN_VARIABLES)],
    )
    .wrong(&["maybe"]),
    row(
        "--workdir",
        &[inside("--workdir /data/sub", "pwd", "/data/sub"), inside("-w /data/../data/", "pwd", "/data").but(&[differs("Config.WorkingDir", "ours is without dots, as it will be")])],
    ),
    row(
        "--init",
        &[inside("--init", "test $$ != 1 && tr '\\0' '\\n' </proc/1/cmdline | grep -c -e init -e pontoon", "1").but(&[differs("Path", "the init of ours is no word of the command"), differs("Args", "the init of ours is no word of the command")])],
    )
    .wrong(&["maybe"]),
    row("--interactive", &[outside("--interactive", "echo piped | pontoon run --rm @O @B cat", "piped")])
        .wrong(&["maybe"]),
    row(
        "--tty",
        &[
            outside(
                "--tty",
                "script -qec 'pontoon run --rm @O @B tty' /dev/null </dev/null | tr -d '\\r'",
                "/dev/pts/0",
            ),
            outside(
                "--tty --interactive",
                "script -qec 'pontoon run --rm @O @B sh -c \"echo \\$TERM\"' /dev/null </dev/null | grep -o xterm",
                "xterm",
            ),
        ],
    )
    .wrong(&["maybe"]),
    row(
        "--detach",
        &[outside(
            "--detach",
            "pontoon run --stop-timeout 0 --name @N @O @B sleep 10000 | grep -cE '^[0-9a-f]{64}$'
             pontoon inspect --format '{{.State.Status}}' @N",
            "1\nrunning",
        )
        .unlike("`create` has no such option")],
    )
    .wrong(&["maybe"]),
    row(
        "--detach-keys",
        &[outside(
            "--detach-keys a,b",
            "mkfifo @D/out/keys; script -qec 'pontoon run -it --stop-timeout 0 --name @N @O @B sh -c \"echo up; sleep 10000\"' /dev/null \
                 <@D/out/keys >@D/out/said & exec 4>@D/out/keys
             until grep -q up @D/out/said; do :; done; printf ab >&4; wait $!
             pontoon inspect --format '{{.State.Status}}' @N",
            "running",
        )
        .unlike("Podman's `create` has no such option")],
    )
    .wrong(&["ctrl-nosuch"]),
    row(
        "--sig-proxy",
        &[outside(
            "--sig-proxy=true",
            "touch @D/out/said; pontoon run --rm --name @N @O @B sh -c 'trap \"exit 5\" USR1; echo up; while :; do sleep 0.1; done' >@D/out/said &
             tail -f -n +1 --pid=$! @D/out/said 2>/dev/null | head -1; kill -USR1 $!; wait $! || echo $?",
            "up\n5",
        )
        .unlike("`create` has no such option")],
    )
    .wrong(&["maybe"]),
    row(
        "--preserve-fds",
        &[outside(
            "--preserve-fds 1",
            "exec 3<<<given; pontoon run --rm @O @B cat /dev/fd/3",
            "given",
        )
        .unlike("`create` has no such option")],
    )
    .wrong(&["x"]),
    row(
        "--activate",
        &[outside(
            "--activate 8080",
            "systemd-socket-activate -l 127.0.0.1:8290 $(command -v pontoon) run --rm --name @N --network none @O @B \
                 sh -c 'mkdir /w; echo led >/w/index.html; exec httpd -f -p 8080 -h /w' >/dev/null 2>&1 & \
             until curl -sf http://127.0.0.1:8290/; do sleep 0.1; done; pontoon stop -t 0 @N >/dev/null; wait",
            "led",
        )
        .unlike("Podman has no such option")],
    )
    .wrong(&["0", "many", "80/sctp"]),
    row(
        "--idle-timeout",
        &[outside(
            "--activate 8080 --idle-timeout 1",
            "systemd-socket-activate -l 127.0.0.1:8291 $(command -v pontoon) run --rm --name @N --stop-timeout 0 @O @B \
                 httpd -f -p 8080 >/dev/null 2>&1 & \
             until curl -s http://127.0.0.1:8291/ >/dev/null; do sleep 0.1; done; wait $!; echo $?",
            "0",
        )
        .unlike("Podman has no such option")],
    )
    .wrong(&["0", "soon"]),
    row(
        "--dry-run",
        &[outside(
            "--dry-run",
            "pontoon run --name @N @O @B >/dev/null; pontoon container exists @N || echo none",
            "none",
        )
        .unlike("Podman has no such option")],
    ),
    row(
        "--preserve-fd",
        &[outside(
            "--preserve-fd 7,5",
            "exec 5<<<five 6<<<six 7<<<seven; pontoon run --rm @O @B sh -c 'cat <&7; cat <&5; ls /proc/self/fd | tr \"\\n\" \" \"'",
            "seven\nfive\n0 1 2 3 5 7",
        )
        .unlike("`create` has no such option")],
    )
    .wrong(&["x", "9"]),
    row(
        "--attach",
        &[
            outside("--attach stdout", "pontoon run --rm @O @B sh -c 'echo out; echo err >&2' 2>&1", "out"),
            outside("--attach stderr", "pontoon run --rm @O @B sh -c 'echo out; echo err >&2' 2>&1", "err"),
            outside("--attach STDOUT,stdin -i", "echo in | pontoon run --rm @O @B sh -c 'cat; echo err >&2' 2>&1", "in"),
            outside("-a stdin -a stdout --attach stderr", "pontoon run --rm @O @B sh -c 'echo out; echo err >&2' 2>&1 | sort", "err\nout"),
            outside("--attach stdin -i", "echo in | pontoon run --name @N @O @B cat | grep -cE '^[0-9a-f]{64}$'; pontoon wait @N", "1\n0"),
        ],
    ),
    row(
        "--init-path",
        &[
            // Ours is a program of the host that needs nothing: it stands in for an init.
            outside(
                "--init --init-path /bin/busybox",
                "pontoon run --rm @O @B true 2>&1 | head -1 || true",
                "podman-init: applet not found",
            )
            .but(&[differs("Path", "what is run stands in the command"), differs("Args", "what is run stands in the command")]),
            outside("--init-path /nosuch", "pontoon run --rm @O @B echo ran", "ran"),
        ],
    ),
    row("--personality", &[inside("--personality LINUX32", "uname -m", "i686"), inside("--personality LINUX", "uname -m", "x86_64")]),
    row("--tz", &[
        inside("--tz Europe/Berlin", "TZ=CET-1CEST,M3.5.0,M10.5.0/3 date +%H:%z | cut -d: -f2 >/a; date +%z >/b; cmp /a /b && echo same", "same"),
        inside("--tz local", "date +%Z", "UTC"),
    ])
    .wrong(&["Mars/Phobos"]),
    row("--umask", &[inside("--umask 0077", "umask; touch /x; stat -c %a /x", "0077\n600")]).wrong(&["999", "x"]),
];
