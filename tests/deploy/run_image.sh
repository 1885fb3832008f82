#!/usr/bin/env bash
# run_image.sh ROOT MODELS USER:GROUP VARIABLE=VALUE... -- COMMAND...: run a container's root as a runtime does that was
# told --network none, --read-only, --tmpfs /tmp, --cap-drop all, --security-opt no-new-privileges, -v MODELS:/models:ro.
# (crun itself refuses machines whose control groups are of both versions.)
set -euo pipefail
[ "${1:-}" = --inside ] || exec unshare --mount --net --pid --ipc --uts --fork --kill-child "$0" --inside "$@"
shift
root=$1 models=$2 user=$3
shift 3
variables=()
while [ "$1" != -- ]; do variables+=("$1"); shift; done
shift
ip link set lo up # all that there is of a network
mkdir -p "$root/models"
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind "$models" "$root/models"
mount -o remount,bind,ro "$root/models"
exec chroot "$root" setpriv --reuid "${user%:*}" --regid "${user#*:}" --clear-groups --no-new-privs \
    --inh-caps=-all --bounding-set=-all env --ignore-environment "${variables[@]}" "$@"
