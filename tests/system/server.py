"""server.py - a PostgreSQL server that a test makes and ends itself; without one the test is skipped.

SPDX-License-Identifier: GPL-3.0-or-later"""
import contextlib
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess

import moments


class Absent(SystemExit):
    """There is no server to test with; uncaught, the test counts as skipped."""


def skip(why):
    print(f"skipped: {why}")
    raise Absent(77)


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def programs():
    """The folder that holds initdb, postgres and psql."""
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True) + os.environ["PATH"].split(":")
    for folder in folders:
        if all(os.access(os.path.join(folder, name), os.X_OK) for name in ("initdb", "postgres", "psql")):
            return folder
    return skip("no PostgreSQL server is installed")


def unprivileged():
    """initdb refuses root: somebody else's name, or None where we are nobody special."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            pass
    return skip("no user but root")


class Server:
    def __init__(self, folder):
        self.bin, self.user, self.process = programs(), unprivileged(), None
        self.folder = folder
        self.data, self.log = os.path.join(folder, "data"), os.path.join(folder, "log")
        self.port = closed_port()
        if self.user:
            shutil.chown(folder, self.user)
        done = self.call("initdb", "-D", self.data, "-U", "owner", "-A", "trust", "-E", "UTF8",
                         "--locale=C", "--no-sync")
        if done.returncode != 0:
            skip(f"initdb fails here: {done.stderr[-500:]}")
        with open(os.path.join(self.data, "pg_hba.conf"), "w", encoding="utf-8") as file:
            file.write("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")

    def call(self, name, *words, **options):
        return subprocess.run([os.path.join(self.bin, name), *words], capture_output=True, text=True,
                              check=False, user=self.user, cwd=self.folder, **options)

    def start(self):
        for _ in range(5):  # somebody else may have taken the port meanwhile
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(
                    [os.path.join(self.bin, "postgres"), "-D", self.data, "-k", self.folder, "-F",
                     "-c", "listen_addresses=127.0.0.1", "-p", str(self.port), "-c", "TimeZone=Asia/Kolkata",
                     "-c", "DateStyle=German,DMY", "-c", "shared_buffers=16MB"],
                    stdout=log, stderr=log, user=self.user, cwd=self.folder)
            moments.until(lambda: self.process.poll() is not None or
                          self.psql("SELECT 1", check=False).returncode == 0)
            if self.process.poll() is None:
                return
            self.port = closed_port()
        with open(self.log, encoding="utf-8", errors="replace") as log:
            skip(f"the server does not start here: {log.read()[-800:]}")

    def stop(self, number=signal.SIGINT):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=moments.LIMIT_S)
            self.process = None

    def psql(self, statement, check=True):
        done = self.call("psql", "-h", self.folder, "-p", str(self.port), "-U", "owner", "-d", "postgres",
                         "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", input=statement)
        if check and done.returncode != 0:
            raise AssertionError(f"psql: {done.stderr}")
        return done

    def wait_until(self, condition):
        return moments.until(lambda: self.psql(f"SELECT {condition}").stdout.strip() == "t")

    @contextlib.contextmanager
    def locked(self):
        """While a lock is held that LOCKED waits for."""
        with subprocess.Popen([os.path.join(self.bin, "psql"), "-h", self.folder, "-p", str(self.port), "-U", "owner",
                               "-d", "postgres", "-X", "-q", "-f", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, text=True, user=self.user, cwd=self.folder) as holder:
            holder.stdin.write("SELECT pg_advisory_lock(4711);\n")
            holder.stdin.flush()
            if not self.wait_until("EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted)"):
                raise AssertionError("the lock was not granted")
            yield
            holder.stdin.close()

    @property
    def address(self):
        return f"postgresql://owner@/postgres?host={self.folder}&port={self.port}"
