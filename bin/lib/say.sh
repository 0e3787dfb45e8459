# shellcheck shell=bash
# What the user sees: lines, and the elapsed time of whatever takes long.

say() { printf 'setup: %s\n' "$*"; }

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command that takes long: shows the time while it runs, and the end of its output only if it fails.
# It runs in the background, where Ctrl-C does not reach it: leave ends it.
run_slowly() {
  local what=$1 started=$SECONDS shown=0 status=0
  shift
  log=$(mktemp "${TMPDIR:-/tmp}/freehold-setup.XXXXXX")
  "$@" >"$log" 2>&1 </dev/null 9>&- &
  child=$!
  say_start "$what ..."
  while kill -0 "$child" 2>/dev/null; do
    sleep 0.05
    if ((SECONDS - started > shown)); then
      shown=$((SECONDS - started))
      say_elapsed "$what ..." "$shown"
    fi
  done
  wait "$child" || status=$?
  child=
  if ((status)); then
    say_end "$what: exit code $status after $((SECONDS - started)) s, its last lines:"
    tail -n 12 "$log" | sed 's/^/    /'
  else
    say_end "$what: done in $((SECONDS - started)) s"
  fi
  rm -f "$log"
  return "$status"
}

# On a terminal one line that counts; in a log a line each half minute.
if [ -t 1 ]; then
  say_start() { printf 'setup: %s' "$1"; }
  say_elapsed() { printf '\r\033[Ksetup: %s %s s' "$@"; }
  say_end() { printf '\r\033[Ksetup: %s\n' "$1"; }
else
  say_start() { say "$1"; }
  say_elapsed() { if (($2 % 30 == 0)); then say "$1 $2 s"; fi; }
  say_end() { say "$1"; }
fi

leave() {
  if [ -n "${child:-}" ]; then kill "$child" 2>/dev/null || true; fi
  rm -rf "${log:-}" "${work:-}"
}
trap leave EXIT
trap 'exit 130' INT
