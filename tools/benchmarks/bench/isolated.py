"""Runs a command in a network of its own that has only loopback: a peer that looks for newer
releases of itself, or reports its use, gets nowhere, and what it listens on nobody else reaches.

As a program: python3 -m bench.isolated COMMAND..., inside `unshare --net`."""

import fcntl
import os
import socket
import struct
import subprocess
import sys

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
UNSHARE = ["unshare", "--user", "--map-root-user", "--net"]


def raise_loopback():
    """A new network has its loopback interface down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(s, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def command(wanted):
    return [*UNSHARE, sys.executable, "-m", "bench.isolated", *wanted]


def possible():
    """Whether this machine lets us; containers often do not."""
    try:
        done = subprocess.run(command(["true"]), capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    raise_loopback()
    os.execvp(sys.argv[1], sys.argv[1:])
