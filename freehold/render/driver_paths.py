"""Where the driver's files of Freehold lie on a node."""

from __future__ import annotations

SOURCE = "/etc/apt/sources.list.d/freehold-nvidia.sources"
PREFERENCES = "/etc/apt/preferences.d/freehold-nvidia"
UPGRADES = "/etc/apt/apt.conf.d/52freehold-nvidia"
MODPROBE = "/etc/modprobe.d/freehold-nvidia.conf"
MODULES_LOAD = "/etc/modules-load.d/freehold-nvidia.conf"
PERSISTENCED = "/etc/systemd/system/nvidia-persistenced.service.d/freehold.conf"
KEYRING = "/etc/apt/keyrings/freehold-nvidia.asc"

FILES = (SOURCE, PREFERENCES, UPGRADES, MODPROBE, MODULES_LOAD, PERSISTENCED)
"""The rendered ones."""
