"""The items as pyinfra has them; run by pyinfra, with the data of its inventory."""

from pyinfra import config, host  # type: ignore[import-not-found]
from pyinfra.operations import files, systemd  # type: ignore[import-not-found]

config.SUDO = True

# The folder is there already: without its search the files are all that is looked at.
as_root = {"user": "root", "group": "root", "mode": "644", "create_remote_dir": False}

for name in host.data.settings:
    files.put(src=f"{host.data.files}/{name}", dest=f"{host.data.folder}/{name}", **as_root)

unit = host.data.unit
placed = files.put(src=f"{host.data.files}/{unit}", dest=f"/etc/systemd/system/{unit}", **as_root)
systemd.service(service=unit, enabled=True, running=True)
systemd.service(service=unit, restarted=True, daemon_reload=True, _if=placed.did_change)
