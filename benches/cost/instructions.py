"""Instructions of a request, counted by callgrind on `httpd -X`.

The difference of two runs that differ only in how many requests they serve, over one kept-alive
connection: start-up cancels. Under callgrind a second holds some hundred requests only, so what is
done once a second, the full resolve and httpd's new Date, weighs more than in real life.

A count can be had again to the instruction, but with the length of the site's path the differences
move by some 80 either way: where a request's pool takes its next block is chance.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor

import httpd
import scenarios
from report import Bound, Row

FEW, MANY = 100, 1100


def at_most(number):
    return Bound("difference", "<=", number)


# What a site has that is not asked for.
LINKS = "\n".join(f'RealdocLink "/srv/links/{n}"' for n in range(400))

EVERY = ("RealpathEvery 2", "RealpathEvery 0")
VARIANTS = {scenario.name: dict.fromkeys(EVERY) for scenario in scenarios.ALL}
VARIANTS[scenarios.PLAIN.name] = dict.fromkeys(EVERY, at_most(0)) | {
    "Realdoc Off": at_most(130),
    LINKS: at_most(2000),
}
VARIANTS[scenarios.SECTIONS.name] = dict.fromkeys(EVERY, at_most(0))
VARIANTS[scenarios.MISSING.name] = dict.fromkeys(EVERY, at_most(1700))
VARIANTS[scenarios.HTACCESS.name]["RealpathEvery 0"] = at_most(1300)
VARIANTS[scenarios.RULE.name] = dict.fromkeys(EVERY, at_most(300))
# With RealpathEvery 0.
for scenario in scenarios.PLAIN, scenarios.MISSING:
    VARIANTS[scenario.name]["RealdocPrevious On"] = None
VARIANTS[scenarios.MISSING_ASSET.name] = dict.fromkeys(("RealpathEvery 0", "RealdocPrevious On"))
NAMES = {LINKS: "400 RealdocLinks"}


def measure(report, module):
    report.group(
        "Instructions of a request (callgrind)",
        "The length of the site's path moves a difference by some 80 either way.",
        "The original C module adds 2,850 to a static file, its thread-safe fork 1,600 (found earlier, for orientation).",
    )
    with scenarios.site() as site, ThreadPoolExecutor(os.cpu_count()) as several:
        counted = []
        for scenario in scenarios.ALL:
            stock = several.submit(of_request, scenario, scenario.stock(site))
            for variant, bound in VARIANTS[scenario.name].items():
                config = scenario.with_module(site, module, variant)
                counted.append((scenario, variant, bound, stock, several.submit(of_request, scenario, config)))
        for scenario, variant, bound, stock, count in counted:
            report.add(Row(f"{scenario.name}, {NAMES.get(variant, variant)}", stock.result(), count.result(), bound))


def of_request(scenario, config):
    few, many = (of_run(scenario, config, requests) for requests in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def of_run(scenario, config, requests):
    with httpd.folder() as folder:
        out = folder / "callgrind.out"
        # httpd gives up root's rights before valgrind writes.
        out.write_text("")
        out.chmod(0o666)
        valgrind = [httpd.find("valgrind"), "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]
        with httpd.running(config, under=valgrind) as server:
            with server.connect() as connection:
                for _ in range(requests):
                    # Else it is chance whether httpd finds the next request there or has to wait
                    # for it.
                    server.wait_until_idle()
                    connection.get(scenario.path, status=scenario.status)
            # Else it may not notice at once that it is to end.
            server.wait_until_idle()
        return int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M).group(1))
