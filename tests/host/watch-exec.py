"""Runs $COMMAND as alice under strace, holds every exec for a moment when it is done, and tells what the new program has open.

One line a program: its name and its descriptors beyond the standard ones, as NUMBER=TARGET.
"""
import os, subprocess, time

HOLD = 60_000  # microseconds
command = [
    "strace", "-f", "-qq", "-I2", "-o", "/dev/null", "-u", "alice", "-e", "trace=execve", "-e", "signal=none",
    "-e", f"inject=execve:delay_exit={HOLD}", "bash", "-c", os.environ["COMMAND"] + "; touch /tmp/watched",
]
environment = {
    "B": os.environ["B"], "HOME": "/home/alice", "USER": "alice", "PATH": "/usr/local/bin:/usr/bin:/bin",
    "XDG_RUNTIME_DIR": "/run/user/1000", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1000/bus",
}
if os.path.exists("/tmp/watched"):
    os.remove("/tmp/watched")
child = subprocess.Popen(command, env=environment, cwd="/home/alice", close_fds=True)


def read(path):
    with open(path) as file:
        return file.read()


seen = {}
over = None
started = time.monotonic()
while child.poll() is None:
    if over is None and os.path.exists("/tmp/watched"):
        over = time.monotonic()
    elif over is not None and time.monotonic() > over + 0.4:
        # What the command has left running is let go, when none of it is held any more.
        child.terminate()
        over = time.monotonic() + 5
    if time.monotonic() > started + 20:
        child.kill()
        raise SystemExit(f"`{os.environ['COMMAND']}` does not end; it has executed {seen}")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            status = read(f"/proc/{pid}/status")
            if f"\nTracerPid:\t{child.pid}\n" not in status or "\nState:\tt" not in status:
                continue
            # 59 is execve on x86_64, 221 on aarch64; a process in it is at its end, or it would have another program.
            if read(f"/proc/{pid}/syscall").split()[0] not in ("59", "221"):
                continue
            program = os.path.basename(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)"))
            if program.startswith("memfd:"):
                program = "pontoon-monitor"
            stray = []
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if int(fd) > 2:
                    stray.append(f"{fd}={os.readlink(f'/proc/{pid}/fd/{fd}')}")
            seen[(pid, program)] = stray
        except (OSError, IndexError):
            pass
    time.sleep(0.01)
for (_, program), stray in seen.items():
    if program not in ("bash", "strace"):
        print(" ".join([program] + stray))
