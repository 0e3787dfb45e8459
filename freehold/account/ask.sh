#!/bin/sh
# Ask an engine for its account of the model whose sparse files the script in $1 makes.
# $2: the first of those files; $3: the time limit in seconds; $4: the engine; then its flags.
# stdout: its log up to where its dry pass ends, and a last line with its exit status.
set -eu
make_files=$1 first=$2 limit_s=$3 engine=$4
shift 4
pid=
# Not /tmp, which may be in memory.
folder=$(mktemp -d /var/tmp/freehold-ask.XXXXXX)
end() {
    if [ -n "$pid" ]; then
        kill "$pid" 2>/dev/null || :
        wait "$pid" || :
    fi
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 1' HUP INT TERM
cd "$folder"
eval "$make_files"
mkfifo log
# shellcheck disable=SC3045 # dash and bash have it
ulimit -c 0
set -- nice "$engine" --model "$folder/$first" "$@" \
    --host "$folder/engine.sock" --fit on --verbosity 5
if [ "$(id -u)" = 0 ]; then
    # Nothing that an engine does for a header needs a right. Where root's folder hides the engine
    # from others, root runs it.
    nobody='setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs'
    chown -R 65534:65534 .
    # shellcheck disable=SC2086 # its words
    if $nobody test -x "$engine"; then set -- $nobody "$@"; fi
fi
# With the environment of a unit: nothing. A backtrace would start a debugger.
env -i PATH="$PATH" HOME="$folder" GGML_NO_BACKTRACE=1 \
    timeout -k 2 "$limit_s" "$@" >log 2>&1 </dev/null &
pid=$!
# Read to where the dry pass is over. The engine ends then, before it begins to load: by us, or by
# a pipe that nobody reads.
sed -e '/create_tensor: loading tensor/d' -e '/projected to use/q' <log
kill "$pid" 2>/dev/null || :
status=0
wait "$pid" || status=$?
pid=
echo "freehold: the engine ended with $status"
