#!/bin/sh
# Run by mmdebstrap when the packages are in; $1 is the root folder of every box to come.
set -eu
root=$1

chroot "$root" useradd --create-home --shell /bin/bash --password '*' admin
chroot "$root" useradd --create-home --shell /bin/bash --password '*' guest
echo 'admin ALL=(ALL:ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/admin"
chmod 0440 "$root/etc/sudoers.d/admin"

cat >"$root/etc/ssh/sshd_config.d/lab.conf" <<'EOF'
HostKey /etc/ssh/ssh_host_ed25519_key
AuthorizedKeysFile /etc/ssh/lab_authorized_keys .ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
UseDNS no
MaxStartups 100
EOF
# Newer servers turn away an address after failed logins, which tests make on purpose.
mkdir -p "$root/run/sshd"
if chroot "$root" /usr/sbin/sshd -t -o PerSourcePenalties=no 2>/dev/null; then
    echo 'PerSourcePenalties no' >>"$root/etc/ssh/sshd_config.d/lab.conf"
fi
rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub

chroot "$root" systemctl --quiet enable systemd-networkd.service ssh.service
chroot "$root" systemctl --quiet disable ssh.socket 2>/dev/null || true
# A box is short-lived and has no network beyond the lab: nothing to update, no one at its console.
chroot "$root" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer \
    dpkg-db-backup.timer e2scrub_all.timer fstrim.timer man-db.timer motd-news.timer \
    console-getty.service getty@.service systemd-firstboot.service

# Without these stamps systemd rebuilds ldconfig's cache and catalogs on each box's first boot.
rm -f "$root/etc/machine-id" "$root/var/lib/dbus/machine-id" "$root/etc/hostname"
touch "$root/etc/.updated" "$root/var/.updated"
