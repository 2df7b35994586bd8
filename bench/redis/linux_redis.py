# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""linux_redis.py - Debian's redis-server on Linux, for comparison: in a network namespace of its own over a veth pair.

LinuxRedis has of system.System what the benchmark uses: start, command, metered, kill. The client's namespace is the
outer one. Both live only as long as the processes in them; nothing leaves the machine.
"""
import shutil

import network
import system

SERVER = f"""
while ! ip link show ck1 >/dev/null 2>&1; do sleep 0.02; done
ip link set lo up
ip addr add {system.ADDRESS}/24 dev ck1
ip link set ck1 up
exec setpriv --pdeathsig KILL redis-server --port {system.PORT} --bind {system.ADDRESS} --protected-mode no --save '' \
    --appendonly no --daemonize no --dir /tmp --logfile /dev/null
"""
OUTER = f"""
set -e
ip link set lo up
ip link add ck0 type veth peer name ck1
unshare -n sh -c "$1" &
echo server $!
while [ "$(readlink /proc/$!/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do sleep 0.02; done
ip link set ck1 netns $!
ip addr add {system.HOST_ADDRESS}/24 dev ck0
ip link set ck0 up
wait
"""


def missing():
    """Why it cannot be compared here; None when it can."""
    if not shutil.which("redis-server"):
        return "redis-server is missing: run scripts/setup.sh"
    return None


class LinuxRedis(system.System):
    """The server; start() returns when it answers."""

    def __init__(self, tsc_khz, cpu=None):
        super().__init__("redis-server", cpu=cpu)
        self.server, self.tsc_khz = None, tsc_khz

    def launch_command(self):
        options = network.namespace()[0][0]
        command = ["unshare", *options, *network.KILLED_WITH_US, "sh", "-c", OUTER, "sh", SERVER]
        return command if self.cpu is None else ["taskset", "-c", str(self.cpu), *command]

    def start(self):
        super().start()
        self.server = int(self.wait_for(r"^server (\d+)$", 10)[0][1])
        for _ in range(100):
            if self.redis("PING") == "PONG":
                return self
        raise system.Failure(self.report("redis-server does not answer"))

    def statistics(self, timeout=10):
        return {**{kind: {} for kind in system.COUNTED}, "tsc_khz": self.tsc_khz}

    def cpu_ns(self):
        """The main thread's: with one client thread it does all the work, its system calls included."""
        with open(f"/proc/{self.server}/schedstat", encoding="ascii") as text:
            return int(text.read().split()[0])
