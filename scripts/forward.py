# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""forward.py - how clients reach a system under QEMU: links like those of network.py, with QEMU's words for them.

Interface:
  Forward(port)           QEMU's user networking, with a port of 127.0.0.1 forwarded to the system; needs no right
  Tap()                   a TAP device in a network namespace, which alone offers checksums and segmentation
  Stream(port)            passt
  for_load(driver)        the best of them here for many clients at once, and how many of them it can take
  options(machine)        of both: what QEMU's command line says, for PCI or, on microvm, for MMIO
  entropy(machine, ...)   the same for a source of entropy; settings: of the device; backend: whence its bytes
Invariant: as in network.py: nothing but 127.0.0.1 reaches the system, and it reaches nobody.
"""
import socket

import network

# QEMU's user networking listens with a backlog of 1: of more connections at once Linux may keep some waiting for ever.
FORWARD_CLIENTS = 2
GUEST_ADDRESS = "10.0.2.15"
GATEWAY = "10.0.2.2"
MMIO_IS_MODERN = ["-global", "virtio-mmio.force-legacy=false"]


def is_mmio(machine):
    return machine.split(",")[0] == "microvm"


def device(machine, kind, settings=""):
    if is_mmio(machine):
        return [*MMIO_IS_MODERN, "-device", f"virtio-{kind}-device{settings}"]
    return ["-device", f"virtio-{kind}-pci,disable-legacy=on{settings}"]


def entropy(machine, settings="", backend="rng-random,filename=/dev/urandom"):
    return ["-object", f"{backend},id=entropy", *device(machine, "rng", f",rng=entropy{settings}")]


class Forward(network.NoLink):
    def __init__(self, port=None):
        super().__init__(port)
        self.address = network.LOOPBACK
        self.arguments = [f"ip={GUEST_ADDRESS}/24", f"gw={GATEWAY}"]

    def open(self, cpu=None):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((self.address, self.port))
            except OSError as error:
                raise network.Failure(f"Port {self.port} of 127.0.0.1 is taken ({error.strerror}); stop who has it, or "
                                      "choose another: PORT=") from error

    def options(self, machine):
        rule = f"tcp:{self.address}:{self.port}-{GUEST_ADDRESS}:{network.PORT}"
        return ["-netdev", f"user,id=link,restrict=on,hostfwd={rule}", *device(machine, "net", ",netdev=link")]

    def inside(self, pid, command):
        return list(command)


class Stream(network.Stream):
    def options(self, machine):
        path = next(word for word in self.arguments if word.startswith("stream=")).removeprefix("stream=")
        return ["-netdev", f"stream,id=link,server=off,addr.type=unix,addr.path={path}",
                *device(machine, "net", ",netdev=link")]


class Tap(network.Tap):
    def options(self, machine):
        return ["-netdev", f"tap,id=link,ifname={network.TAP},script=no,downscript=no,vnet_hdr=on",
                *device(machine, "net", ",netdev=link")]


def for_load(driver):
    """(path, a function that makes its link, most clients), by system.driver()'s word for what works here."""
    return {"tap": ("tap", Tap, None), "stream": ("stream", lambda: Stream(network.free_port()), None)}.get(
        driver, ("user", lambda: Forward(network.free_port()), FORWARD_CLIENTS))
