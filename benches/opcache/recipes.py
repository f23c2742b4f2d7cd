"""What keeps opcache from being full, and what it does to running requests."""

import http.client
from concurrent.futures import ThreadPoolExecutor

import application
from growth import DEPLOYS
from php_site import BY_MODULE, FILES, LIMIT, ROUNDS, Site, wait
from table import megabytes


def recipe(title, deploy, how):
    most_bytes = most_keys = full = misses = 0
    with Site(**how) as site:
        for release in range(1, DEPLOYS + 1):
            deploy(site, release)
            site.load(release)
            status, misses_now, _ = site.measure(release)
            most_bytes, most_keys = max(most_bytes, status.used + status.wasted), max(most_keys, status.keys)
            full += status.is_full
            misses += misses_now
        return (
            title,
            megabytes(most_bytes),
            most_keys,
            full,
            " ".join(map(str, status.restarts)),
            f"{misses / DEPLOYS:.1f}",
            site.old,
            site.failed,
        )


def show_recipes(every):
    def with_reload(site, release):
        site.deploy(release)
        if release % every == 0:
            site.begin_reload()
            # Requests go on meanwhile.
            site.load(release)
            wait("PHP is back", site.is_back)

    def with_reset(site, release):
        site.deploy(release)
        if release % every == 0:
            site.reset()

    def in_turn(**how):
        return lambda site, release: site.deploy_in_turn(release, **how)

    def in_turn_with_reset(site, release):
        site.deploy_in_turn(release, time_of_change=0, before_flip=site.reset)

    recipes = (
        (f"reload PHP-FPM every {every} deploys", with_reload, {}),
        ("the same, process_control_timeout = 10", with_reload, {"timeout": 10}),
        (f"mod_php on prefork, reload httpd every {every} deploys", with_reload, {"php": BY_MODULE}),
        (f"opcache_reset() every {every} deploys", with_reset, {}),
        ("A and B, all files written", in_turn(), {}),
        ("A and B, every tenth file written", in_turn(part=10), {}),
        ("A and B, files keep their time of change", in_turn(time_of_change=0), {}),
        ("the same, opcache_reset() before each flip", in_turn_with_reset, {}),
    )
    with ThreadPoolExecutor(len(recipes)) as threads:
        runs = [threads.submit(recipe, title, deploy, how) for title, deploy, how in recipes]
        rows = [run.result() for run in runs]
    head = ("", "MB at most", "keys at most", "times full", "restarts", "misses a request", "old answers", "failed")
    requests = DEPLOYS * application.ROUTES * (1 + ROUNDS)
    title = f"Recipes, {DEPLOYS} deploys of {FILES} files and {requests} requests each (restarts: memory, keys, manual)"
    return title, head, *rows


def running_request(title, begin, **how):
    with Site(files=60, **how) as site:
        site.deploy(1)
        site.load(1)
        held = http.client.HTTPConnection("127.0.0.1", site.port, timeout=LIMIT)
        held.request("GET", "/admin/hold.php")
        marker = site.root / "admin/held"
        wait("the request runs", marker.exists)
        begin(site)
        try:
            new = http.client.HTTPConnection("127.0.0.1", site.port, timeout=2)
            before = site.status(new)
            site.get("/index.php", new)
            meanwhile = f"answered, {site.status(new).hits - before.hits} files from opcache"
        except TimeoutError:
            meanwhile = "waits for it"
        marker.unlink(missing_ok=True)
        answer = held.getresponse()
        answer.read()
        return title, answer.status, meanwhile


def show_running_request():
    def reload(site):
        site.begin_reload()
        wait("PHP is back", site.is_back)

    def patient_reload(site):
        site.begin_reload()
        wait("PHP-FPM's idle workers end", lambda: site.workers() == 1)

    rows = [
        running_request("no reload, no reset", lambda site: None),
        running_request("reload PHP-FPM", reload),
        running_request("the same, process_control_timeout = 10", patient_reload, timeout=10),
        running_request("mod_php on prefork, reload httpd", reload, php=BY_MODULE),
        running_request("opcache_reset()", Site.reset),
    ]
    return "While a request runs that began before", ("", "that request", "a new request"), *rows
