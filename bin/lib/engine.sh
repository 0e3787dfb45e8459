# shellcheck shell=bash
# The Pulumi engine: the user's own, Pulumi's release, or a build from Go modules; .venv/bin/pulumi runs it.

oldest_engine=3.200.0
engine_version=$(module_version "$root/tools/pulumi/go.mod" github.com/pulumi/pulumi/pkg/v3)
wrapper=$venv/bin/pulumi
wrapper_mark='# Written by bin/setup of Freehold'

setup_engine() {
  local engine
  if ! engine=$(find_engine 2>/dev/null); then
    own_engine || true
    make_engine
    engine=$(find_engine)
  fi
  write_wrapper "$engine"
}

find_engine() { own_engine || cached_engine; }

# A pulumi of the user's that will do; says on stderr why one will not. Wrappers like ours only lead back to here.
own_engine() {
  local candidate version
  while IFS= read -r candidate; do
    if is_wrapper "$candidate" || [ "$candidate" = "$(engine_home)/bin/pulumi" ]; then continue; fi
    version=$(PULUMI_SKIP_UPDATE_CHECK=true "$candidate" version 2>/dev/null </dev/null || true)
    if ! at_least "$oldest_engine" "$version"; then
      say "not using $candidate: version ${version:-unknown}, and $oldest_engine or newer is needed" >&2
    elif ! [ -x "${candidate%/*}/pulumi-language-python" ] && ! have pulumi-language-python; then
      say "not using $candidate: pulumi-language-python is neither beside it nor on PATH" >&2
    else
      printf '%s\n' "$candidate"
      return
    fi
  done < <(type -ap pulumi | grep '^/')
  return 1
}

is_wrapper() { head -n 2 "$1" 2>/dev/null | LC_ALL=C grep -qF "$wrapper_mark"; }

cached_engine() {
  local bin
  bin=$(engine_home)/bin
  [ -x "$bin/pulumi" ] && [ -x "$bin/pulumi-language-python" ] && printf '%s\n' "$bin/pulumi"
}

# Outside the working tree, so that another clone finds it too.
engine_home() {
  local machine
  machine=$(uname -m)
  case $machine in x86_64) machine=amd64 ;; aarch64) machine=arm64 ;; esac
  printf '%s\n' "$cache/pulumi-$engine_version-$(uname -s | tr '[:upper:]' '[:lower:]')-$machine"
}

# The cache entry appears by one rename, complete or not at all.
make_engine() {
  take_lock
  if cached_engine >/dev/null; then return; fi
  release_engine "$work/engine" || { rm -rf "$work/engine" && build_engine "$work/engine"; } ||
    fail "the Pulumi engine could be neither downloaded nor built; the reason is above" \
      "Hint: install it yourself (https://www.pulumi.com/docs/install/) and run bin/setup again"
  rm -rf "$(engine_home)"
  mv "$work/engine" "$(engine_home)"
}

release_engine() {
  download https://get.pulumi.com/install.sh "$work/pulumi-install.sh" || return 1
  mkdir -p "$1"
  run_slowly "Pulumi $engine_version from its installer" \
    sh "$work/pulumi-install.sh" --version "$engine_version" --install-root "$1" --no-edit-path || return 1
  [ -x "$1/bin/pulumi-language-python" ] && "$1/bin/pulumi" version >/dev/null || return 1
  echo "Pulumi's release" >"$1/origin"
}

# The built language host takes python from PATH whatever Pulumi.yaml says: hence .venv first.
write_wrapper() {
  local text
  text=$(
    cat <<TEXT
#!/bin/sh
$wrapper_mark: the engine, with this checkout's Python first on PATH.
engine=$(quoted "$1")
PATH=$(quoted "$venv/bin:${1%/*}"):\$PATH
: "\${PULUMI_SKIP_UPDATE_CHECK=true}" "\${PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true}"
export PATH PULUMI_SKIP_UPDATE_CHECK PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION
exec "\$engine" "\$@"
TEXT
  )
  [ "$text" != "$(cat "$wrapper" 2>/dev/null)" ] || return 0
  printf '%s\n' "$text" >"$wrapper.$$"
  chmod 755 "$wrapper.$$"
  mv "$wrapper.$$" "$wrapper"
  say "pulumi in .venv/bin runs $1"
}

quoted() { printf '%s' "$1" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/"; }
