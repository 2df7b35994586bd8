# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""linux_guest.py - a Linux guest to compare with: Debian's cloud kernel, an initramfs of its busybox and redis-server.

Interface:
  fetch()                 the kernel's and busybox's packages, to O/sources/linux-guest; nothing is installed
  missing()               why there can be none here: one sentence, or None; fetches
  versions()              {package: version}
  build(machine)          (kernel, initramfs, the same compressed) for a machine type of pc.MACHINES
redis-server is the one of this machine (package redis-tools), with the libraries that it asks for; so are busybox's.
Invariant: nothing outside O is written. The packages stay as they were fetched; delete the folder to have newer ones.
"""
import glob
import gzip
import lzma
import os
import re
import shutil
import stat
import subprocess

import forward
import system

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ("linux-image-cloud-amd64", "busybox")
BUS = {True: "virtio_mmio", False: "virtio_pci"}   # by forward.is_mmio()
# More of what Firecracker and others tell Linux (8250, i8042, tsc, no_timer_check) made no difference here.
ARGUMENTS = ["console=ttyS0", "quiet", "panic=-1"]
NODES = {"console": (5, 1), "kmsg": (1, 11), "null": (1, 3), "urandom": (1, 9)}
LISTENING = r"^\[ *(\d+\.\d+)\].*Ready to accept connections"


def folder():
    return os.path.join(system.out_folder(), "sources", "linux-guest")


def tree():
    return os.path.join(folder(), "tree")


def fetch():
    """Once; the tree is the commit point."""
    if os.path.isdir(tree()):
        return
    done = subprocess.run([os.path.join(system.ROOT, "scripts", "setup.sh"), "--download", folder(), *PACKAGES],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise system.Failure(done.stderr.strip())
    new = f"{tree()}.new"
    shutil.rmtree(new, ignore_errors=True)
    for package in packages():
        subprocess.run(["dpkg-deb", "-x", package, new], check=True)
    os.rename(new, tree())


def packages():
    return sorted(glob.glob(os.path.join(folder(), "*.deb")))


def missing():
    if not shutil.which("redis-server"):
        return "redis-server is missing: run scripts/setup.sh"
    try:
        fetch()
    except system.Failure as failure:
        return f"the Linux guest's packages cannot be fetched: {failure}"
    return None


def versions():
    commands = [*(["dpkg-deb", "-W", package] for package in packages()), ["dpkg-query", "-W", "redis-tools"]]
    found = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for command in commands]
    return dict(line.split("\t") for line in "".join(found).splitlines())


def only(pattern):
    return sorted(glob.glob(os.path.join(tree(), pattern), recursive=True))[-1]


def libraries(programs):
    done = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True)
    return sorted(set(re.findall(r"(/\S+) \(0x", done.stdout)))


def modules(names):
    """Paths of the modules and of what they need, that first."""
    root = only("**/lib/modules/*")
    paths = glob.glob(f"{root}/kernel/**/*.ko*", recursive=True)
    files = {os.path.basename(path).split(".")[0]: path for path in paths}
    order = []

    def add(name):
        if name not in files:   # built into the kernel
            return
        data = module_bytes(files[name])
        needs = re.search(rb"\0depends=([^\0]*)\0", data)[1].decode()
        for other in filter(None, needs.split(",")):
            add(other)
        if name not in order:
            order.append(name)

    for name in names:
        add(name)
    return {f"{name}.ko": module_bytes(files[name]) for name in order}


def module_bytes(path):
    with open(path, "rb") as file:
        data = file.read()
    return lzma.decompress(data) if path.endswith(".xz") else data


class Archive:
    """A cpio archive in the one form that the kernel reads (newc)."""

    def __init__(self):
        self.data = bytearray()
        self.names = set()

    def add(self, name, mode, content=b"", device=(0, 0)):
        folder_of = os.path.dirname(name)
        if folder_of and folder_of not in self.names:
            self.add(folder_of, stat.S_IFDIR | 0o755)
        self.names.add(name)
        fields = (len(self.names), mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0)
        self.data += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        self.data += bytes(-len(self.data) % 4) + content
        self.data += bytes(-len(self.data) % 4)

    def whole(self):
        self.add("TRAILER!!!", 0)
        return bytes(self.data)


def build(machine):
    archive = Archive()
    busybox, server = only("**/bin/busybox"), shutil.which("redis-server")
    found = modules([BUS[forward.is_mmio(machine)], "virtio_net"])
    with open(os.path.join(HERE, "init"), encoding="utf-8") as text:
        archive.add("init", stat.S_IFREG | 0o755, text.read().replace("@MODULES@", " ".join(found)).encode())
    for name, content in found.items():
        archive.add(name, stat.S_IFREG | 0o644, content)
    for name, numbers in NODES.items():
        archive.add(f"dev/{name}", stat.S_IFCHR | 0o600, device=numbers)
    programs = {"bin/busybox": busybox, "bin/redis-server": server}
    for name, path in {**programs, **{path[1:]: path for path in libraries([busybox, server])}}.items():
        with open(path, "rb") as file:
            archive.add(name, stat.S_IFREG | 0o755, file.read())
    target = os.path.join(folder(), f"initramfs-{machine.split(',')[0]}")
    for path, data in ((target, archive.whole()), (f"{target}.gz", gzip.compress(bytes(archive.data), 9, mtime=0))):
        with open(path, "wb") as out:
            out.write(data)
    return only("boot/vmlinuz-*"), target, f"{target}.gz"
