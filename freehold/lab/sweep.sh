#!/bin/sh
# Removes what a lab's dead boxes leave: sweep.sh FOLDER BRIDGE MACHINE... Root runs it.
# Their mounts and processes went with their namespaces; links, control groups and files did not.
set -eu
folder=$1 bridge=$2
shift 2

if [ "${FREEHOLD_SWEEP_STAGE:-start}" = start ]; then
    export FREEHOLD_SWEEP_STAGE=sweep
    exec unshare --mount /bin/sh "$0" "$folder" "$bridge" "$@"
fi

# Moved away first: a box that was about to start when its `up` was killed finds no folder.
removed=$(dirname "$folder")/.removed-$(basename "$folder")
if [ -e "$folder" ]; then
    rm -rf --one-file-system -- "$removed"
    mv -T -- "$folder" "$removed"
fi

for machine; do
    ip link delete "vb-$machine" 2>/dev/null || true # the kernel would, a moment later
done
[ ! -e "/sys/class/net/$bridge" ] || ip link delete "$bridge"

if [ "$(stat --file-system --format=%T /sys/fs/cgroup)" != cgroup2fs ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
for machine; do
    group=/sys/fs/cgroup/freehold-$machine
    for _ in 1 2 3 4 5 6 7 8 9 10; do # the last process may be on its way out
        [ -d "$group" ] || break
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
    done
done

rm -rf --one-file-system -- "$removed" # last: until then it tells the next `down` what to remove
