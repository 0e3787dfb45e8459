# shellcheck shell=bash
# Packages of the system and files of the web: the only parts that ask for root or for the internet by name.

# True if we are root or sudo lets us; asks for the password only on a terminal, and says why before.
may_become_root() {
  ((EUID)) || return 0
  have sudo || return 1
  sudo -n true 2>/dev/null && return
  [ -t 0 ] && [ -t 1 ] || return 1
  say "sudo may ask for your password: $1"
  sudo -v
}

as_root() { if ((EUID)); then sudo -n "$@"; else "$@"; fi; }

apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300 "$@"; }

# apt_install PURPOSE PACKAGE...
apt_install() {
  local purpose=$1 how=sudo
  shift
  have apt-get || return 1
  ((EUID)) || how=apt-get
  may_become_root "to install $* ($purpose)" || return 1
  say "about to install with $how: $* ($purpose)"
  if ! apt-get --simulate install "$@" >/dev/null 2>&1; then
    run_slowly "apt-get update" apt_get update || return 1
  fi
  run_slowly "apt-get install $*" apt_get install "$@"
}

# download URL FILE: false, quickly, where the site is not reached.
download() {
  if ! have curl && [ -z "${asked_for_curl:-}" ]; then
    asked_for_curl=yes
    apt_install "to download installers" curl || true
  fi
  have curl && curl -fsSL --connect-timeout 5 --max-time 60 -o "$2" "$1" 2>/dev/null && return
  say "$1 is not reached"
  return 1
}
