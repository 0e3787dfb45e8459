# What the unit of a build runs, as its own user in its own folder.
# Set before: archive, generator, jobs; the arguments are cmake's flags.
set -eu
umask 022

# python3 is on every box, unzip and xz are not.
python3 -c 'import shutil, sys; shutil.unpack_archive(sys.argv[1], "source")' "$archive"
rm "$archive"
top=source
[ -f $top/CMakeLists.txt ] || top=$(echo source/*)

# Ninja says how far it is as make does.
export NINJA_STATUS='[%p] '
cmake -S "$top" -B made -G "$generator" "$@"
targets=llama-server
for each in ggml-rpc-server rpc-server; do
  if cmake --build made --target help | grep -qw -- "$each"; then
    targets="$targets $each"
    break
  fi
done
# shellcheck disable=SC2086 # its words
cmake --build made --parallel "$jobs" --target $targets

bin=$PWD/results/bin said=$PWD/results/said
mkdir "$bin" "$said"
for file in made/bin/*; do
  if [ -L "$file" ] || [ ! -f "$file" ]; then continue; fi
  name=${file##*/}
  # libx.so -> libx.so.0 -> libx.so.0.9: of a library's names the one that others ask for is the
  # link to the file itself (cmake's SOVERSION).
  for link in made/bin/*; do
    if [ -L "$link" ] && [ "$(readlink "$link")" = "$name" ]; then
      name=${link##*/}
      break
    fi
  done
  cp "$file" "$bin/$name"
done
for file in "$top"/LICEN[CS]E*; do [ ! -f "$file" ] || cp "$file" "$bin/"; done
if [ -d "$top/licenses" ]; then cp -R "$top/licenses" "$bin/licenses"; fi

# CUDA's run-time libraries come along: the toolkit need not be on every node. The driver's own,
# libcuda, may not: it belongs to the driver that is there.
linked() { for file in "$bin"/*; do ldd "$file" 2>/dev/null || :; done; }
linked | sed -n 's/.* => \(\/.*\/lib\(cudart\|cublas\|cublasLt\)\.so[^ ]*\) .*/\1/p' | sort -u |
  while read -r library; do cp -L "$library" "$bin/"; done

# Nothing of where it was built may be needed where it runs.
rm -rf made source
if linked | grep 'not found' | grep -v 'libcuda\.so'; then
  echo "the libraries above are not found beside it" >&2
  exit 1
fi
cmake --version | head -n 1 >"$said/cmake"
c++ --version | head -n 1 >"$said/compiler"
"$bin/llama-server" --version >"$said/version" 2>&1
"$bin/llama-server" --help >"$said/help"
