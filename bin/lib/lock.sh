# shellcheck shell=bash
# One setup at a time changes the cache and .venv, in a scratch folder that a killed one leaves no trace of.

# Takes the lock and makes $work, a scratch folder beside the cache's entries: moving it there is one rename.
# The lock is Python's flock on our descriptor, since a Mac has no flock command.
take_lock() {
  [ -z "${work:-}" ] || return 0
  mkdir -p "$cache"
  exec 9>>"$cache/setup.lock"
  "$(find_python)" -I - <<'PYTHON'
import fcntl, signal

signal.signal(signal.SIGINT, signal.SIG_DFL)
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("setup: waiting for another bin/setup to end", flush=True)
    fcntl.flock(9, fcntl.LOCK_EX)
except OSError:  # a file system without locks: the renames still keep every entry whole
    pass
PYTHON
  rm -rf "$cache"/partial.*
  work=$(mktemp -d "$cache/partial.XXXXXX")
}

release_lock() {
  [ -n "${work:-}" ] || return 0
  rm -rf "$work"
  work=
  exec 9>&-
}
