# shellcheck shell=bash
# Pulumi's SDK of AWS for the tests of rented stacks, in a folder of its own: with it in .venv the engine
# would ask for the aws plugin, a download of hundreds of megabytes, on stacks that rent nothing.

aws_sdk_lock=$root/tools/pulumi-aws/requirements.lock

aws_sdk() { printf '%s/pulumi-aws-%s\n' "$cache" "$(sed -n 's/^pulumi-aws==\([0-9.]*\).*/\1/p' "$aws_sdk_lock")"; }

aws_sdk_is_there() { [ -d "$(aws_sdk)/pulumi_aws" ]; }

setup_aws_sdk() {
  if aws_sdk_is_there; then return; fi
  take_lock
  if aws_sdk_is_there; then return; fi
  mkdir -p "$work/aws-sdk"
  run_slowly "Pulumi's SDK of AWS with pip" "$venv/bin/python" -m pip install --disable-pip-version-check \
    --no-deps --no-compile --require-hashes --target "$work/aws-sdk" -r "$aws_sdk_lock" ||
    { say "no SDK of AWS: tests of rented stacks will fail" && return; }
  rm -rf "$(aws_sdk)"
  mv "$work/aws-sdk" "$(aws_sdk)"
}
