"""What mod_realdoc costs: a table against the same httpd without the module, measured in the same run.

The baseline has the *resolved* path as DocumentRoot. Bounds that do not hold are
named and are no error: a time says nothing for sure on a machine that does other things too.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

import checks
import hosts
import httpd
import instructions
import load
import system_calls
import turns
from report import Report

MEASUREMENTS = {
    "instructions": lambda report, options: instructions.measure(report, options.module),
    "system-calls": lambda report, options: system_calls.measure(report, options.module),
    "checks": lambda report, options: checks.measure(report, options.module),
    "load": lambda report, options: load.measure(report, options.module, options.turns),
    "hosts": lambda report, options: hosts.measure(report, options.module, options.starts),
}


def arguments():
    parser = argparse.ArgumentParser(prog="benches/cost", description=__doc__)
    parser.add_argument("module", type=lambda path: Path(path).resolve(strict=True), help="libmod_realdoc.so")
    parser.add_argument("only", nargs="*", metavar="measurement", help=f"of {', '.join(MEASUREMENTS)}; all without")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--turns", type=number, default=10, help="how often each side gets the load (%(default)s)")
    parser.add_argument("--starts", type=number, default=9, help="how often each side's hosts start (%(default)s)")
    options = parser.parse_args()
    if unknown := set(options.only) - set(MEASUREMENTS):
        parser.error(f"no measurement {', '.join(unknown)}; there are: {', '.join(MEASUREMENTS)}")
    return options


def number(text):
    value = int(text)
    if value < turns.FEWEST:
        raise argparse.ArgumentTypeError(f"at least {turns.FEWEST}")
    return value


def versions():
    def line(*command):
        return subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.splitlines()[0]

    processor = next(
        (line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), ":unknown"
    )
    return {
        "httpd": line(httpd.program(), "-v").removeprefix("Server version: "),
        "rustc": line(httpd.find("rustc"), "--version"),
        "cc": line(httpd.find("cc"), "--version"),
        "valgrind": line(httpd.find("valgrind"), "--version"),
        "strace": line(httpd.find("strace"), "--version"),
        "wrk": line(httpd.find("wrk"), "-v"),
        "machine": f"{os.cpu_count()} x {processor.split(':')[1].strip()}, Linux {os.uname().release}",
    }


def main():
    options = arguments()
    # Ends with what was started ended too, as with Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    began = time.monotonic()
    report = Report(versions())
    for name, measure in MEASUREMENTS.items():
        if name in (options.only or MEASUREMENTS):
            measure(report, options)
    missed = report.missed()
    print(f"\n{time.monotonic() - began:.0f} s. Bounds that do not hold: {'; '.join(missed) or 'none'}.")
    if options.json:
        report.save(options.json)


if __name__ == "__main__":
    try:
        main()
    except httpd.Failed as failure:
        sys.exit(str(failure))
