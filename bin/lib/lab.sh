# shellcheck shell=bash
# What lab boxes need: systemd-nspawn containers on Linux, made by mmdebstrap; and what lint and tests need
# besides: kmod and shellcheck to read what is written, gpg to sign repositories.

# Said before anything is installed.
lab_can_run() {
  if [ "$(uname -s)" != Linux ]; then
    no_lab "they are Linux containers, and this is $(uname -s)"
  elif ! may_become_root "lab boxes are containers, which only root may start"; then
    no_lab "they are containers, which need root, or sudo without a password"
  fi
}

setup_lab() {
  local packages
  packages=$(missing_lab_packages)
  if [ "$(uname -s)" = Linux ] && [ -n "$packages" ] && may_become_root "to install $packages"; then
    # shellcheck disable=SC2086 # one word per package
    apt_install "for lab boxes" $packages || no_lab "not installed: $packages" || true
  fi
}

no_lab() {
  say "lab boxes cannot run here: $1"
  say "everything else works, against your own hosts over SSH"
  return 1
}

# The packages whose command is missing, in one line. Debian keeps some commands where only root's PATH leads.
missing_lab_packages() {
  local command package packages=''
  while read -r command package; do
    PATH=$PATH:/usr/sbin:/sbin have "$command" || packages="$packages $package"
  done <<'TABLE'
systemd-nspawn  systemd-container
mmdebstrap      mmdebstrap
ip              iproute2
ssh             openssh-client
shellcheck      shellcheck
gpg             gpg
modprobe        kmod
TABLE
  printf '%s\n' "${packages# }"
}
