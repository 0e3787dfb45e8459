#!/bin/sh
# Sent ahead of every plan's steps. POSIX sh; runs as root on the box, read whole before it starts.
set -eu
umask 022
export LC_ALL=C
fh=/var/lib/freehold
found=$fh/found # what lay at our paths before we came: a copy, or PATH.none

# One change at a time on a box, whichever controller it comes from.
exec 9>/run/lock/freehold.lock
flock -w 120 9 || {
  echo "another run of Freehold is changing this box: waited 120 s for /run/lock/freehold.lock" >&2
  exit 95
}

# begin N: the steps that follow belong to step N of the plan.
begin() { printf '\036%s\n' "$1"; }

# remember PATH: keep what is there now, once, so that `restore` can put it back.
remember() ( # a subshell: `parent` is its own in each call
  if [ -e "$found$1" ] || [ -e "$found$1.none" ]; then exit 0; fi
  mkdir -p "$fh"
  [ -d "$found" ] || mkdir -m 700 "$found"
  parent=$(dirname "$1")
  if [ ! -d "$parent" ]; then
    remember "$parent"
    mkdir -m 755 "$parent"
  fi
  mkdir -p "$(dirname "$found$1")"
  if [ -e "$1" ]; then
    cp -a "$1" "$found$1.tmp"
    mv "$found$1.tmp" "$found$1"
  else
    : >"$found$1.none"
  fi
)

# place PATH MODE GROUP, content on stdin in base64: written aside, flushed, renamed.
place() {
  remember "$1"
  [ -d "$(dirname "$1")" ] || mkdir -p "$(dirname "$1")"
  rm -f "$1.freehold"
  (umask 077 && base64 -d >"$1.freehold")
  chown "root:$3" "$1.freehold"
  chmod "$2" "$1.freehold"
  # The same content keeps its time: a changed mode alone restarts nothing.
  if [ "$(sha256sum <"$1.freehold")" = "$(sha256sum 2>/dev/null <"$1")" ]; then touch -r "$1" "$1.freehold"; fi
  sync "$1.freehold"
  mv -f "$1.freehold" "$1"
}

# restore PATH: what was there before, and the folders that were not. Without a memory of the path
# it is not ours: a second `restore` finds the owner's own file, and leaves it.
restore() {
  if [ -e "$found$1" ]; then
    mv -f "$found$1" "$1"
  elif [ -e "$found$1.none" ]; then
    rm -f "$1"
  fi
  rm -f "$found$1.none"
  parent=$(dirname "$1")
  while [ -e "$found$parent.none" ]; do
    rmdir "$parent" 2>/dev/null || [ ! -d "$parent" ] || break
    rm -f "$found$parent.none"
    parent=$(dirname "$parent")
  done
}

remove_set() { rm -rf "$1" "$1.partial"; }

remove_unit() {
  if systemctl cat "$1" >/dev/null 2>&1; then systemctl disable --now -q "$1"; fi
  case $1 in
  *.timer)
    systemctl stop "${1%.timer}.service" 2>/dev/null || true
    rm -f "/var/lib/systemd/timers/stamp-$1" # when it was last due
    ;;
  esac
  systemctl reset-failed -q "$1" 2>/dev/null || true
}

start_unit() {
  systemctl reset-failed -q "$1" 2>/dev/null || true
  systemctl restart "$1" || tell_why "$1" $?
}

reload_unit() { systemctl reload "$1" || tell_why "$1" $?; }

# tell_why UNIT STATUS: in the unit's own words, as systemd says only that it failed.
tell_why() {
  run=$(systemctl show -p InvocationID --value "$1")
  journalctl -q -o cat -n 10 --no-pager "_SYSTEMD_INVOCATION_ID=$run" >&2
  return "$2"
}

# No questions, no suggestions, an edited file of /etc stays; another run of apt is waited for. What it
# starts may not hold our lock.
apt_get() {
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    "$@" </dev/null 9>&-
}

