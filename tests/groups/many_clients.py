# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""many_clients.py - opens connections, uses all of them at the same time, closes them (runs inside a namespace).

Usage: many_clients.py address port connections. Every connection sets a key of its own; then all send GET before any reply
is read. Every other connection ends with a reset, the others with a FIN. Prints "right N" when N replies were right.
Nobody waits for anybody, but in all they are paced: the TAP's queue holds some hundred frames, and a reset that is dropped there
is never sent again, which leaves a connection at the other end.
"""
import resource
import socket
import struct
import sys
import time

PACE_FRAMES = 50
PACE_SECONDS = 0.002


def paced(connections):
    for number, connection in enumerate(connections):
        if number % PACE_FRAMES == 0:
            time.sleep(PACE_SECONDS)
        yield number, connection


def read(connection, wanted):
    got = b""
    while len(got) < len(wanted):
        part = connection.recv(4096)
        if not part:
            break
        got += part
    return got == wanted


def main():
    address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, count + 100) if most > 0 else count + 100, most))
    connections = [socket.create_connection((address, port), timeout=20) for _ in range(count)]
    for number, connection in paced(connections):
        connection.sendall(b"SET many:%d value-%05d\r\n" % (number, number))
    right = sum(read(connection, b"+OK\r\n") for connection in connections)
    for number, connection in paced(connections):
        connection.sendall(b"GET many:%d\r\n" % number)
    right += sum(read(connection, b"$11\r\nvalue-%05d\r\n" % number) for number, connection in enumerate(connections))
    for number, connection in paced(connections):
        if number % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    print(f"right {right}")


main()
