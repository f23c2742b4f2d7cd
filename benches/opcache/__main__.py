"""PHP's opcache over many deploys: when it is full, what that costs, and what keeps it from it.

A private httpd (mpm_event, mod_realdoc) and a private PHP-FPM with PHP's own opcache settings serve a generated
application of 600 files, of which a request loads half. Nearly all figures are counts of PHP's opcache_get_status();
processor time is shown only as a ratio within one run. Takes about four minutes; two are for PHP's realpath cache.

    python3 benches/opcache target/release/libmod_realdoc.so
"""

import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True

import growth
import php_site
import recipes
import symlinks
from table import table


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    php_site.MODULE = Path(sys.argv[1]).resolve(strict=True)
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, php_site.interrupted)
    with tempfile.TemporaryDirectory(prefix="realdoc-bench-") as directory:
        php_site.DIRECTORY = Path(directory).resolve()
        php_site.DIRECTORY.chmod(0o755)
        print(php_site.ask(php_site.find("apache2", "httpd"), "-v").splitlines()[0])
        print(php_site.ask(php_site.find("php-fpm*"), "-v").splitlines()[0])
        need, fitting = growth.show_fill()
        table(*growth.show_formula(need))
        with ThreadPoolExecutor() as threads:
            shows = (lambda: recipes.show_recipes(fitting - 1), recipes.show_running_request, symlinks.show_symlinks)
            for shown in [threads.submit(show) for show in shows]:
                table(*shown.result())


if __name__ == "__main__":
    main()
