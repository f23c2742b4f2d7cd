"""opcache over many deploys, and the formula that says when it is full."""

import math
import sys

from php_site import FILES, Site
from table import megabytes, table

DEPLOYS = 50

SETTINGS = (
    "opcache.memory_consumption",
    "opcache.interned_strings_buffer",
    "opcache.max_accelerated_files",
    "opcache.max_wasted_percentage",
    "opcache.validate_timestamps",
    "opcache.revalidate_freq",
    "realpath_cache_ttl",
)


def fill(site):
    """Deploys, and nothing else: what opcache says after each, and what a request costs then."""
    with site:
        for release in range(1, DEPLOYS + 1):
            site.deploy(release)
            site.load(release)
            measured = site.measure(release)
            if site.failed or site.old:
                sys.exit(f"{site.failed} requests failed, {site.old} answers of an old release")
            yield release, *measured


class Need:
    """What a release takes of opcache, by the difference of two."""

    def __init__(self, first, second):
        self.keys, self.bytes = second.keys - first.keys, second.used - first.used
        self.other_bytes = first.used - self.bytes

    def fits(self, status, part=1.0):
        """How many releases, or such of a part of the files: by memory, by keys."""
        return (status.memory - self.other_bytes) / self.bytes / part, status.max_keys / self.keys / part


def show_fill():
    rows = [
        (
            *("deploy", "scripts", "keys", "of", "MB used", "of", "wasted"),
            *("full", "restarts", "misses a request", "CPU a request"),
        )
    ]
    statuses, first_cost, full_for = [], None, 0
    for release, status, misses, cost in fill(Site()):
        statuses.append(status)
        first_cost = first_cost or cost
        full_for += status.is_full
        if release <= 2 or release % 10 == 0 or full_for in (1, 2):
            rows.append(
                (
                    release,
                    status.scripts,
                    status.keys,
                    status.max_keys,
                    megabytes(status.used),
                    megabytes(status.memory),
                    megabytes(status.wasted),
                    "yes" if status.is_full else "no",
                    sum(status.restarts),
                    f"{misses:.0f}",
                    f"{cost / first_cost:.0f} x",
                )
            )
    for name in SETTINGS:
        print(f"{name} = {statuses[0].ini[name]}")
    table(f"{DEPLOYS} deploys of {FILES} files, with these settings", *rows)
    need = Need(*statuses[:2])
    print(
        f"\nA release takes {need.keys} keys and {need.bytes} bytes, {need.bytes / FILES:.0f} a file; "
        f"{megabytes(need.other_bytes)} MB are used besides."
    )
    return need, int(min(need.fits(statuses[0])))


def show_formula(need):
    rows = [
        (
            *("set in", "files", "memory_consumption", "max_accelerated_files", "keys"),
            *("fit by memory", "by keys", "full at deploy"),
        )
    ]
    # For twenty releases: one is added, since opcache is full at the first file that finds no
    # place.
    twenty = {
        "opcache.memory_consumption": math.ceil((need.other_bytes + 21 * need.bytes) / 2**20),
        "opcache.max_accelerated_files": 21 * need.keys,
    }
    for where, files, how in (
        ("php.ini", 250, {}),
        ("php.ini", FILES, {"settings": {"opcache.max_accelerated_files": 5000}}),
        ("php.ini", FILES, {"settings": twenty}),
        ("pool", FILES, {"of_pool": twenty}),
    ):
        deploys = fill(Site(files, **how))
        found = next(((status, release) for release, status, *_ in deploys if status.is_full), None)
        deploys.close()
        if not found:
            sys.exit(f"opcache is not full after {DEPLOYS} deploys of {files} files")
        status, full = found
        rows.append(
            (
                where,
                files,
                status.ini["opcache.memory_consumption"],
                status.ini["opcache.max_accelerated_files"],
                status.max_keys,
                *(f"{releases:.1f}" for releases in need.fits(status, files / FILES)),
                full,
            )
        )
    return "The formula, tried", *rows
