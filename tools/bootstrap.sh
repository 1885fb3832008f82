#!/bin/sh
# bootstrap.sh PYTHON: what `make` itself cannot do without on a bare machine: a Python >= 3.10 that makes virtual
# environments, and libgomp, which llama.cpp's wheel links to. On Debian and Ubuntu root gets them installed; everybody
# else is told the one command.
set -eu
cd "$(dirname "$0")/.."
python=$1

# provide WHAT COMMAND: runs the command where it is apt's and this is root, else says it and ends.
provide() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        case $2 in *apt-get*)
            echo "$1 is missing; running: $2"
            export DEBIAN_FRONTEND=noninteractive
            sh -c "$2" >/dev/null && return
        esac
    fi
    echo "$1 is needed: $2" >&2
    exit 1
}
apt() { # apt PACKAGE... : the command that installs them
    if [ "$(id -u)" = 0 ]; then echo "apt-get update && apt-get install -y $*"
    else echo "sudo apt-get update && sudo apt-get install -y $*"; fi
}

if ! command -v "$python" >/dev/null; then
    if [ "$python" = python3 ] && command -v apt-get >/dev/null; then
        provide Python "$(apt python3 python3-venv)"
    else
        provide "$python" "install Python 3.10 or newer, or name it: make PYTHON=python3.12 ..."
    fi
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    { echo "Python 3.10 or newer is needed, $("$python" -V) is too old: make PYTHON=python3.12 ..." >&2; exit 1; }
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    provide "Python's venv module" "$(apt "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")"
fi
missing=$("$python" -m starcoder_lsp.system_libraries)
[ -z "$missing" ] || provide "A library of the system" "$missing"
