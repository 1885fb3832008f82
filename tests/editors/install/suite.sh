# Sourced by the installers beside it: unpacks programs of a newer Debian suite into a folder of their own, libraries and
# libc included, without touching the system. Sets EDITORS, the folder everything goes to: the checkout's ignored
# .cache/editors (or STARCODER_LSP_EDITORS). The mirror is whichever this machine's own apt sources name.
set -euo pipefail
SUITE=forky
EDITORS=${STARCODER_LSP_EDITORS:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)/.cache/editors}
mkdir -p "$EDITORS"

mirror() {
    # deb822 sources first, one-line sources where there are none
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '/^URIs:.*\/debian\/?$/ {print $2; exit}' | grep . && return
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
        awk '$1 == "deb" {for (i = 2; i <= NF; i++) if ($i ~ /:\/\/.*\/debian\/?$/) {print $i; exit}}' | grep .
}

# debian PACKAGE... : Debian's or Ubuntu's packages, on the system itself; only root can
debian() {
    dpkg -s "$@" > /dev/null 2>&1 && return
    command -v apt-get > /dev/null || { echo "this system has no apt-get; needed are the equivalents of: $*" >&2; return 1; }
    [ "$(id -u)" = 0 ] || { echo "needed: sudo apt-get update && sudo apt-get install $*" >&2; return 1; }
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$@" > /dev/null
}

# The private apt configuration of the suite; an empty status file makes apt resolve the whole closure, libc included.
suite_config() {
    local apt=$EDITORS/apt
    [ -f "$apt/ready" ] && return
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
    : > "$apt/state/status"
    local uri
    uri=$(mirror) || { echo "apt's sources on this machine name no Debian mirror" >&2; return 1; }
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $SUITE main" > "$apt/suite.list"
    cat > "$apt/apt.conf" <<CONF
Dir::State "$apt/state"; Dir::State::status "$apt/state/status"; Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/suite.list"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User "root"; Acquire::Retries "3";
CONF
    APT_CONFIG=$apt/apt.conf apt-get update -qq
    touch "$apt/ready"
}

# unpack ROOT PACKAGE... : the packages and all they depend on, as files under ROOT
unpack() {
    local root=$1 apt=$EDITORS/apt
    shift
    suite_config
    mkdir -p "$root"
    mkdir -p "$root/debs/partial"
    APT_CONFIG=$apt/apt.conf apt-get install -y -qq -d --no-install-recommends -o "Dir::Cache::archives=$root/debs" "$@" > /dev/null
    for deb in "$root"/debs/*.deb; do dpkg -x "$deb" "$root"; done
    rm -rf "$root/debs"
}

# link ROOT PROGRAM... : makes ELF programs under ROOT use ROOT's own libraries
link() {
    local root=$1 libraries loader patchelf
    shift
    libraries=$(echo "$root"/usr/lib/*-linux-gnu*)
    loader=$(echo "$libraries"/ld-linux*.so.*)
    [ -x "$EDITORS/patchelf/usr/bin/patchelf" ] || unpack "$EDITORS/patchelf" patchelf
    patchelf=$(echo "$EDITORS"/patchelf/usr/lib/*-linux-gnu*)
    for program in "$@"; do
        "$patchelf"/ld-linux*.so.* --library-path "$patchelf" "$EDITORS/patchelf/usr/bin/patchelf" \
            --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$root/usr/bin/$program"
    done
}

# wrapper ROOT NAME LINES... : ROOT/bin/NAME, a shell script
wrapper() {
    local root=$1 name=$2
    shift 2
    mkdir -p "$root/bin"
    printf '%s\n' '#!/bin/sh' "$@" > "$root/bin/$name"
    chmod +x "$root/bin/$name"
}

# An unpacked editor is used where it stands and never changed: the stamp says that the installer came to its end.
begin() {
    ROOT=$EDITORS/$1
    exec 9> "$EDITORS/.lock"
    if command -v flock > /dev/null; then flock 9; fi # not on macOS
    [ -f "$ROOT/.installed" ] && exit 0
    rm -rf "$ROOT"
}
end() { touch "$ROOT/.installed"; }
