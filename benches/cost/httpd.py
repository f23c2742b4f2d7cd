"""Private httpds, and a client to ask them."""

import contextlib
import functools
import grp
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

# Seconds; under valgrind all is slow.
START_LIMIT = 120
STOP_LIMIT = 60

CONFIG = """
ServerRoot {root}
PidFile {root}/pid
ErrorLog {root}/error.log
Listen 127.0.0.1:{port}
ServerName localhost
{user}
LoadModule mpm_{mpm}_module {modules}/mod_mpm_{mpm}.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dir_module {modules}/mod_dir.so
LoadModule mime_module {modules}/mod_mime.so
LoadModule include_module {modules}/mod_include.so
TypesConfig /dev/null
MaxKeepAliveRequests 0
KeepAliveTimeout 60
LogLevel warn
<Directory "/">
    Require all granted
    AllowOverride None
    Options FollowSymLinks
</Directory>
"""


# How httpd is started: as one process, or as always.
SINGLE = ("-X",)
SERVER = ("-DFOREGROUND",)

# 16 workers.
SIZES = {
    "event": """
StartServers 1
ServerLimit 1
ThreadLimit 16
ThreadsPerChild 16
MaxRequestWorkers 16
MinSpareThreads 1
MaxSpareThreads 16
""",
    "prefork": """
StartServers 16
ServerLimit 16
MaxRequestWorkers 16
MinSpareServers 1
MaxSpareServers 16
""",
}


class Failed(Exception):
    """What ends the benchmark."""


def ask(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def find(*names):
    """The first of these programs that there is."""
    for name in names:
        path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if path:
            return path
    raise Failed(f"{' or '.join(names)} is missing: scripts/setup build bench")


def program():
    return find("apache2", "httpd")


@contextlib.contextmanager
def folder():
    """A folder of its own that httpd's children can read."""
    made = Path(tempfile.mkdtemp(prefix="realdoc-bench-", dir="/tmp"))
    try:
        made.chmod(0o755)
        yield made
    finally:
        shutil.rmtree(made)


@contextlib.contextmanager
def running(config, mpm="prefork", under=(), options=SINGLE):
    """An httpd that has this configuration. `under`: the command that is to run it."""
    with folder() as root:
        server = Httpd(root, config, mpm, under, options)
        try:
            server.wait_until_listening()
            yield server
        finally:
            server.stop()


class Httpd:
    """One httpd, from its start to its end."""

    def __init__(self, root, config, mpm, under, options):
        self.root = root
        self.port = free_port()
        conf = root / "httpd.conf"
        conf.write_text(
            CONFIG.format(
                root=root,
                port=self.port,
                mpm=mpm,
                user=user(),
                modules=modules(),
            )
            + SIZES[mpm]
            + config.replace("{port}", str(self.port)).replace("{modules}", modules())
        )
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [*under, program(), *options, "-f", conf],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(root / "stderr").open("w"),
            # At its end httpd signals the whole process group.
            start_new_session=True,
        )

    def wait_until_listening(self):
        while self.process.poll() is None and time.monotonic() < self.started + START_LIMIT:
            with contextlib.suppress(ConnectionRefusedError):
                self.connect().close()
                return
            time.sleep(0.001)
        raise Failed(f"httpd did not start:\n{self.messages()}")

    def connect(self):
        return Connection(self.port)

    def wait_until_idle(self):
        """Until `httpd -X` sleeps, waiting for the next request."""
        stat = Path(f"/proc/{self.process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "S":
            time.sleep(0.0001)

    def processes(self):
        """Parent and children."""
        parent = int((self.root / "pid").read_text())
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        return [parent, *map(int, children.split())]

    def processor_time(self):
        """Of all threads that there are, so far, in seconds."""
        nanoseconds = 0
        for process in self.processes():
            for thread in Path(f"/proc/{process}/task").iterdir():
                # One that only starts the others may be gone by now.
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    nanoseconds += int((thread / "schedstat").read_text().split()[0])
        return nanoseconds / 1e9

    def messages(self):
        texts = (self.root / name for name in ("stderr", "error.log"))
        return "\n".join(path.read_text() for path in texts if path.exists())

    def stop(self):
        """Ends httpd itself: what runs it then ends too, with all written."""
        for _ in range(STOP_LIMIT):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                os.kill(int((self.root / "pid").read_text()), signal.SIGTERM)
            try:
                self.process.wait(1)
                return
            except subprocess.TimeoutExpired:
                # With -X the signal may come just before httpd waits for a connection, and does not
                # wake it.
                with contextlib.suppress(OSError):
                    self.connect().close()
        self.process.kill()
        self.process.wait()
        raise Failed(f"httpd did not stop:\n{self.messages()}")


class Connection:
    """One kept-alive connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.answers = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.answers.close()
        self.socket.close()

    def get(self, path, host="localhost", status=200):
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answered = self.answers.readline()
        if f" {status} ".encode() not in answered:
            raise Failed(f"{path}: {answered!r} instead of {status}")
        headers = {}
        while (line := self.answers.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        if headers.get(b"transfer-encoding") == b"chunked":
            return self.read_chunks()
        return self.answers.read(int(headers[b"content-length"]))

    def read_chunks(self):
        body = b""
        while size := int(self.answers.readline(), 16):
            body += self.answers.read(size)
            self.answers.readline()
        self.answers.readline()
        return body


@functools.lru_cache
def modules():
    """Where httpd's modules are."""
    return ask(os.environ.get("APXS", "apxs"), "-q", "LIBEXECDIR")


def free_port():
    """Not one of those that the system gives to clients."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port


def user():
    """The directives for whom root's httpd is to run its children as."""
    if os.getuid() != 0:
        return ""
    names = ("www-data", "apache", "nobody")
    web = next(p for p in pwd.getpwall() if p.pw_name in names)
    return f"User {web.pw_name}\nGroup {grp.getgrgid(web.pw_gid).gr_name}"
