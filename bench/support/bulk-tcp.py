#!/usr/bin/env python3
"""A TCP flow that takes what it can get: what RFC 8867 calls a long one.

`bulk-tcp.py receive ADDRESS` says `port PORT` and swallows what comes; `bulk-tcp.py send ADDRESS PORT` sends until it is
ended, with CUBIC, or Reno where the kernel has no other.
"""

import contextlib
import socket
import sys

CHUNK_BYTES = 65536


def receive(address: str) -> None:
    with socket.create_server((address, 0)) as server:
        print(f"port {server.getsockname()[1]}", flush=True)
        connection, _ = server.accept()
        with connection:
            while connection.recv(CHUNK_BYTES):
                pass


def send(address: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        for algorithm in (b"reno", b"cubic"):
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, algorithm)
        connection.connect((address, port))
        chunk = bytes(CHUNK_BYTES)
        while True:
            connection.sendall(chunk)


if __name__ == "__main__":
    role, address, *rest = sys.argv[1:]
    if role == "receive":
        receive(address)
    else:
        send(address, int(rest[0]))
