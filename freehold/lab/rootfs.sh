#!/bin/sh
# Builds the boxes' root folder: rootfs.sh ROOTFS SUITE PACKAGES HOOK [CUSTOMIZE]. Root runs it.
# Built beside its place and renamed, under a lock: a build that is cut off leaves nothing that
# looks finished, and of two at once the second waits for the first.
set -eu
rootfs=$1 suite=$2 packages=$3 hook=$4 customize=${5:-true}
cache=$(dirname "$rootfs")

umask 022
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9
[ ! -d "$rootfs" ] || exit 0

rm -rf "$cache"/building.* # left by builds that were cut off; the lock is ours
building=$(mktemp -d "$cache/building.XXXXXX")
trap 'rm -rf "$building"' EXIT
chmod 0755 "$building"

# The distribution's own sources as this machine has them (a mirror, say); mmdebstrap's default
# where apt has no lists yet. Other vendors' sources are of no use in a box.
distribution=$(sed -n 's/^ID=//p' /etc/os-release)
# shellcheck disable=SC2016 # the $ are for apt
apt-get indextargets --format '$(ORIGIN) deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' | grep -i "^$distribution deb .* main\$" | cut -d' ' -f2- | sort -u \
    >"$building/lab.list" || true

set -- --quiet --variant=minbase --format=directory --include="$packages" \
    --customize-hook="$customize" --customize-hook="$hook" "$suite" "$building/root"
[ ! -s "$building/lab.list" ] || set -- "$@" "$building/lab.list"
mmdebstrap "$@"
mv "$building/root" "$rootfs"
