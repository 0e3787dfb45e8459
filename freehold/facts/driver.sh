#!/bin/sh
# What a box has of an NVIDIA driver. Before it come: $kept (files that Freehold places for it),
# $asked (packages that might be installed), $keyring, $source (its apt source), $repository (a part of
# its URL) and $openpgp, a program that prints a key's fingerprint.
: "${kept?}" "${asked?}" "${keyring?}" "${source?}" "${repository?}" "${openpgp?}"
# shellcheck disable=SC1091 # the box's
. /etc/os-release
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
kernel=$(uname -r)
echo "distribution=$ID$VERSION_ID"
echo "arch=$(dpkg --print-architecture)"
echo "kernel=$kernel"
echo "boot_id=$(cat /proc/sys/kernel/random/boot_id)"
echo "machine_id=$(cat /etc/machine-id 2>/dev/null)"
echo "local_time=$(unset TZ; date +%H:%M)"
if [ -e "/lib/modules/$kernel/build/Makefile" ]; then echo "headers=yes"; else echo "headers=no"; fi

# 03xx: display controllers; 0680: other bridges, as which NVSwitches are seen.
for device in /sys/bus/pci/devices/*; do
  [ "$(cat "$device/vendor" 2>/dev/null)" = 0x10de ] || continue
  case $(cat "$device/class") in
    0x03*)
      echo "gpu=$(cat "$device/device")"
      holder=$(readlink "$device/driver") && echo "holder=${holder##*/}" ;;
    0x0680*) echo "nvswitch=$(cat "$device/device")";;
  esac
done

# mokutil's own words; without it the firmware's variable: four bytes of attributes, then 1 for on.
efivar=/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
if command -v mokutil >/dev/null; then
  echo "secure_boot=$(mokutil --sb-state 2>&1 | head -n 1)"
elif [ -e "$efivar" ]; then
  echo "secure_boot=efivar $(od -An -tu1 -j4 -N1 "$efivar" | tr -d ' ')"
else
  echo "secure_boot=no EFI"
fi
for key in /var/lib/shim-signed/mok/MOK.der /var/lib/dkms/mok.pub; do
  [ -e "$key" ] || continue
  echo "signing_key=$key"
  command -v mokutil >/dev/null && echo "enrolled=$(mokutil --test-key "$key" 2>&1 | head -n 1)"
  break
done

[ ! -d /sys/module/nouveau ] || echo "holder=nouveau"
if [ -e /proc/driver/nvidia/version ]; then
  echo "loaded=$(sed -n 's/^NVRM version: *//p' /proc/driver/nvidia/version)"
else
  echo "loaded=none"
fi
if cat /etc/modprobe.d/*.conf /lib/modprobe.d/*.conf /run/modprobe.d/*.conf 2>/dev/null |
  grep -Eq '^[[:space:]]*blacklist[[:space:]]+nouveau([[:space:]]|$)'; then
  echo "blacklisted=yes"
else
  echo "blacklisted=no"
fi
# The first modules of a boot are loaded by what the initramfs knew of modprobe.d when it was made.
initrd=/boot/initrd.img-$kernel
if [ -e "$initrd" ] && command -v update-initramfs >/dev/null; then
  echo "initrd=$(stat -c %.9Y "$initrd")"
  for file in $kept; do
    case $file in /etc/modprobe.d/*) [ ! -e "$file" ] || echo "modprobe=$(stat -c %.9Y "$file")";; esac
  done
fi
command -v modinfo >/dev/null && echo "on_disk=$(modinfo -F version -k "$kernel" nvidia 2>/dev/null)"
command -v dkms >/dev/null && dkms status nvidia 2>/dev/null | sed 's/^/dkms=/'

for library in /usr/lib/*-linux-gnu/libnvidia-ml.so.1 /usr/lib64/libnvidia-ml.so.1 /usr/lib/libnvidia-ml.so.1; do
  [ ! -e "$library" ] || { echo "library=$(readlink -f "$library")"; break; }
done
PATH=$PATH:/sbin ldconfig -p 2>/dev/null | grep -o 'libcudart\.so\.[0-9]*' | sort -u | sed 's/.*\./cuda=/'
if command -v nvidia-smi >/dev/null; then
  said=$(timeout 60 nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>&1)
  echo "smi_exit=$?"
  printf '%s\n' "$said" | head -n 3 | sed 's/^/smi=/'
  timeout 60 nvidia-smi -L 2>/dev/null | sed -n 's/^GPU /listed=GPU /p'
fi
for program in nvidia-uninstall nvidia-installer; do
  path=$(command -v $program) && ! dpkg -S "$path" >/dev/null 2>&1 && echo "runfile=$path"
done

# shellcheck disable=SC2016 # the $ are for dpkg-query
dpkg-query -W -f '${db:Status-Abbrev}|${Package}|${Version}\n' 2>/dev/null |
  grep -E '\|(.*nvidia|cuda-|libcu|libnv|linux-image|nvlsm|dkms|ca-certificates)' | sed 's/^/package=/'
apt-mark showhold 2>/dev/null | sed 's/^/held=/'
[ -z "$(dpkg --audit 2>/dev/null)" ] && [ -z "$(ls /var/lib/dpkg/updates 2>/dev/null)" ] || echo "dpkg=interrupted"
# Where each version of what is or might be installed comes from.
# shellcheck disable=SC2016
present=$(dpkg-query -W -f '${Package}\n' 2>/dev/null | grep -E '^(.*nvidia.*|cuda-drivers.*|libcuda1)$')
# shellcheck disable=SC2086 # one word a package
apt-cache madison $asked $present "linux-headers-$kernel" 2>/dev/null | sort -u | sed 's/^ */offered=/'
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  [ "$file" != "$source" ] && grep -v '^[[:space:]]*#' "$file" 2>/dev/null | grep -qF "$repository" && echo "entry=$file"
done
# Apt's lists bear the times of the server. What was read before the source was placed is another's.
refreshed=/var/lib/freehold/driver/refreshed
[ -z "$(find "$refreshed" -newer "$source" 2>/dev/null)" ] || echo "lists_age=$(($(date +%s) - $(stat -c %Y "$refreshed")))"
[ ! -e "$keyring" ] || echo "key=$(python3 -I -c "$openpgp" <"$keyring" 2>/dev/null || echo unreadable)"

for file in $kept; do
  [ ! -e "$file" ] || echo "kept=$(stat -c '%a %U:%G %.9Y' "$file") $(sha256sum <"$file" | cut -d' ' -f1) $file"
done
properties=LoadState,ActiveState,UnitFileState,NeedDaemonReload,ActiveEnterTimestamp
for unit in nvidia-persistenced nvidia-fabricmanager; do
  systemctl show --timestamp=us+utc -p "$properties" "$unit.service" | tr '\n' '|' | sed "s/^/unit=$unit|/"
  echo
done
for user in nvidia-persistenced nvpd; do getent passwd $user >/dev/null && echo "user=$user"; done
[ ! -e /var/lib/freehold/driver/packages ] || sort -u /var/lib/freehold/driver/packages | sed 's/^/installed_by_us=/'
true
