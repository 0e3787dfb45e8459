# What a machine can build with: a line `key=value` each. The PATH is that of a systemd service.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
. /etc/os-release 2>/dev/null
echo "os=${PRETTY_NAME:-unknown}"
echo "arch=$(uname -m)"
echo "libc=$(getconf GNU_LIBC_VERSION 2>/dev/null)"
echo "threads=$(nproc)"
echo "available_kib=$(sed -n 's/^MemAvailable: *//p' /proc/meminfo)"
d=/var/lib/freehold
while [ ! -d "$d" ]; do d=$(dirname "$d"); done
echo "disk=$(df -Pk "$d" | tail -n 1)"
for tool in cmake cc c++; do
  command -v $tool >/dev/null && echo "$tool=$($tool --version 2>&1 | head -n 1)"
done
for tool in ninja make; do command -v $tool >/dev/null && echo "maker=$tool"; done
for nvcc in "$(command -v nvcc)" /usr/local/cuda/bin/nvcc; do
  [ -x "$nvcc" ] || continue
  echo "nvcc_path=$nvcc"
  echo "nvcc=$("$nvcc" --version 2>&1 | grep release)"
  break
done
if command -v nvidia-smi >/dev/null; then
  said=$(timeout 60 nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null) &&
    echo "driver=$(echo "$said" | head -n 1)"
fi
true
