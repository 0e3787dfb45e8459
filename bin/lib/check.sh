# shellcheck shell=bash
# bin/setup --check: what is there, what is not; changes nothing.

# check WITH_LAB: lab tools count as missing only where they were asked for.
check() {
  local missing=0
  check_uv
  check_python
  check_engine
  check_lab "$1"
  check_bucket_server "$1"
  if ((missing)); then
    say "something is missing: run bin/setup${1:+ --lab}"
    return 1
  fi
}

report() { printf '%-8s %-14s %s\n' "$@"; }

report_missing() {
  missing=1
  report missing "$@"
}

check_uv() {
  local uv
  if find_uv; then report ok uv "$("$uv" --version) $uv"; else report none uv "not found; bin/setup fetches its own when it installs packages"; fi
}

check_python() {
  if python_is_current; then
    report ok python "$("$venv/bin/python" -V), $venv as requirements.lock says"
  elif [ -x "$venv/bin/python" ]; then
    report_missing python "$venv is not as requirements.lock says"
  else
    report_missing python "$venv"
  fi
}

check_engine() {
  local engine origin host
  if ! engine=$(find_engine) || [ ! -x "$wrapper" ]; then
    report_missing engine "$wrapper"
    return
  fi
  origin=$(cat "${engine%/bin/pulumi}/origin" 2>/dev/null || echo "yours")
  report ok engine "$("$wrapper" version), $origin: $engine"
  host=$(PATH=${engine%/*}:$PATH command -v pulumi-language-python)
  report ok "language host" "$host"
}

check_lab() {
  local packages
  packages=$(missing_lab_packages)
  if [ "$(uname -s)" != Linux ]; then
    report none lab "boxes run on Linux only"
  elif [ -z "$packages" ]; then
    report ok lab "systemd-nspawn, mmdebstrap, ip, ssh, shellcheck"
  elif [ -n "$1" ]; then
    report_missing lab "$packages"
  else
    report none lab "not installed: $packages (bin/setup --lab)"
  fi
}

check_bucket_server() {
  if [ -x "$(bucket_server)" ]; then
    report ok "S3 server" "$(bucket_server)"
  elif [ -n "$1" ]; then
    report_missing "S3 server" "versitygw $bucket_version, for tests"
  else
    report none "S3 server" "not built (bin/setup --lab), for tests"
  fi
}
