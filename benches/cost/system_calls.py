"""System calls of a request, recorded by strace on `httpd -X`."""

import re
import time
from collections import Counter
from typing import NamedTuple

import httpd
import scenarios
from report import Bound, Row

REQUESTS = 200

NONE = Bound("difference", "<=", 0)
TWO = Bound("difference", "<=", 2)
# A file that is not there is looked for behind the link anew, whenever that was checked last.
TWO_MORE = {NONE.value: TWO, TWO.value: Bound("difference", "<=", 4)}


def measure(report, module):
    report.group(
        "System calls of a request (strace)",
        "Of the usual request; without waiting for the next one.",
    )
    with scenarios.site() as site:
        for scenario in scenarios.ALL:
            stock = of_requests(scenario, scenario.stock(site)).usual
            for every, bound in (("1h", NONE), ("0", TWO)):
                directive = f"RealpathEvery {every}"
                if scenario.status == 404:
                    bound = TWO_MORE[bound.value]
                calls = of_requests(scenario, scenario.with_module(site, module, directive))
                report.add(row(f"{scenario.name}, {directive}", stock, calls.usual, bound))


def row(name, without, calls, bound=None):
    names = sorted(without | calls)
    changes = (f"{name} {calls[name] - without[name]:+}" for name in names if calls[name] != without[name])
    return Row(name, total(without), total(calls), bound, note=", ".join(changes))


class Calls(NamedTuple):
    """How often each system call was made."""

    usual: Counter  # by most requests
    most: Counter  # by the request that made most


def of_requests(scenario, config, pause=0):
    """`pause`: seconds to wait once in between."""
    with httpd.folder() as folder:
        out = folder / "strace.out"
        strace = [httpd.find("strace"), "-q", "-s", "4", "-o", out]
        with httpd.running(config, under=strace) as server, server.connect() as connection:
            for number in range(REQUESTS):
                if number == REQUESTS // 2:
                    time.sleep(pause)
                connection.get(scenario.path, status=scenario.status)
        # The first finds everything unknown, the last is followed by the end.
        requests = list(by_request(out))[1:-1]
    kinds = Counter(frozenset(calls.items()) for calls in requests)
    [(usual, _)] = kinds.most_common(1)
    return Calls(Counter(dict(usual)), max(requests, key=total))


def total(calls):
    return sum(calls.values())


def by_request(out):
    calls = None
    for line in out.open():
        if re.match(r'read\(\d+, "GET ', line):
            if calls is not None:
                yield calls
            calls = Counter()
        # Whether httpd has to wait for the next request is chance.
        if calls is not None and "EAGAIN" not in line and not line.startswith("poll("):
            if call := re.match(r"\w+(?=\()", line):
                calls[call[0]] += 1
    if calls is not None:
        yield calls
