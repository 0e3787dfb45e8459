#!/bin/sh
# Beside box.sh, which sets $fh, where a plan has steps of a driver; $openpgp is a program that prints
# a key's fingerprint.
: "${fh:?}" "${openpgp:?}"
driver=$fh/driver # what of the driver is Freehold's: files by their paths, packages by their names

# of_driver FUNCTION ...: box.sh's, with a memory that `leave` does not walk: the driver stays.
of_driver() (
  # shellcheck disable=SC2034 # box.sh reads it
  found=$driver/found
  mkdir -p "$driver"
  "$@"
)

# said FILE COMMAND...: its output goes to a file, as a program whose reader dies would die of it. A
# daemon that it starts may not hold our lock.
said() {
  log=$1
  shift
  "$@" >"$log" 2>&1 </dev/null 9>&- && return
  status=$?
  tail -n 12 "$log" >&2
  exit $status
}

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

apt() { said "$logs/apt" apt_get "$@"; }

# refresh_others: sources that nobody looks after are no reason to leave a box without its driver.
refresh_others() { apt_get update >"$logs/others" 2>&1 || true; }

repair_packages() {
  said "$logs/dpkg" env DEBIAN_FRONTEND=noninteractive dpkg --configure -a --force-confdef --force-confold
  apt install --fix-broken --allow-change-held-packages
}

# fetch_key URL PATH FINGERPRINT
fetch_key() {
  mkdir -p "$(dirname "$2")"
  fetch='import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=60).read(1 << 20))'
  python3 -I -c "$fetch" "$1" >"$2.freehold" 2>"$logs/key" || {
    rm -f "$2.freehold"
    echo "$1: $(tail -n 1 "$logs/key")" >&2
    exit 1
  }
  is=$(python3 -I -c "$openpgp" <"$2.freehold" 2>"$logs/key") || is=$(tail -n 1 "$logs/key")
  if ! head -n 1 "$2.freehold" | grep -q '^-----BEGIN PGP PUBLIC KEY BLOCK-----'; then is="no armoured key"; fi
  if [ "$is" != "$3" ]; then
    rm -f "$2.freehold"
    echo "$1: expected a key of the fingerprint $3, found $is" >&2
    exit 1
  fi
  of_driver remember "$2"
  chmod 644 "$2.freehold"
  sync "$2.freehold"
  mv -f "$2.freehold" "$2"
}

# refresh SOURCE: it must answer, signed by its key. Of the others what answers is enough.
refresh() {
  apt update -o Dir::Etc::sourcelist="$1" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0
  if grep -E '^(W|E|Err):' "$logs/apt" >&2; then exit 1; fi
  refresh_others
  mkdir -p "$driver"
  touch "$driver/refreshed"
}

# change NAME[=VERSION]... [NAME-]...: what of it was not there before is written down first.
change() {
  mkdir -p "$driver"
  anyhow='--allow-downgrades --allow-change-held-packages'
  # shellcheck disable=SC2086 # two words
  apt_get --simulate $anyhow install "$@" >"$logs/simulated" 2>&1 || {
    refresh_others # lists of long ago, or none: a fresh image has none
    apt_get --simulate $anyhow install "$@" >"$logs/simulated" 2>&1 || true
  }
  sed -n 's/^Inst \([^ ]*\) (.*/\1/p' "$logs/simulated" >>"$driver/packages"
  sync "$driver/packages"
  # shellcheck disable=SC2086
  apt $anyhow install "$@"
}

hold() { said "$logs/hold" apt-mark hold "$@"; }

make_signing_key() {
  if command -v update-secureboot-policy >/dev/null; then
    said "$logs/key" update-secureboot-policy --new-key
  else
    said "$logs/key" dkms generate_mok
  fi
}

build_module() {
  said "$logs/dkms" dkms autoinstall -k "$1"
  if [ -n "$(modinfo -F version -k "$1" nvidia 2>/dev/null)" ]; then return; fi
  echo "dkms autoinstall -k $1 built no module nvidia:" >&2
  dkms status >&2
  for log in /var/lib/dkms/nvidia*/*/build/make.log; do [ ! -e "$log" ] || tail -n 8 "$log" >&2; done
  exit 1
}

rebuild_initramfs() { said "$logs/initramfs" update-initramfs -u -k "$1"; }

load_module() {
  said "$logs/modprobe" modprobe nvidia
  said "$logs/modprobe" modprobe nvidia-uvm
}

# remove_driver "PACKAGE..." "PACKAGE..." FILE...: the first ones go, unless that takes others along;
# the second ones go by apt-get autoremove once nobody needs them. Run again it goes on.
remove_driver() {
  packages=$1 loose=$2
  shift 2
  # shellcheck disable=SC2086 # one word a package
  if [ -n "$packages" ]; then
    apt-get -s --allow-change-held-packages purge $packages 2>"$logs/simulated" </dev/null |
      sed -n 's/^\(Purg\|Remv\) \([^ ]*\) .*/\2/p' >"$logs/going"
    others=$(for name in $packages; do echo "$name"; done | grep -vxFf - "$logs/going" || true)
    if [ -n "$others" ]; then
      echo "other packages need it, and would go with it:" $others >&2
      exit 1
    fi
    for unit in nvidia-persistenced.service nvidia-fabricmanager.service; do
      owner=$(dpkg -S "*/$unit" 2>/dev/null | head -n 1 | cut -d: -f1)
      case " $packages " in *" ${owner:-none} "*) remove_unit "$unit" ;; esac
    done
    apt purge --allow-change-held-packages $packages
  fi
  # shellcheck disable=SC2086
  [ -z "$loose" ] || said "$logs/auto" apt-mark auto $loose
  for file; do of_driver restore "$file"; done
  systemctl daemon-reload
  if command -v update-initramfs >/dev/null && [ -e "/boot/initrd.img-$(uname -r)" ]; then
    rebuild_initramfs "$(uname -r)"
  fi
  rm -rf "$driver"
  rmdir "$fh" 2>/dev/null || true
}
