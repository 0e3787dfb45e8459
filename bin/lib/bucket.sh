# shellcheck shell=bash
# A real S3 server for the tests of stores in buckets: versitygw, from Go modules.

bucket_version=$(module_version "$root/tools/versitygw/go.mod" github.com/versity/versitygw)

bucket_server() { printf '%s\n' "$cache/versitygw-$bucket_version/versitygw"; }

setup_bucket_server() {
  local go
  if [ -x "$(bucket_server)" ]; then return; fi
  take_lock
  if [ -x "$(bucket_server)" ]; then return; fi
  mkdir -p "$work/bucket"
  { find_go || fetch_go; } && build_go_tool "$root/tools/versitygw" \
    github.com/versity/versitygw cmd/versitygw "$work/bucket" ||
    { say "no S3 server: tests of buckets will fail" && return; }
  mv "$work/bucket" "$cache/versitygw-$bucket_version"
}
