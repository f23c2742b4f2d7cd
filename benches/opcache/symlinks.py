"""Two fixed symlinks, or directories, in turn: when PHP sees that one of them has changed."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor

from php_site import Site, flip

# How long old code is waited for, in seconds: PHP's realpath_cache_ttl is 120.
PATIENCE = 130


def seconds_to_new_code(title, settings=None, readlink=True, directories=False, reset=False, delete=False):
    """A is served, then B, then A again, which is now another release."""
    directives = "UseReadlink {root}/app/current" if readlink else ""
    with Site(files=40, settings=settings, children=1, directives=directives) as site:
        for release in (1, 2, 3):
            if directories:
                site.deploy_in_turn(release)
            else:
                name = "A" if release % 2 else "B"
                flip(site.app / name, site.create(release))
                flip(site.app / "current", name)
            flipped = time.monotonic()
            if release < 3:
                site.load(release)
        if reset:
            site.reset()
        if delete:
            shutil.rmtree(site.app / "releases/1")
        seen = f"not in {PATIENCE} s"
        while time.monotonic() < flipped + PATIENCE:
            page = site.page(0, 3)
            if not isinstance(page, int) and page["release"] == 3:
                seen = f"{time.monotonic() - flipped:.0f} s"
                break
            time.sleep(0.1)
        site.load(3)
        return title, seen, site.failed, site.status().scripts


def show_symlinks():
    links = "UseReadlink, two symlinks"
    no_cache, real_paths = {"realpath_cache_size": 0}, {"opcache.revalidate_path": 1}
    variants = (
        (links, {}),
        (f"{links}, realpath_cache_size=0", {"settings": no_cache}),
        (f"{links}, opcache.revalidate_path=1", {"settings": real_paths}),
        (f"{links}, both settings", {"settings": {**no_cache, **real_paths}}),
        (f"{links}, opcache_reset() after the flip", {"reset": True}),
        (f"{links}, the old release is deleted", {"delete": True}),
        ("two symlinks, without UseReadlink", {"readlink": False}),
        ("UseReadlink, two directories", {"directories": True}),
        ("two directories, without UseReadlink", {"directories": True, "readlink": False}),
    )
    with ThreadPoolExecutor(len(variants)) as threads:
        runs = [threads.submit(seconds_to_new_code, title, **how) for title, how in variants]
        rows = [run.result() for run in runs]
    head = ("", "new code after", "failed", "scripts in opcache")
    return "A, then B, then A again with a third release; 40 files", head, *rows