# coming NAME: what apt would install for it, one a line. The lists of a fresh box may be empty.
coming() {
  said=$(apt_get --simulate install "$1" 2>/dev/null) || {
    apt_get update >&2 || true
    said=$(apt_get --simulate install "$1")
  }
  printf '%s\n' "$said" | sed -n 's/^Inst \([^ ]*\).*/\1/p'
}

# finish_installs: what an install that was killed left, of ours or of anyone: apt refuses all else.
finish_installs() {
  dpkg --configure -a </dev/null >&2 9>&- || apt_get --fix-broken install >&2
}

# install_package NAME. Written down before it is done: one that is killed halfway is ours too.
install_package() {
  finish_installs
  mkdir -p "$fh/packages"
  came=$(coming "$1")
  printf '%s\n' "$1" "$came" | cat "$fh/packages/$1" - 2>/dev/null | sort -u >"$fh/packages/.new"
  mv "$fh/packages/.new" "$fh/packages/$1"
  apt_get install "$1" >&2 || { # lists that are older than the mirror name files that are gone
    apt_get update >&2
    apt_get install "$1" >&2
  }
}

# remove_package NAME: only what we installed, and of what came with it only what nothing else needs.
remove_package() {
  mark=$fh/packages/$1
  [ -e "$mark" ] || return 0
  finish_installs
  cat "$mark" "$fh/packages/.came" 2>/dev/null | sort -u >"$fh/packages/.new" || true
  mv "$fh/packages/.new" "$fh/packages/.came"
  # The owner may have come to need it since: then it stays.
  theirs=$(apt_get --simulate purge "$1" | sed -n 's/^Purg \([^ ]*\).*/\1/p' | grep -vxFf "$mark" || true)
  if [ -z "$theirs" ] && dpkg-query -W "$1" >/dev/null 2>&1; then
    apt_get purge "$1" >&2
    unneeded=$(apt_get --simulate autoremove | sed -n 's/^Remv \([^ ]*\).*/\1/p' | grep -xFf "$fh/packages/.came" || true)
    # shellcheck disable=SC2086 # one word a package
    [ -z "$unneeded" ] || apt_get purge $unneeded >&2
  fi
  rm "$mark"
  [ -n "$(ls "$fh/packages")" ] || rm "$fh/packages/.came"
}

# untune PROGRAM: what its unit could not put back as it stopped is an error here.
untune() { [ ! -f "$1" ] || python3 -I "$1" untune; }

# leave: whatever of ours is here, also what no state knows of: an `up` that was killed placed it.
# But not weights: those are wiped.
leave() {
  if [ -d "$found" ]; then
    # All units first: as one stops it may need a file that another mark would take away.
    find "$found/etc/systemd/system" -type f 2>/dev/null | sort -r | while read -r mark; do
      unit=${mark##*/}
      case $unit in *.service | *.timer | *.service.none | *.timer.none) remove_unit "${unit%.none}" ;; esac
    done
    find "$found" -type f | sort -r | while read -r mark; do
      path=${mark#"$found"} path=${path%.none}
      # A folder that we made, and its mark, go with the last file that we placed in it.
      if [ -e "$mark" ] && [ ! -d "$path" ]; then restore "$path"; fi
    done
    systemctl daemon-reload
  fi
  for mark in "$fh"/packages/*; do
    [ ! -e "$mark" ] || remove_package "${mark##*/}"
  done
  [ ! -d "$fh/engines" ] || find "$fh/engines" -mindepth 1 -delete
  prune
}

# prune: our own folders where they are empty. $fh itself may be a disk that was mounted there.
prune() {
  for folder in found packages weights engines; do
    [ ! -d "$fh/$folder" ] || find "$fh/$folder" -depth -type d -empty -delete
  done
  # The program that brings, verifies and wipes sets goes with the last of them.
  if [ ! -d "$fh/weights" ] && [ ! -d "$fh/engines" ]; then rm -rf "$fh/agent"; fi
  rmdir "$fh" 2>/dev/null || true
}
