#!/usr/bin/env bash
# build_image.sh STORE CONTAINERFILE TAG [BUILD-ARGUMENT...]: build an image without a container registry.
#
# STORE keeps layers and images, so that only what changed is built again. The base that CONTAINERFILE names is Debian's
# bookworm as mmdebstrap makes it, with this machine's way to the package indexes in it.
set -euo pipefail
store=$1 file=$2 tag=$3
shift 3
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
buildah() { command buildah --root "$store/root" --runroot "$store/run" "$@"; }

base=$(sed -n 's/^FROM \([^ ]*\).*/\1/p' "$file" | sort -u)
[ "$(wc -l <<< "$base")" = 1 ] || { echo "more than one base: $base" >&2; exit 1; }
mkdir -p "$store"
if ! buildah inspect --type image "$base" > /dev/null 2>&1; then
    root=$store/base
    rm -rf --one-file-system "$root"
    mmdebstrap --quiet --variant=minbase --include=ca-certificates bookworm "$root"
    cp -r /etc/ssl/certs/. "$root/etc/ssl/certs/"
    for path in /etc/pip.conf /etc/xdg/pip ~/.config/pip ~/.pip /etc/apt/apt.conf.d; do
        [ ! -e "$path" ] || { mkdir -p "$root$(dirname "$path")" && cp -rT "$path" "$root$path"; }
    done
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$root" / > /dev/null
    buildah commit --quiet "$container" "$base" > /dev/null
    buildah rm "$container" > /dev/null
    rm -rf --one-file-system "$root"
fi
arguments=()
for argument in "$@"; do arguments+=(--build-arg "$argument"); done
buildah build --format docker --layers --pull-never --file "$file" --tag "$tag" "${arguments[@]}" "$(dirname "$file")" >&2
