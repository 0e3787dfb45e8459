# shellcheck shell=bash
# The Python packages: exactly those of requirements.lock, by hash, in .venv.

export UV_COMPILE_BYTECODE=1
python_lock=$root/requirements.lock
python_stamp=$venv/.freehold

setup_python() {
  python_is_current && return
  local python
  python=$(find_python) || fail "Python 3.11 or newer is needed; python3 is $(python3 -V 2>&1 || true)" \
    "Hint: apt-get install python3 (Debian 12, Ubuntu 24.04 or newer), or https://www.python.org/downloads/"
  take_lock
  python_is_current && return
  install_with_uv "$python" || install_with_pip "$python" ||
    fail "the Python packages could not be installed; the reason is above"
  python_state >"$python_stamp"
}

python_is_current() {
  [ -f "$python_stamp" ] && [ "$(python_state 2>/dev/null)" = "$(cat "$python_stamp")" ]
}

# What the packages in .venv depend on. Its path is part of it: the scripts there name their interpreter by path.
python_state() {
  "$venv/bin/python" -I -c '
import hashlib, pathlib, sys
lock = pathlib.Path(sys.argv[2]).read_bytes()
print(sys.argv[1], sys.version.split()[0], hashlib.sha256(lock).hexdigest())
' "$venv" "$python_lock"
}

# The first Python on PATH that is new enough and not the one in .venv, which may be about to be replaced.
find_python() {
  local candidate
  while IFS= read -r candidate; do
    [ "${candidate%/*}" != "$venv/bin" ] || continue
    if "$candidate" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
  done < <(type -ap python3 python3.14 python3.13 python3.12 python3.11)
  return 1
}

# True if .venv was made here and has pip, which Pulumi's language host asks for the list of packages.
venv_is_usable() {
  "$venv/bin/python" -I -m pip --version >/dev/null 2>&1 || return 1
  [ ! -f "$python_stamp" ] || grep -qF "$venv " "$python_stamp"
}

install_with_uv() {
  local uv
  find_uv || fetch_uv || fetch_uv_with_pip "$1" || return 1
  if ! venv_is_usable; then
    rm -rf "$venv"
    run_slowly "uv venv" "$uv" venv --seed --python "$1" "$venv" || return 1
  fi
  run_slowly "Python packages with uv" \
    "$uv" pip install --python "$venv/bin/python" --require-hashes -r "$python_lock"
}

install_with_pip() {
  if ! venv_is_usable; then
    rm -rf "$venv"
    new_venv "$1" "$venv" || return 1
  fi
  run_slowly "Python packages with pip" \
    "$venv/bin/python" -m pip install --disable-pip-version-check --require-hashes -r "$python_lock"
}

# Sets uv to one that runs: a version manager's shim may be on PATH with nothing behind it.
find_uv() {
  for uv in "$(command -v uv)" "$cache/uv/uv" "$cache/uv-venv/bin/uv"; do
    if [ -x "$uv" ] && "$uv" --version >/dev/null 2>&1; then return; fi
  done
  return 1
}

fetch_uv() {
  download https://astral.sh/uv/install.sh "$work/uv-install.sh" || return 1
  run_slowly "uv from its installer" \
    env UV_UNMANAGED_INSTALL="$cache/uv" sh "$work/uv-install.sh" && find_uv
}

fetch_uv_with_pip() {
  rm -rf "$cache/uv-venv"
  new_venv "$1" "$cache/uv-venv" || return 1
  run_slowly "uv with pip" \
    "$cache/uv-venv/bin/python" -m pip install --disable-pip-version-check uv && find_uv
}

# new_venv PYTHON FOLDER. Debian keeps ensurepip apart, in a package named after the version.
new_venv() {
  if ! "$1" -I -c 'import ensurepip' 2>/dev/null; then
    apt_install "venv and pip of $1" "$("$1" -I -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" ||
      fail "$1 has no ensurepip, so it cannot make a virtual environment" \
        "Hint: install python3-venv, or uv, and run bin/setup again"
  fi
  run_slowly "python -m venv ${2##*/}" "$1" -m venv "$2"
}
