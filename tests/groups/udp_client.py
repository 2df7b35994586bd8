# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""udp_client.py - a real UDP client for tests/components/udpecho, with malformed datagrams and a flood (runs inside a namespace).

Usage: udp_client.py own_address address. Prints "ok N" after N checks, or says which one was wrong and ends with 1.
"""
import random
import socket
import struct
import sys

PORT = 7
DATAGRAM_MAX = 1472
FLOOD = 20000
checks = 0


def equal(what, got, wanted):
    global checks
    checks += 1
    if got != wanted:
        sys.exit(f"{what}: got {got!r:.200}, wanted {wanted!r:.200}")


def connected(address, port=PORT):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(3)
    client.connect((address, port))
    return client


def asked(client, data):
    client.send(data)
    try:
        return client.recv(65536)
    except OSError as error:
        return repr(error)


def silent(client, data):
    """Whether data gets no answer: what is sent after it is answered first."""
    client.send(data)
    return asked(client, b"after") == b"after"


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(own, address, source, payload, told_bytes=None, wrong_sum=0, no_sum=False):
    """An IPv4 packet with a UDP datagram whose header tells told_bytes as its length."""
    told_bytes = 8 + len(payload) if told_bytes is None else told_bytes
    own, address = socket.inet_aton(own), socket.inet_aton(address)
    header = struct.pack("!HHHH", source, PORT, told_bytes, 0)
    total = checksum(own + address + struct.pack("!BBH", 0, 17, 8 + len(payload)) + header + payload) or 0xffff
    header = struct.pack("!HHHH", source, PORT, told_bytes, 0 if no_sum else total ^ wrong_sum)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 1, 0, 64, 17, 0, own, address)
    return ip + header + payload


def malformed(own, address):
    client = connected(address)
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    source = client.getsockname()[1]

    def send(**arguments):
        raw.sendto(packet(own, address, source, b"payload", **arguments), (address, 0))

    for name, arguments, answer in (
            ("well formed", {}, b"payload"),
            ("without a checksum", {"no_sum": True}, b"payload"),
            ("a wrong checksum", {"wrong_sum": 0x0100}, None),
            ("longer than the packet", {"told_bytes": 16, "no_sum": True}, None),
            ("much longer", {"told_bytes": 65535, "no_sum": True}, None),
            ("shorter than its header", {"told_bytes": 7, "no_sum": True}, None),
            ("length 0", {"told_bytes": 0, "no_sum": True}, None),
            ("shorter than the packet", {"told_bytes": 11, "no_sum": True}, b"pay"),
            ("only the header", {"told_bytes": 8, "no_sum": True}, b"")):
        send(**arguments)
        if answer is None:
            equal(name, asked(client, b"after"), b"after")
        else:
            equal(name, client.recv(65536), answer)


def main():
    own, address = sys.argv[1:3]
    generator = random.Random(1)
    client, other = connected(address), connected(address)
    for size in (0, 1, 2, 213, 214, 215, 1000, DATAGRAM_MAX - 1, DATAGRAM_MAX):
        data = generator.randbytes(size)
        equal(f"{size} bytes", asked(client, data), data)
    for number in range(100): # two clients in turn: to each its own
        equal("one", asked(client, b"one %d" % number), b"one %d" % number)
        equal("other", asked(other, b"other %d" % number), b"other %d" % number)
    for size in (DATAGRAM_MAX + 1, 3000, 60000): # arrive as fragments only
        equal(f"{size} bytes", silent(client, bytes(size)), True)
    equal("errors", asked(client, b"errors"), b"-90 -22 -22 -116 -22 -22")
    malformed(own, address)
    closed = connected(address, 8)
    closed.send(b"anybody?")
    try:
        closed.recv(100)
        equal("a closed port", "an answer", "ECONNREFUSED")
    except ConnectionRefusedError:
        equal("a closed port", "ECONNREFUSED", "ECONNREFUSED")
    for number in range(FLOOD):
        client.send(b"flood %d" % number)
    equal("the other during the flood", asked(other, b"still there?") in (b"still there?", "TimeoutError('timed out')"), True)
    client.settimeout(0.3)
    answers = 0
    try:
        while True:
            equal("an answer of the flood", client.recv(100)[:6], b"flood ")
            answers += 1
    except TimeoutError:
        pass
    equal("answers to the flood", 0 < answers <= FLOOD, True)
    client.settimeout(3)
    equal("after the flood", asked(client, b"after"), b"after")
    equal("bound again", asked(client, b"again"), b"-116 1")
    equal("after that", asked(client, b"after"), b"after")
    print(f"ok {checks}")


main()
