#!/bin/sh
# The server's side of a store over SSH. POSIX sh and what GNU's tools and BusyBox's have alike
# (both were tried; BSD's by their manual); it runs as the user who connects, in the store's folder. An object's name is its path there.
set -eu
umask 022
export LC_ALL=C

# list TOP: `SIZE MTIME ./NAME` of each object below the folder TOP, after the clock's own time.
list() {
  date +%s
  [ -d "$1" ] || return 0
  if stat -c %s . >/dev/null 2>&1; then set -- "$1" -c '%s %Y %n'; else set -- "$1" -f '%z %m %N'; fi
  # Twice: a file may go while it is being listed.
  found=$(listed "$@" 2>/dev/null) || found=$(listed "$@")
  printf '%s\n' "$found"
}

listed() { find "$1" -name '.?*' -prune -o -type f -exec stat "$2" "$3" {} +; }

# size NAME: of a file, in bytes; nothing where there is none.
size() {
  if [ -f "$1" ]; then stat -L -c %s -- "$1" 2>/dev/null || stat -L -f %z -- "$1"; fi
}

# read_from NAME OFFSET: the line `here`, then the bytes; or the line `none`.
read_from() {
  if [ ! -f "$1" ]; then echo none && return; fi
  [ -r "$1" ] || { echo "$1: Permission denied" >&2 && return 1; }
  echo here
  if [ "$2" = 0 ]; then exec cat -- "$1"; else exec tail -c "+$(($2 + 1))" -- "$1"; fi
}

# sum PATH: its SHA-256, by the fastest tool that there is.
sum() {
  if command -v openssl >/dev/null; then
    line=$(openssl dgst -sha256 -r "$1")
  elif command -v sha256sum >/dev/null; then
    line=$(sha256sum "$1")
  else
    line=$(shasum -a 256 "$1")
  fi
  echo "${line%% *}"
}

# has NAME SHA256: print `kept` if the file is there and right. A `gc` then takes it for new.
has() {
  if [ -f "$1" ] && [ "$(sum "$1")" = "$2" ]; then touch -c "$1" && echo kept; fi
}

# aside: an empty file that has no name yet; those that were left by puts that were killed go.
aside() {
  find . -maxdepth 1 -name '.adding-*' -type f -mtime +0 -exec rm -f {} + 2>/dev/null || :
  partial=$(mktemp ./.adding-XXXXXX)
  trap 'rm -f "$partial"' EXIT
  trap 'exit 1' HUP INT TERM PIPE
}

# flush PATH...: to the disk; where sync takes no paths, all that there is.
flush() { sync "$@" 2>/dev/null || sync; }

# name NAME MODE HOW: the file aside gets its name, by `ln` a new one or by `mv`.
name() {
  chmod "$2" "$partial"
  flush "$partial"
  mkdir -p "$(dirname "$1")"
  if [ "$3" = ln ]; then
    if [ -e "$1" ] || { ! ln "$partial" "$1" && [ -e "$1" ]; }; then echo taken && return; fi
    [ -e "$1" ]
  else
    mv -f "$partial" "$1"
  fi
  folder=$(dirname "$1")
  while [ "$folder" != . ]; do
    flush "$folder"
    folder=$(dirname "$folder")
  done
  flush .
  echo put
}

# put NAME SIZE HOW, content on stdin: cut short it is not named.
put() {
  aside
  cat >"$partial"
  if [ "$(size "$partial")" != "$2" ]; then echo "expected $2 bytes, $(size "$partial") arrived" >&2 && exit 1; fi
  name "$1" 644 "$3"
}

# put_file NAME SHA256, content on stdin: named when what the disk has is of that hash.
put_file() {
  aside
  cat >"$partial"
  got=$(sum "$partial")
  if [ "$got" != "$2" ]; then echo "expected sha256 $2, arrived $got" >&2 && exit 1; fi
  name "$1" 444 mv
}
