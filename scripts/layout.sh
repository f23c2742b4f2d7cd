# Where the module, its configuration and the command realdoc belong on this system. Sourced by
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
prefix=${PREFIX:-/usr/local}
command_file=$root$prefix/bin/realdoc
man_file=$root$prefix/share/man/man8/realdoc.8
bash_file=$root$prefix/share/bash-completion/completions/realdoc
zsh_file=$root$prefix/share/zsh/site-functions/_realdoc
fish_file=$root$prefix/share/fish/vendor_completions.d/realdoc.fish

# By Apache's own module directory, not by the system's name: a second Apache,
# built by hand, gets nothing into the first one's configuration.
case $libexecdir in
/usr/lib/apache2/modules)
    layout=debian
    load_file=$root/etc/apache2/mods-available/realdoc.load
    conf_file=$root/etc/apache2/mods-available/realdoc.conf
    # Debian's zsh has packages' completions apart.
    [ "$prefix" != /usr ] || zsh_file=$root/usr/share/zsh/vendor-completions/_realdoc
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
