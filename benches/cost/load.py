"""Throughput and latency under wrk, event with 16 threads and prefork with 16 processes.

Two httpds, one without the module, one with it, run side by side and get the load in turn. Two that are the
same differ, too, for as long as they live: so there are new ones for each pair of turns, and a
row that shows what is left of that.
"""

import contextlib
import threading
from pathlib import Path
from typing import NamedTuple

import httpd
import scenarios
import turns
from report import Bound

# Fewer than threads: event closes kept-alive connections when all are busy.
CLIENTS = 12
SECONDS = 1
# RealpathEvery, flips a second, least ratio.
CASES = ((2, 0, 0.99), (0, 0, 0.99), (0, 50, 0.97))
TURNS_OF_A_SERVER = 2
FIGURES = {
    "httpd's processor time a request": "processor",
    "latency, median": "median",
    "latency, 90%": "p90",
    "latency, 99%": "p99",
}

SCENARIO = scenarios.SECTIONS


class Run(NamedTuple):
    """What one run of wrk found; times in microseconds."""

    throughput: float
    processor: float
    median: float
    p90: float
    p99: float


def measure(report, module, number):
    report.group(
        f"Throughput (requests a second) and times (microseconds), wrk with {CLIENTS} connections",
        f"{SCENARIO.name}. {turns.explained(number)}",
    )
    # One for all: it is long since the link was made, but where it is flipped.
    with scenarios.site() as site:
        for mpm in "event", "prefork":
            runs = of_mpm(mpm, site, SCENARIO.stock(site), 0, number)
            report.add(turns.row(f"{mpm}, stock against itself", runs, "throughput"))
            for every, flips, least in CASES:
                directive = f"RealpathEvery {every}"
                runs = of_mpm(mpm, site, SCENARIO.with_module(site, module, directive), flips, number)
                name = f"{mpm}, {directive}" + (f", {flips} flips a second" if flips else "")
                report.add(turns.row(name, runs, "throughput", Bound("ratio", ">=", least)))
                for name, figure in FIGURES.items():
                    report.add(turns.row(f"  {name}", runs, figure))


def of_mpm(mpm, site, config, flips, number):
    """Stock, and what `config` says."""
    pairs = []
    with flipping(site, flips):
        while len(pairs) < number:
            with contextlib.ExitStack() as stack:
                configs = (SCENARIO.stock(site), config)
                servers = [stack.enter_context(httpd.running(config, mpm, options=httpd.SERVER)) for config in configs]
                for server in servers:
                    with server.connect() as connection:
                        connection.get(SCENARIO.path)
                pairs += turns.take(run, servers, min(TURNS_OF_A_SERVER, number - len(pairs)))
    return pairs


def run(server):
    command = [httpd.find("wrk"), "-t1", f"-c{CLIENTS}", f"-d{SECONDS}s"]
    script = Path(__file__).with_name("wrk.lua")
    before = server.processor_time()
    out = httpd.ask(*command, "-s", str(script), f"http://127.0.0.1:{server.port}{SCENARIO.path}")
    processor = server.processor_time() - before
    line = next(line for line in out.splitlines() if line.startswith("RESULT "))
    requests, duration, errors, *latencies = map(float, line.split()[1:])
    if errors or not requests:
        raise httpd.Failed(f"wrk:\n{out}")
    return Run(requests / duration * 1e6, processor / requests * 1e6, *latencies)


@contextlib.contextmanager
def flipping(site, flips_a_second):
    if not flips_a_second:
        yield
        return
    stop = threading.Event()

    def flip():
        releases = ("43", "42")
        number = 0
        while not stop.wait(1 / flips_a_second):
            site.flip(releases[number % 2])
            number += 1

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        site.flip("42")
