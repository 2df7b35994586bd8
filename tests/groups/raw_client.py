# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""raw_client.py - sends stdin to address:port in pieces and prints what comes back (runs inside a namespace).

Usage: raw_client.py address port piece_bytes wanted_bytes. Ends when wanted_bytes arrived, the peer closed, or nothing
came for two seconds; then waits a little for bytes that should not come.
"""
import socket
import sys


def main():
    address, port, piece, wanted = sys.argv[1], *map(int, sys.argv[2:5])
    data = sys.stdin.buffer.read()
    connection = socket.create_connection((address, port), timeout=5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(2)
    reply = b""
    try:
        for start in range(0, len(data), piece or len(data) or 1):
            connection.sendall(data[start:start + (piece or len(data))])
    except OSError:
        pass  # the peer may close on malformed input before it has all of it
    try:
        while len(reply) < wanted:
            part = connection.recv(65536)
            if not part:
                reply += b"<closed>"
                break
            reply += part
        else:
            connection.settimeout(0.2)
            part = connection.recv(65536)
            reply += part or b"<closed>"
    except OSError:
        pass
    sys.stdout.buffer.write(reply)


main()
