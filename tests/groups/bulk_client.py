# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""bulk_client.py - large values there and back, compared byte by byte (runs inside a namespace).

Usage: bulk_client.py address port. Each way of reading has a connection of its own: as fast as it comes, with the smallest receive
buffer, and with small segments. Prints "right N" when N values came back as they were sent, and what the TAP counted meanwhile:
"frames_in N bytes_in N frames_out N bytes_out N" as the system sees them.
"""
import random
import socket
import sys

TAP = "ck0"
SIZES = (1, 1447, 1448, 1449, 65535, 65536, 200001, 4 << 20)
# (largest segment or None, receive buffer or None, sizes)
WAYS = ((None, None, SIZES), (None, 2304, SIZES[:-1]), (536, None, SIZES), (100, None, (65536,)))


def counted():
    """What the TAP has seen; its transmission is the system's reception."""
    with open("/proc/net/dev", encoding="ascii") as text:
        words = next(line for line in text if line.strip().startswith(TAP + ":")).split(":")[1].split()
    return [int(words[i]) for i in (9, 8, 1, 0)]


def read(connection, bytes_wanted):
    parts = []
    while bytes_wanted:
        part = connection.recv(min(bytes_wanted, 1 << 20))
        if not part:
            break
        parts.append(part)
        bytes_wanted -= len(part)
    return b"".join(parts)


def there_and_back(connection, name, value):
    connection.sendall(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(name), name, len(value), value))
    if read(connection, 5) != b"+OK\r\n":
        return False
    connection.sendall(b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(name), name))
    wanted = b"$%d\r\n%s\r\n" % (len(value), value)
    return read(connection, len(wanted)) == wanted


def main():
    address, port = sys.argv[1], int(sys.argv[2])
    generator = random.Random(1)
    before = counted()
    right = 0
    for segment, buffer, sizes in WAYS:
        connection = socket.socket()
        connection.settimeout(20)
        if segment:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.connect((address, port))
        for size in sizes:
            right += there_and_back(connection, b"bulk:%d" % size, generator.randbytes(size))
        connection.close()
    print(f"right {right}")
    print("frames_in {} bytes_in {} frames_out {} bytes_out {}".format(*(b - a for a, b in zip(before, counted()))))


main()
