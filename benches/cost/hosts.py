"""What many virtual hosts cost, each with a docroot of its own: at start, and in memory."""

import contextlib
import time
from pathlib import Path
from typing import NamedTuple

import httpd
import scenarios
import turns
from report import Bound, Row

HOSTS, FEWER = 2000, 200
START = Bound("ratio", "<=", 1.2)


def measure(report, module, number):
    report.group(
        f"{HOSTS:,} virtual hosts, each with a docroot of its own (event, one child)",
        turns.explained(number),
        "Memory: anonymous and shared, of parent and child, when each host has been asked;",
        f"that of one host is the difference to {FEWER} hosts.",
    )
    with httpd.folder() as root:
        sites = [scenarios.Site(root / str(number) / "current").create() for number in range(HOSTS)]
        for name, bound, add in (("", START, ""), (", with sections", None, SECTIONS)):
            texts = [config(sites, module, variant, add) for variant in (False, True)]
            starts = turns.take(of_start, texts, number)
            report.add(turns.row(f"start{name}, ms to the first answer", starts, "wall", bound))
            report.add(turns.row("  processor time, ms", starts, "processor"))

        configs = [config(sites, module, variant) for variant in (False, True)]
        many = [of_memory(text, HOSTS) for text in configs]
        fewer = [of_memory(config(sites[:FEWER], module, variant), FEWER) for variant in (False, True)]
    report.add(Row("memory, KiB", *(memory.asked / 1024 for memory in many)))
    report.add(a_host("memory of one host, bytes", many, fewer, lambda memory: memory.asked))
    report.add(a_host("  of it in each child", many, fewer, lambda memory: memory.asked - memory.started))


# As distributions have them: two for all, of which each docroot is to be told apart, and its own.
SHARED = """
<Directory "/usr/share">
    Require all granted
</Directory>
<Directory "/var/www">
    Require all granted
</Directory>
"""
SECTIONS = """
<Directory "{docroot}">
    Require all granted
</Directory>
"""


def config(sites, module, with_module, sections=""):
    lines = [f"LoadModule realdoc_module {module}"] if with_module else []
    lines += [SHARED] if sections else []
    for number, site in enumerate(sites):
        docroot = site.configured if with_module else site.resolved
        lines += (
            "<VirtualHost 127.0.0.1:{port}>",
            f"ServerName host-{number}",
            f'DocumentRoot "{docroot}"',
            sections.format(docroot=docroot),
            "</VirtualHost>",
        )
    return "\n".join(lines)


class Start(NamedTuple):
    """In milliseconds."""

    wall: float
    processor: float


class Memory(NamedTuple):
    """In bytes: when the server has started, and when each host has been asked."""

    started: int
    asked: int


@contextlib.contextmanager
def started(text):
    """A server that has answered, and a connection to it."""
    with httpd.running(text, "event", options=httpd.SERVER) as server, server.connect() as connection:
        connection.get("/index.html", host="host-0")
        yield server, connection


def of_start(text):
    with started(text) as (server, _):
        wall = time.monotonic() - server.started
        return Start(wall * 1e3, server.processor_time() * 1e3)


def of_memory(text, hosts):
    with started(text) as (server, connection):
        at_start = sum(map(memory_of, server.processes()))
        for number in range(hosts):
            connection.get("/index.html", host=f"host-{number}")
        return Memory(at_start, sum(map(memory_of, server.processes())))


def memory_of(process):
    """What several processes share counts for each by its part."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return (kilobytes["Pss_Anon"] + kilobytes["Pss_Shmem"]) * 1024


def a_host(name, many, fewer, figure):
    sides = ((figure(more) - figure(less)) / (HOSTS - FEWER) for more, less in zip(many, fewer))
    return Row(name, *sides)
