"""What is asked for, of which site, under which configuration."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import httpd

FILES = {
    "index.html": "<p>a page\n",
    "page.shtml": '<!--#include virtual="a.html" --><!--#include virtual="b.html" --><!--#include virtual="c.html" -->\n',
    "a.html": "a\n",
    "b.html": "b\n",
    "c.html": "c\n",
    "guarded/.htaccess": "Options -Indexes\nRequire all granted\n",
    "guarded/index.html": "<p>a guarded page\n",
}


@dataclass
class Site:
    """A docroot below a link, by both of its names."""

    link: Path
    below: str = "web"

    def __post_init__(self):
        self.configured = self.link / self.below
        self.resolved = self.link.parent / "releases/42" / self.below

    def create(self):
        for release in "42", "43":
            for name, text in FILES.items():
                path = self.link.parent / "releases" / release / self.below / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        self.flip("42")
        return self

    def flip(self, release):
        new = self.link.with_suffix(".new")
        new.symlink_to(f"releases/{release}")
        new.replace(self.link)


@contextlib.contextmanager
def site():
    with httpd.folder() as root:
        yield Site(root / "current").create()


@contextlib.contextmanager
def site_of(components):
    """A site whose docroot has so many components: of three, the last is the link."""
    with httpd.folder() as root:
        ends = ["current", "web"] if components > 3 else ["current", ""]
        above = components - len(root.parts[1:]) - len(list(filter(None, ends)))
        yield Site(root.joinpath(*["above"] * above, ends[0]), ends[1]).create()


@dataclass
class Scenario:
    name: str
    path: str
    # {web}: the docroot.
    config: str
    status: int = 200

    def stock(self, site):
        """Without the module the docroot is where the link leads."""
        return self.config.replace("{web}", str(site.resolved))

    def with_module(self, site, module, directive):
        """With the module it is the link's name, but where that would not be resolved."""
        load = f"LoadModule realdoc_module {module}"
        docroot = site.resolved if directive == "Realdoc Off" else site.configured
        return "\n".join((load, directive, self.config.replace("{web}", str(docroot))))


DOCROOT = 'DocumentRoot "{web}"\n'

PLAIN = Scenario("static file", "/index.html", DOCROOT)

SECTIONS = Scenario(
    "static file, sections",
    "/index.html",
    DOCROOT
    + """
<Directory "/">
    Require all denied
</Directory>
<Directory "{web}">
    Require all granted
</Directory>
<Directory "{web}/private">
    Require all denied
</Directory>
""",
)

INCLUDES = Scenario(
    "page of 3 subrequests (SSI)",
    "/page.shtml",
    DOCROOT
    + """
<Directory "{web}">
    Options +Includes
    AddOutputFilter INCLUDES .shtml
</Directory>
""",
)

MISSING = Scenario("404", "/missing.html", DOCROOT, 404)

# A name that RealdocPrevious is for.
MISSING_ASSET = Scenario("404 of a hashed name", "/app-3f2aB91c.js", DOCROOT, 404)

HTACCESS = Scenario(
    ".htaccess in force",
    "/guarded/index.html",
    DOCROOT
    + """
<Directory "{web}">
    AllowOverride All
</Directory>
""",
)

RULE = Scenario(
    "server-level rule with DOCUMENT_ROOT",
    "/index.html",
    """
LoadModule rewrite_module {modules}/mod_rewrite.so
RewriteEngine On
RewriteCond %{DOCUMENT_ROOT}%{REQUEST_URI} !-f
RewriteRule ^ /index.html
"""
    + DOCROOT,
)

ALL = (PLAIN, SECTIONS, INCLUDES, MISSING, MISSING_ASSET, HTACCESS, RULE)
