"""How long until the weights lie where they belong."""

from __future__ import annotations

from freehold.sizing.calibration import Calibration, Outlook
from freehold.sizing.held import Interval
from freehold.sizing.layout import Layout
from freehold.sizing.step import GIGA, link_bandwidth
from freehold.sizing.wishes import LoadMode


def load_time(layout: Layout, calibration: Calibration) -> Interval:
    """Seconds from the start of a server whose weights are in no cache until it has read all.

    The disk reads the file at a share of its speed: the smaller one where pages are mapped and
    touched one by one. What goes to a device crosses its link too, at best at the same time, at
    worst after it.
    """
    return Interval(
        _seconds(layout, calibration, Outlook.FAST),
        _seconds(layout, calibration, Outlook.EXPECTED),
        _seconds(layout, calibration, Outlook.SLOW),
    )


def _seconds(layout: Layout, calibration: Calibration, outlook: Outlook) -> float:
    hardware = layout.hardware
    disk = hardware.disk_read_bytes_per_s or calibration.assumed.disk_gb_per_s.at(outlook) * GIGA
    is_read = layout.load_mode is LoadMode.READ
    share = (calibration.load.read if is_read else calibration.load.mapped).at(outlook)
    size = layout.model.file_bytes or sum(use.weights_bytes for use in layout.uses)
    disk_s = size / (disk * share)
    if hardware.is_unified:
        return disk_s
    devices = {device.name: device for device in hardware.devices}
    links_s = sum(
        use.weights_bytes
        / link_bandwidth(devices[use.device], calibration, outlook)
        / calibration.backends[devices[use.device].backend].link.at(outlook)
        for use in layout.devices
    )
    return disk_s + links_s if outlook is Outlook.SLOW else max(disk_s, links_s)
