# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""tap.py - makes a TAP device in the network namespace that it runs in, then becomes a command there.

Usage: unshare -n ... tap.py NAME ADDRESS/BITS command ...    (scripts/network.py)
The command gets "tun=<descriptor>" as its last argument where the driver has no name /dev/net/tun: in a bare chroot
root makes the node in a private folder, opens it, and removes it at once.
Invariant: nothing is left on the machine; the device ends with its namespace. It needs no package beyond Python, and it makes no namespace itself.
"""
import errno
import fcntl
import os
import socket
import stat
import struct
import sys
import tempfile

TUN = "/dev/net/tun"
TUN_DEVICE = os.makedev(10, 200)
# <linux/if_tun.h>, <linux/sockios.h>, <linux/if.h>
TUNSETIFF, TUNSETPERSIST = 0x400454CA, 0x400454CB
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8913, 0x8914, 0x8916, 0x891C
IFF_UP = 1


def tun_open(count):
    """(descriptors of the TUN driver, whether it has a name that others can open)."""
    try:
        return [os.open(TUN, os.O_RDWR | os.O_NONBLOCK) for _ in range(count)], True
    except FileNotFoundError:
        with tempfile.TemporaryDirectory(prefix="cloister-", dir="/tmp") as folder:
            node = os.path.join(folder, "tun")
            os.mknod(node, stat.S_IFCHR | 0o600, TUN_DEVICE)
            return [os.open(node, os.O_RDWR | os.O_NONBLOCK) for _ in range(count)], False


def interface_up(control, name):
    flags = struct.unpack("16xh14x", fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16s16x", name)))[0]
    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", name, flags | IFF_UP))


def set_address(control, request, name, address):
    fcntl.ioctl(control, request, struct.pack("16sHH4s8x", name, socket.AF_INET, 0, address))


def make(name, address, bits):
    """The TAP device, up; returns the arguments that its user needs besides the name."""
    (tun, another), has_name = tun_open(2)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH14x", name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(tun, TUNSETPERSIST, 1)
    os.close(tun)
    try:
        # Its neighbour discovery would wake an idle system.
        with open(f"/proc/sys/net/ipv6/conf/{name.decode()}/disable_ipv6", "w", encoding="ascii") as setting:
            setting.write("1")
    except OSError:
        pass  # a kernel without IPv6, or a /proc that may not be written: it disturbs measurements, no more
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        interface_up(control, b"lo")
        set_address(control, SIOCSIFADDR, name, socket.inet_aton(address))
        set_address(control, SIOCSIFNETMASK, name, struct.pack("!I", 0xFFFFFFFF << (32 - bits) & 0xFFFFFFFF))
        interface_up(control, name)
    if has_name:
        os.close(another)
        return []
    os.set_inheritable(another, True)
    return [f"tun={another}"]


def main():
    name, (address, bits), command = sys.argv[1].encode(), sys.argv[2].split("/"), sys.argv[3:]
    try:
        further = make(name, address, int(bits))
    except OSError as error:
        without = error.errno in (errno.ENODEV, errno.ENXIO)
        print("Linux has no TUN driver here; as root: modprobe tun" if without else
              f"no TAP device: {error.strerror}" + (f" ({error.filename})" if error.filename else ""), file=sys.stderr)
        return 1
    os.execvp(command[0], [*command, *further])


if __name__ == "__main__":
    sys.exit(main())
