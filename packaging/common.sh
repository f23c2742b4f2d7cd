# Sourced by the scripts of this folder.
# shellcheck shell=sh disable=SC2034
top=$(cd "$(dirname "$0")/.." && pwd)

# The version's only place is Cargo.toml.
version=$(sed -n '/^\[workspace\.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$top/Cargo.toml")
name=mod_realdoc-$version

die() {
    printf '%s\n' "$@" >&2
    exit 1
}

needs() {
    command -v "$1" >/dev/null || die "$1 is missing. On Debian and Ubuntu: apt-get install $2"
}
