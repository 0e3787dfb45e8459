# What this machine can compute with: a line `key=value` each. Set before: unit, sample.
if [ "$(uname -s)" = Darwin ]; then
  echo system=Darwin
  echo "arch=$(uname -m)"
  echo "cpu=$(sysctl -n machdep.cpu.brand_string)"
  echo "cores=$(sysctl -n hw.perflevel0.physicalcpu 2>/dev/null || sysctl -n hw.physicalcpu)"
  echo "memory_bytes=$(sysctl -n hw.memsize)"
  echo "wired_limit_mb=$(sysctl -n iogpu.wired_limit_mb 2>/dev/null)"
  exit 0
fi
echo system=Linux
echo "arch=$(uname -m)"
cpu=$(lscpu 2>/dev/null | sed -n 's/^Model name: *//p' | head -n 1)
echo "cpu=${cpu:-$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)}"
echo "threads=$(nproc)"
cpus=/sys/devices/system/cpu
echo "cores=$(cat "$cpus"/cpu*/topology/thread_siblings_list 2>/dev/null | sort -u | wc -l)"
echo "sockets=$(cat "$cpus"/cpu*/topology/physical_package_id 2>/dev/null | sort -u | wc -l)"
echo "memory_kib=$(sed -n 's/^MemTotal: *//p' /proc/meminfo)"
echo "available_kib=$(sed -n 's/^MemAvailable: *//p' /proc/meminfo)"
for node in /sys/devices/system/node/node[0-9]*; do
  [ -r "$node/meminfo" ] || continue
  echo "numa=$(sed -n 's/.*MemTotal: *//p' "$node/meminfo") cpus $(cat "$node/cpulist")"
done
# The firmware's own table: dmidecode, which reads it too, is seldom installed.
smbios=/sys/firmware/dmi/tables/DMI
[ -r $smbios ] && echo "smbios=$(base64 -w 0 <$smbios)"
pid=$(systemctl show -p MainPID "$unit" 2>/dev/null | sed 's/^MainPID=//')
if [ "${pid:-0}" != 0 ]; then
  echo "own_pid=$pid"
  grep -E '^(RssAnon|RssFile|VmLck):' "/proc/$pid/status" 2>/dev/null | sed 's/^/own_/; s/: */=/'
fi
# Display, 3D and other display controllers, and processing accelerators.
for device in /sys/bus/pci/devices/*; do
  case $(cat "$device/class" 2>/dev/null) in
    0x0300*|0x0302*|0x0380*|0x1200*)
      echo "gpu=$(cat "$device/vendor"):$(cat "$device/device")"
      # AMD's driver tells a card from graphics within a processor by this.
      [ -r "$device/mem_info_vram_total" ] && echo "amd=$(cat "$device/mem_info_vram_total")";;
  esac
done
if command -v nvidia-smi >/dev/null; then
  fields=index,name,uuid,memory.total,memory.used,memory.free,compute_cap
  fields=$fields,pcie.link.gen.max,pcie.link.width.current,power.limit,mig.mode.current
  said=$(timeout 60 nvidia-smi --query-gpu=$fields --format=csv,noheader,nounits 2>&1)
  echo "nvidia_exit=$?"
  printf '%s\n' "$said" | sed 's/^/nvidia=/'
  timeout 60 nvidia-smi --query-compute-apps=gpu_uuid,pid,used_memory \
    --format=csv,noheader,nounits 2>/dev/null | sed 's/^/app=/'
fi
below=$(df -Pk /var/lib | tail -n 1)
lsblk -snPo NAME,TYPE,ROTA,TRAN,MODEL "${below%% *}" 2>/dev/null | sed 's/^/disk=/'
if [ -n "$sample" ]; then
  # At most 512 MiB and 2 s, past the page cache.
  timeout -s INT 2 dd if="$sample" of=/dev/null bs=8M count=64 iflag=direct 2>&1 |
    sed -n 's/^\([0-9]*\) bytes.* copied, \([0-9.e+-]*\) s,.*/read=\1 \2/p'
fi
true
