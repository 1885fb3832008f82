#!/usr/bin/env bash
# bare.sh [SUITE...]: README's commands on bare machines: fresh roots of Debian 12 (Python 3.11) and 13 (3.13) with no
# more than python3, python3-venv, make and git in them, an environment that is empty but for proxies, and this
# checkout's committed files.
#
# Where mmdebstrap is to be had (root; Debian or Ubuntu; installed if missing). Elsewhere it says so, and fails in CI.
# Roots are kept in .cache/roots for a week; pip's cache is the one of this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
CHECKOUT=$PWD
ROOTS=$CHECKOUT/.cache/roots

cannot() {
    echo "== README's commands NOT tried on bare machines: $1 ==" >&2
    [ "${CI:-}" != true ]
    exit
}
[ "$(uname)" = Linux ] || cannot "only Linux can make their roots"
[ "$(id -u)" = 0 ] || cannot "only root can make their roots"
command -v unshare >/dev/null && unshare -m true 2>/dev/null || cannot "mounts of its own are not allowed here"
tests/editors/install/package.sh mmdebstrap || cannot "mmdebstrap could not be installed"

base() { # base SUITE: the tar of a bare root
    local tar=$ROOTS/$1.tar
    [ -n "$(find "$tar" -maxdepth 0 -type f -mtime -7 2>/dev/null)" ] && return
    mkdir -p "$ROOTS"
    rm -rf --one-file-system "$tar" "$tar.new"
    mmdebstrap --quiet --format=tar --variant=minbase --include=python3,python3-venv,ca-certificates,make,git "$1" "$tar.new"
    mv "$tar.new" "$tar"
}

# furnish ROOT: the committed files in /root/starcoder-lsp, and this machine's way to the package indexes
furnish() {
    local root=$1 path
    mkdir -p "$root/root/starcoder-lsp" "$root/pip-cache"
    git archive HEAD | tar -x -C "$root/root/starcoder-lsp"
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    cp -r /etc/ssl/certs/. "$root/etc/ssl/certs/"
    for path in /etc/pip.conf /etc/xdg/pip ~/.config/pip ~/.pip /etc/apt/apt.conf.d; do
        [ ! -e "$path" ] || { mkdir -p "$root$(dirname "$path")" && cp -rT "$path" "$root$path"; }
    done
}

# inside ROOT COMMAND: runs it there, in a mount namespace that ends with it
inside() {
    unshare -m --propagation private bash -euo pipefail -c '
        root=$1
        mount --bind /proc "$root/proc"
        mount --bind /dev "$root/dev"
        mount --bind "$2" "$root/pip-cache"
        shift 2
        exec chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
            CI="${CI:-}" http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" PIP_CACHE_DIR=/pip-cache PIP_ROOT_USER_ACTION=ignore PIP_QUIET=1 \
            bash -euo pipefail -c "cd /root/starcoder-lsp; $1"
    ' inside "$1" "$PIP_CACHE" "$2" < /dev/null
}

step() { echo "-- $SUITE: $1"; }

# As a user who installs the server: README, "Install". llama.cpp's library is missing, and doctor says the command.
installs() {
    step "installs the server"
    inside "$1" 'python3 -m venv /root/server && /root/server/bin/pip install .'
    step "doctor names the missing library and the command, which helps"
    local said
    if said=$(inside "$1" '/root/server/bin/starcoder-lsp doctor 2>&1'); then
        echo "doctor found nothing wrong without libgomp: $said" >&2
        return 1
    fi
    local command
    command=$(grep -o 'apt-get update && apt-get install -y libgomp1' <<< "$said" | head -1) ||
        { echo "doctor does not say the command: $said" >&2; return 1; }
    if said=$(inside "$1" '/root/server/bin/starcoder-lsp demo 2>&1') || ! grep -q "$command" <<< "$said"; then
        echo "the server does not say the command: $said" >&2
        return 1
    fi
    inside "$1" "$command > /dev/null"
    inside "$1" '/root/server/bin/starcoder-lsp doctor'
}

# README, "On Windows, or without make", but for its last line, the tests: make runs them.
without_make() {
    step "README's lines without make"
    local lines
    lines=$(awk '/^On Windows, or without make/ {here = 1} here && /^```$/ {exit} here && block; /^```sh/ {block = here}' README.md)
    grep -q 'starcoder-lsp demo' <<< "$lines"
    inside "$1" "$(sed '/pytest/d; s/ *#.*//' <<< "$lines")"
}

try() {
    SUITE=$1
    local root=$ROOTS/$SUITE
    local started=$SECONDS
    rm -rf --one-file-system "$root"
    base "$SUITE"
    mkdir -p "$root"
    tar -xf "$ROOTS/$SUITE.tar" -C "$root" --exclude=./dev --exclude=./proc
    mkdir -p "$root/dev" "$root/proc"
    furnish "$root"
    if [ "$SUITE" = trixie ]; then
        installs "$root"
        without_make "$root"
    fi
    step "make demo"
    inside "$root" 'make demo'
    step "make quick"
    inside "$root" 'make quick'
    rm -rf --one-file-system "$root"
    echo "-- $SUITE: well, after $((SECONDS - started)) s"
}

PIP_CACHE=${PIP_CACHE_DIR:-$HOME/.cache/pip}
mkdir -p "$PIP_CACHE"
for suite in "${@:-bookworm trixie}"; do
    for one in $suite; do try "$one"; done
done
