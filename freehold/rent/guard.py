"""The switch on the node itself: what is placed there, and moving its deadline."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from freehold.hosts.command import Command
from freehold.hosts.host import Host, run_or_raise
from freehold.render.paths import UNIT_FOLDER
from freehold.render.service import NoContext
from freehold.render.templates import render
from freehold.rent.lease import time_text

LEASE_PATH = "/etc/freehold/lease"
SCRIPT_PATH = "/usr/local/sbin/freehold-lease"
GUARD_TIMER = "freehold-lease.timer"
GUARD_SERVICE_PATH = f"{UNIT_FOLDER}freehold-lease.service"
GUARD_TIMER_PATH = f"{UNIT_FOLDER}{GUARD_TIMER}"
GUARD_START = (
    ("systemctl", "daemon-reload"),
    # Without waiting: early in a boot there is nobody yet who would say that it is done.
    ("systemctl", "enable", "--now", "--no-block", GUARD_TIMER),
)
"""What is run once the files are there; its first look is at once."""


class PlacedFile(NamedTuple):
    """A file of root's on a node; `mode` is octal, such as 0o755."""

    path: str
    mode: int
    content: str


def guard_files(
    deadline: datetime, since: datetime, idle_minutes: int | None = None
) -> tuple[PlacedFile, ...]:
    """The files of the switch, in the order of placing: the lease first.

    `since` is a time before which the node was not started, such as the lease's `made_at`: a node
    whose clock is wrong is never up for longer than from then to `deadline`. Raises ValueError
    where the deadline comes first.
    """
    lasts_s = int((deadline - since).total_seconds())
    if lasts_s <= 0:
        raise ValueError(f"expected a deadline after {since}, got {deadline}")
    idle_s = 60 * (idle_minutes or 0)
    lease = (
        f"{int(deadline.timestamp())} {lasts_s} {idle_s}\n"
        f"# The lease ends at {time_text(deadline)}, and this machine with it.\n"
        "# Above, in seconds: that time, the most that it may be up, and without use (0: ever).\n"
    )
    return (
        PlacedFile(LEASE_PATH, 0o644, lease),
        *(
            PlacedFile(path, mode, render(path, NoContext()))
            for path, mode in (
                (SCRIPT_PATH, 0o755),
                (GUARD_SERVICE_PATH, 0o644),
                (GUARD_TIMER_PATH, 0o644),
            )
        ),
    )


def rearm(host: Host, deadline: datetime) -> None:
    """Move the deadline of the node's own switch, sooner or later than it was; doing it again
    changes nothing more.

    Raises HostError where there is no such switch, or where it has begun to end the node.
    """
    script = (
        f"lease={LEASE_PATH} deadline_s={int(deadline.timestamp())} "
        f"deadline={time_text(deadline.astimezone(UTC))} timer={GUARD_TIMER}\n{_REARM}"
    )
    run_or_raise(host, Command(script, "moving the deadline of the node's own switch"))


_REARM = """\
set -eu
refuse() { echo "$1" >&2; exit 1; }
systemctl -q is-active "$timer" || refuse "expected $timer to be active: it is not"
read -r before_s lasts_s idle_s _ <"$lease"
rm -f "$lease.new"
{
  echo "$deadline_s $((lasts_s + deadline_s - before_s)) $idle_s"
  sed -e 1d -e "s/ends at [^,]*,/ends at $deadline,/" "$lease"
} >"$lease.new"
chmod 644 "$lease.new"
sync "$lease.new"
mv -f "$lease.new" "$lease"
# It may have looked just before.
! systemctl list-jobs | grep -q 'poweroff\\.target' ||
  refuse "its lease was over before the deadline was moved: it is shutting down"
"""
