# shellcheck shell=bash
# promtool, by which tests check alert rules: out of Debian's package prometheus, which is not installed, as
# that would start a server here.

promtool_path() { printf '%s\n' "$cache/promtool/promtool"; }

setup_promtool() {
  if [ -x "$(promtool_path)" ] || have promtool; then return; fi
  take_lock
  if [ -x "$(promtool_path)" ]; then return; fi
  mkdir -p "$work/promtool"
  (
    cd "$work/promtool" || exit
    apt-get -q download prometheus >/dev/null 2>&1 && dpkg-deb -x prometheus_*.deb . && mv usr/bin/promtool . &&
      rm -r prometheus_*.deb usr etc lib var 2>/dev/null
    [ -x promtool ]
  ) || { say "no promtool: tests of alert rules are left out" && return; }
  rm -rf "$cache/promtool"
  mv "$work/promtool" "$cache/promtool"
}
