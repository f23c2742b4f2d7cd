"""What a look at the link takes, by the length of the docroot's path.

The instructions are those of httpd's own code; the file system's work is in the system calls and in the time.
"""

import contextlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpd
import instructions
import scenarios
import system_calls
from report import Row

COMPONENTS = (3, 6, 12)
SCENARIO = scenarios.PLAIN
ROWS = (
    ("{} components, a check", "check"),
    ("  a full resolve", "resolve"),
    ("  no check", "none"),
    ("  an empty system call", "empty"),
)


def measure(report, module):
    report.group(
        "A check, by components of the docroot's path",
        "RealpathEvery 1h against RealpathEvery 0. Once a second the check is a full resolve.",
        sides=("no check", "with a check"),
    )
    with contextlib.ExitStack() as stack:
        several = stack.enter_context(ThreadPoolExecutor(os.cpu_count()))
        counted = []
        for components in COMPONENTS:
            site = stack.enter_context(scenarios.site_of(components))
            configs = [SCENARIO.with_module(site, module, f"RealpathEvery {every}") for every in ("1h", "0")]
            counts = [several.submit(instructions.of_request, SCENARIO, config) for config in configs]
            calls = [system_calls.of_requests(SCENARIO, config, pause=1.1) for config in configs]
            counted.append((components, counts, calls))
        for components, counts, (without, checking) in counted:
            report.add(Row(f"{components} components, instructions", *(count.result() for count in counts)))
            report.add(system_calls.row("  system calls", without.usual, checking.usual))
            report.add(system_calls.row("  system calls of a full resolve", without.usual, checking.most))
    of_time(report)


def of_time(report):
    report.group(
        "The same by itself, in microseconds",
        "Called over and over; the C module calls realpath(3) for each check.",
        sides=("realpath(3)", "mod_realdoc"),
    )
    for components in COMPONENTS:
        with scenarios.site_of(components) as site:
            times = times_of(site.configured)
        for name, what in ROWS:
            report.add(Row(name.format(components), times["realpath"], times[what]))


def times_of(docroot):
    """By core/examples/check.rs."""
    example = "run --quiet --release --locked --package realdoc-core --example check --".split()
    command = [httpd.find("cargo"), *example, docroot]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    if done.returncode:
        raise httpd.Failed(f"check {docroot}:\n{done.stderr}")
    return {what: float(time) for what, time in map(str.split, done.stdout.splitlines())}
