"""A site with PHP that is deployed, and the private httpd and PHP-FPM that serve it."""

import grp
import http.client
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import application

# Set by the program: the module, and where sites are made.
MODULE = DIRECTORY = None

FILES = 600
# So many releases are kept, as deploy tools do; opcache does not notice that the others are
# deleted.
KEEP = 5
# How often each route is requested when the release has been loaded.
ROUNDS = 2
# How long anything may take to happen, in seconds.
LIMIT = 30

A_DAY_AGO = int(time.time()) - 86_400
STARTED = []

HTTPD = """
ServerRoot {root}
PidFile {root}/httpd.pid
ErrorLog {root}/httpd.log
Listen 127.0.0.1:{port}
ServerName localhost
{user}
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule alias_module {modules}/mod_alias.so
LoadModule realdoc_module {module}
MaxKeepAliveRequests 0
KeepAliveTimeout 300
DocumentRoot {root}/app/current/web
Alias /admin {root}/admin
<Directory "/">
    Require all granted
    AllowOverride None
    Options FollowSymLinks
</Directory>
{directives}
"""

BY_FPM = """
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_fcgi_module {modules}/mod_proxy_fcgi.so
<FilesMatch "\\.php$">
    SetHandler "proxy:unix:{root}/socket|fcgi://localhost"
</FilesMatch>
"""

BY_MODULE = """
LoadModule mpm_prefork_module {modules}/mod_mpm_prefork.so
LoadModule php_module {php_module}
<FilesMatch "\\.php$">
    SetHandler application/x-httpd-php
</FilesMatch>
"""

FPM = """
[global]
error_log = {root}/fpm.log
process_control_timeout = {timeout}
[www]
{user}
listen = {root}/socket
listen.mode = 0666
pm = static
pm.max_children = {children}
{settings}
"""

# Scripts beside the application, as an administrator has them.
ADMIN = {
    "status.php": """<?php
echo json_encode(opcache_get_status(false) + ['ini' => ini_get_all(null, false)]);
""",
    "reset.php": "<?php echo json_encode(opcache_reset());",
    # A request that runs until the file is gone.
    "hold.php": """<?php
touch(__DIR__ . '/held');
for ($i = 0; $i < 3000 && file_exists(__DIR__ . '/held'); $i++) { usleep(10000); clearstatcache(); }
echo json_encode('done');
""",
}


