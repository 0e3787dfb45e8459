#!/bin/sh
# The box's side of a sync, read after box.sh. A set is built in FOLDER.partial and renamed.

# sum PATH: its SHA-256; by openssl where that is, which is 4 times as fast.
sum() {
  if command -v openssl >/dev/null; then line=$(openssl dgst -sha256 -r "$1"); else line=$(sha256sum "$1"); fi
  echo "${line%% *}"
}

# keep FOLDER, lines `SHA256 PATH` on stdin: print the paths that are here already and right. They
# are then in the staging folder, which holds nothing wrong. A set that lost a file or its proof is
# looked through like one that never arrived whole.
keep() {
  mkdir -p "$1.partial"
  cd "$1.partial" || exit
  while read -r wanted path; do
    if [ ! -f "$path" ] && [ -f "$1/$path" ]; then
      mkdir -p "$(dirname "$path")"
      ln "$1/$path" "$path"
    fi
    [ -f "$path" ] || continue
    if [ "$(sum "$path")" = "$wanted" ]; then echo "$path"; else rm -f "$path"; fi
  done
}

# receive FOLDER PROOF LINES, a tar stream on stdin: unpack, prove each file by its hash, rename.
receive() {
  mkdir -p "$1.partial"
  cd "$1.partial" || exit
  tar -x -f - --no-same-owner --unlink-first
  rm -f "$2" "$2.tmp"
  while read -r wanted path; do
    if [ ! -f "$path" ]; then
      echo "$path: expected it to arrive, it did not" >&2
      exit 1
    fi
    got=$(sum "$path")
    if [ "$got" != "$wanted" ]; then
      rm -f "$path"
      echo "$path: expected sha256 $wanted, arrived $got" >&2
      exit 1
    fi
    chmod a-w "$path"
    find "$path" -printf "$wanted %s %T@ %i $path\n" >>"$2.tmp"
  done <<.
$3
.
  mv "$2.tmp" "$2"
  sync -f .
  cd /
  rm -rf "$1"
  mv "$1.partial" "$1"
}

# verify FOLDER, lines `SHA256 PATH` on stdin: print `SHA256 PATH` as it is for each file there. The
# proof of a file that is not right is dropped, so that the next sync brings it again.
verify() {
  cd "$1" 2>/dev/null || exit 0
  while read -r wanted path; do
    [ -f "$path" ] || continue
    got=$(sum "$path")
    echo "$got $path"
    [ "$got" = "$wanted" ] || rm -f .freehold-proof
  done
}
