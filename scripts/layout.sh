# Where the module, its configuration and realdoc-deploy belong on this system. Sourced by
# scripts/install and scripts/uninstall; takes DESTDIR, APXS, LIBEXECDIR and PREFIX.

# A staging directory in front of every path, for those who build packages.
root=${DESTDIR:-}

die() {
    printf '%s\n' "$@" >&2
    exit 1
}

if [ -n "${LIBEXECDIR:-}" ]; then
    libexecdir=$LIBEXECDIR
else
    libexecdir=$("${APXS:-apxs}" -q LIBEXECDIR) ||
        die "apxs is missing (Debian: apache2-dev, Fedora: httpd-devel)." \
            "Or say where Apache's modules are: LIBEXECDIR=/usr/lib/apache2/modules"
fi
module_file=$root$libexecdir/mod_realdoc.so
# For those who deploy, who need not be root.
deploy_script=$root${PREFIX:-/usr/local}/bin/realdoc-deploy

# By Apache's own module directory, not by the system's name: a second Apache,
# built by hand, gets nothing into the first one's configuration.
case $libexecdir in
/usr/lib/apache2/modules)
    layout=debian
    load_file=$root/etc/apache2/mods-available/realdoc.load
    conf_file=$root/etc/apache2/mods-available/realdoc.conf
    ;;
/usr/lib*/httpd/modules)
    layout=fedora
    load_file=$root/etc/httpd/conf.modules.d/10-realdoc.conf
    conf_file=$root/etc/httpd/conf.d/realdoc.conf
    # Arch has the same module directory, but not this one.
    [ -d "$root/etc/httpd/conf.modules.d" ] || [ -d /etc/httpd/conf.modules.d ] || layout=other
    ;;
*)
    layout=other
    ;;
esac
