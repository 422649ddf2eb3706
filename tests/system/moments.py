"""moments.py - what tests of processes wait for: a condition, however long the machine takes, never a time.

SPDX-License-Identifier: GPL-3.0-or-later"""
import fcntl
import glob
import struct
import termios
import time

LIMIT_S = 300  # whoever waits as long waits for what will not come


def until(condition, limit_s=LIMIT_S, pause_s=.01):
    """Whether it came true."""
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)
    return True


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def catches(process, number):
    """Has the process a handler for the signal by now? Before the first line of main nobody listens."""
    for line in _read(f"/proc/{process}/status").splitlines():
        if line.startswith("SigCgt:"):
            return int(line.split()[1], 16) >> (number - 1) & 1 == 1
    return False


def sleeps(process):
    """Do all threads of the process wait for something?"""
    states = [_read(path).rpartition(")")[2].split()[:1] for path in glob.glob(f"/proc/{process}/task/*/stat")]
    return bool(states) and all(state == ["S"] for state in states)


def unread(pipe):
    """How many bytes lie in a pipe."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))[0]
