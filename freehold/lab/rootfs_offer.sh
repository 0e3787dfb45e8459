#!/bin/sh
# Run by mmdebstrap: rootfs_offer.sh ROOT PACKAGE... A box reaches no mirror: what its apt shall be able
# to install lies in a folder of its own, as a repository, with all that it depends on.
set -eu
root=$1
shift
folder=/var/lib/lab-packages

APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get --quiet --yes --no-install-recommends --download-only install "$@"
mkdir -m 0755 "$root$folder"
mv "$root"/var/cache/apt/archives/*.deb "$root$folder"
cd "$root$folder"
chmod 0644 ./*.deb
for deb in *.deb; do
    dpkg-deb --field "$deb"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" \
        "$(sha256sum "$deb" | cut -d' ' -f1)"
done >Packages

# Its only source: what the box was built from is not reached, and would only be waited for.
rm -f "$root"/etc/apt/sources.list.d/*
echo "deb [trusted=yes] file:$folder ./" >"$root/etc/apt/sources.list"
