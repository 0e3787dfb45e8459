#!/bin/sh
# Runs one box until it is powered off: box.sh FOLDER ROOTFS MACHINE BRIDGE HOSTNAME INIT ADDRESS.
# Root runs it. Everything it makes (overlay mount, processes, network interfaces) is in
# namespaces that end with it, so that one SIGKILL to the pid in FOLDER/pid takes all of it away.
set -eu
folder=$1 rootfs=$2 machine=$3 bridge=$4 hostname=$5 init=$6 address=$7
cd "$folder"

case ${FREEHOLD_BOX_STAGE:-start} in
start)
    exec >>console.log 2>&1 </dev/null
    # Held by all that this script starts: a box is started once, and is off when nobody holds it.
    exec 9>lock
    flock --nonblock 9 || exit 0
    export FREEHOLD_BOX_STAGE=mount
    if [ -d /run/systemd/system ]; then
        exec systemd-run --quiet --scope --collect --property=Delegate=yes \
            --description="Freehold lab box $hostname" unshare --mount /bin/sh "$0" "$@"
    fi
    exec unshare --mount /bin/sh "$0" "$@"
    ;;
mount)
    # Each box has control groups of its own: boxes in one group would share the group `payload`.
    if [ "$(stat --file-system --format=%T /sys/fs/cgroup)" != cgroup2fs ]; then
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
    fi
    group=/sys/fs/cgroup/freehold-$machine
    if [ -d /run/systemd/system ]; then
        group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
    fi
    mkdir -p "$group/loop" "$group/box"
    echo 0 >"$group/loop/cgroup.procs"
    read -r controllers <"$group/cgroup.controllers" || true # a group without any has no line
    for controller in $controllers; do
        echo "+$controller" >"$group/cgroup.subtree_control" || true
    done
    # nspawn keeps a folder per machine here, and leaves it behind when it is killed.
    mkdir -p /run/systemd/nspawn
    mount -t tmpfs -o mode=0755 nspawn /run/systemd/nspawn

    if [ ! -d upper ]; then # the first start: the box gets its name, address and keys
        rm -rf upper.new
        mkdir -p upper.new work root
        cp -R --no-preserve=ownership --preserve=mode seed/. upper.new/
        mv upper.new upper
    fi
    mount -t overlay lab -o "lowerdir=$rootfs,upperdir=upper,workdir=work" root
    export FREEHOLD_BOX_STAGE=run FREEHOLD_BOX_GROUP="$group/box"
    exec unshare --pid --fork --kill-child /bin/sh "$0" "$@"
    ;;
run)
    # /proc is still the machine's, so this is our pid out there. The kernel's start time
    # (field 22) tells us from a later process of the same number. As the first process of a pid
    # namespace we are gone only when all the others are.
    read -r stat </proc/self/stat
    # shellcheck disable=SC2086 # split on purpose; the command's name, `(sh)`, has no spaces
    set -- $stat
    echo "$1 ${22}" >pid.new
    mv pid.new pid
    mount -t proc proc /proc

    group=$FREEHOLD_BOX_GROUP
    unset FREEHOLD_BOX_STAGE FREEHOLD_BOX_GROUP
    set -- --quiet --settings=no --register=no --keep-unit --link-journal=no --console=read-only \
        --resolv-conf=off --timezone=off --directory="$folder/root" \
        --machine="$machine" --hostname="$hostname" --network-veth --network-bridge="$bridge"
    if [ "$init" = systemd ]; then
        set -- "$@" --boot
    else
        set -- "$@" --as-pid2 /bin/sh -c "ip link set lo up && ip link set host0 up &&
            ip address add $address/24 dev host0 && mkdir -p /run/sshd && exec /usr/sbin/sshd -D -e"
    fi
    code=133 # what nspawn exits with when the box asked for a reboot
    while [ "$code" -eq 133 ]; do
        ip link delete "vb-$machine" 2>/dev/null || true
        code=0
        # A box's uptime is its own, from 0 at each start, as a machine's is (time_namespaces(7)).
        clock=
        if unshare --time true 2>/dev/null; then
            read -r up _ </proc/uptime
            clock="unshare --time --monotonic -${up%.*} --boottime -${up%.*} --"
        fi
        # shellcheck disable=SC2016,SC2086 # expanded by the inner shell; split on purpose
        sh -c 'echo 0 >"$1/cgroup.procs" && shift && exec "$@"' sh "$group" \
            $clock systemd-nspawn "$@" || code=$?
    done
    exit "$code"
    ;;
esac
