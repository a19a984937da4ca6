"""Runs a program that ends with its parent: `python -m watchkeeper.lab.leash USER PROGRAM ARGUMENT...`.

A process of its own between fork and exec, since a parent with threads must not run code there. An empty user
means the present one.
"""

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1


def become(user: str) -> None:
    """Give up root for that user."""
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def main() -> None:
    """Become the user, tie this process to its parent, turn into the program."""
    user, program, *arguments = sys.argv[1:]
    if user:
        become(user)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    os.execv(program, [program, *arguments])


if __name__ == "__main__":
    main()