def ask(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def find(*patterns, among=(*os.environ["PATH"].split(":"), "/usr/sbin", "/usr/local/sbin")):
    """A program, or a file in directories; PHP's names carry its version on Debian."""
    for directory in among:
        for pattern in patterns:
            for path in sorted(Path(directory).glob(pattern), reverse=True):
                return str(path)
    sys.exit(f"no {' or '.join(patterns)} found: make setup")


def interrupted(*_):
    """Ends all servers, and by that the threads that use them."""
    for process in STARTED:
        process.terminate()
    sys.exit("interrupted")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait(what, is_so):
    end = time.monotonic() + LIMIT
    while not is_so():
        if time.monotonic() > end:
            sys.exit(f"waited {LIMIT} s in vain: {what}")
        time.sleep(0.02)


def flip(link, target):
    """What a deploy does, by rename(2)."""
    new = link.with_name(link.name + ".new")
    new.symlink_to(target)
    new.rename(link)


class Site:
    """An application and the httpd and PHP-FPM that serve it, in a directory of their own."""

    def __init__(self, files=FILES, settings=None, of_pool=None, timeout=0, children=4, directives="", php=BY_FPM):
        self.root = Path(tempfile.mkdtemp(dir=DIRECTORY))
        self.root.chmod(0o755)
        self.app, self.build = self.root / "app", self.root / "build"
        # As in php.ini.
        self.settings = [argument for name, value in (settings or {}).items() for argument in ("-d", f"{name}={value}")]
        self.php, self.failed, self.old = php, 0, 0
        self.left, self.starts = {}, 1
        # httpd wants a document root to start with.
        (self.app / "releases/0/web").mkdir(parents=True)
        (self.app / "current").symlink_to("releases/0")
        (self.root / "admin").mkdir()
        (self.root / "admin").chmod(0o777)
        for script, text in ADMIN.items():
            self.write(self.root / "admin" / script, text)
        for file, text in application.files(files).items():
            self.write(self.build / file, text)
        self.port = free_port()
        modules = ask(os.environ.get("APXS", "apxs"), "-q", "LIBEXECDIR")
        values = {
            "root": self.root,
            "port": self.port,
            "module": MODULE,
            "modules": modules,
            "php_module": find("libphp*.so", among=[modules]) if php is BY_MODULE else "",
            "settings": "\n".join(f"php_admin_value[{name}] = {value}" for name, value in (of_pool or {}).items()),
            "timeout": timeout,
            "children": children,
        }
        values["directives"] = (php + directives).format(**values)
        httpd_user = fpm_user = ""
        if os.getuid() == 0:
            web = next(p for p in pwd.getpwall() if p.pw_name in ("www-data", "apache", "nobody"))
            group = grp.getgrgid(web.pw_gid).gr_name
            httpd_user, fpm_user = f"User {web.pw_name}\nGroup {group}", f"user = {web.pw_name}\ngroup = {group}"
        (self.root / "httpd.conf").write_text(HTTPD.format(user=httpd_user, **values))
        (self.root / "fpm.conf").write_text(FPM.format(user=fpm_user, **values))

    def __enter__(self):
        commands = [[find("apache2", "httpd"), "-DFOREGROUND", "-f", self.root / "httpd.conf"]]
        if self.php is BY_FPM:
            commands.insert(0, [find("php-fpm*"), *self.settings, "--nodaemonize", "--fpm-config", self.root / "fpm.conf"])
        with (self.root / "output").open("ab") as output:
            # Of a group of its own: mpm_prefork ends the whole group that it is of.
            self.processes = [
                subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True) for command in commands
            ]
        STARTED.extend(self.processes)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        try:
            wait("httpd and PHP-FPM run", self.runs)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind, *_):
        # While it starts anew PHP-FPM does not heed a signal.
        if kind is None:
            wait("PHP is back", self.is_back)
        self.stop()

    def stop(self):
        self.connection.close()
        for process in reversed(self.processes):
            process.terminate()
            process.wait(LIMIT)

    def write(self, path, text, time_of_change=0):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        # Long ago: opcache takes no file that is younger than two seconds.
        past = A_DAY_AGO + time_of_change
        os.utime(path, (past, past))

    # Deploys

    def create(self, release):
        directory = self.app / "releases" / str(release)
        shutil.copytree(self.build, directory, copy_function=os.link)
        self.write(directory / "web/index.php", application.index(release), release)
        return Path("releases") / str(release)

    def deploy(self, release):
        """A directory of its own for each release; the oldest is deleted."""
        flip(self.app / "current", self.create(release))
        if release > KEEP:
            shutil.rmtree(self.app / "releases" / str(release - KEEP))

    def deploy_in_turn(self, release, part=1, time_of_change=None, before_flip=None):
        """Two directories in turn, A and B: writes every file, or a part (`10`: every tenth), as rsync does it."""
        directory, other = ("A", "B") if release % 2 else ("B", "A")
        time_of_change = release if time_of_change is None else time_of_change
        for number, source in enumerate(self.build.rglob("*.php")):
            name = self.app / directory / source.relative_to(self.build)
            if number % part == 0 or not name.exists():
                self.write(name, source.read_text(), time_of_change)
        self.write(self.app / directory / "web/index.php", application.index(release), time_of_change)
        # Nobody deploys every second: opcache.revalidate_freq (2) is over since the directory was
        # left.
        time.sleep(max(0, self.left.get(directory, 0) + 3 - time.monotonic()))
        if before_flip:
            before_flip()
        flip(self.app / "current", directory)
        self.left[other] = time.monotonic()

    # Requests

    def get(self, url, connection=None):
        connection = connection or self.connection
        connection.request("GET", url)
        answer = connection.getresponse()
        body = answer.read()
        return json.loads(body) if answer.status == 200 else answer.status

    def status(self, connection=None):
        return Status(self.get("/admin/status.php", connection))

    def page(self, route, release):
        page = self.get(f"/index.php?route={route}")
        if isinstance(page, int):
            self.failed += 1
        else:
            self.old += page["release"] != release
        return page

    def reset(self):
        self.get("/admin/reset.php")

    def load(self, release):
        """Each route once."""
        for route in range(application.ROUTES):
            self.page(route, release)

    def measure(self, release):
        """The release has been loaded: misses of a request, and its processor time."""
        before = self.status()
        pages = [self.page(route, release) for route in range(application.ROUTES) for _ in range(ROUNDS)]
        after = self.status()
        microseconds = sum(page["microseconds"] for page in pages if not isinstance(page, int))
        return after, (after.misses - before.misses) / len(pages), microseconds / len(pages)

    # The servers

    def runs(self):
        if any(process.poll() is not None for process in self.processes):
            sys.exit((self.root / "output").read_text())
        return self.is_back() and (self.root / "httpd.pid").exists()

    def is_back(self):
        log, line = ("fpm.log", "ready to handle") if self.php is BY_FPM else ("httpd.log", "resuming normal operations")
        log = self.root / log
        return log.exists() and log.read_text().count(line) == self.starts

    def begin_reload(self):
        """What `systemctl reload` of PHP-FPM, or of httpd with mod_php, does."""
        self.starts += 1
        self.connection.close()
        self.processes[0].send_signal(signal.SIGUSR2 if self.php is BY_FPM else signal.SIGUSR1)

    def workers(self):
        pid = self.processes[0].pid
        return len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


class Status:
    """What opcache_get_status() says."""

    def __init__(self, values):
        memory, statistics = values["memory_usage"], values["opcache_statistics"]
        self.used, self.wasted = memory["used_memory"], memory["wasted_memory"]
        # What the setting says, which needs not be what opcache has.
        self.memory = self.used + self.wasted + memory["free_memory"]
        self.scripts, self.keys = statistics["num_cached_scripts"], statistics["num_cached_keys"]
        self.max_keys = statistics["max_cached_keys"]
        self.hits, self.misses = statistics["hits"], statistics["misses"]
        self.restarts = [statistics[f"{why}_restarts"] for why in ("oom", "hash", "manual")]
        self.is_full = values["cache_full"]
        self.ini = values["ini"]
