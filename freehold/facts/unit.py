"""What systemd knows of one unit, and whether what runs is what its files say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from freehold.facts.fact import Fact, field, quote


@dataclass(frozen=True)
class WatchedFile:
    """A file that the unit reads at its start. `changed_at_s` is its mtime."""

    sha256: str
    changed_at_s: float


@dataclass(frozen=True)
class UnitFacts:
    """`started_at_s` is when the running main process began, of a timer when it became active; None
    where none runs."""

    load_state: str
    active_state: str
    sub_state: str
    is_enabled: bool
    needs_daemon_reload: bool
    main_pid: int
    restarts: int
    started_at_s: float | None
    drop_ins: tuple[str, ...]
    watched: dict[str, WatchedFile | None]
    port_holder: str | None
    """Who listens on the unit's port, if not the unit itself."""
    loaded_at_s: float | None = None
    """When it last took up its files, of a unit that writes a stamp then."""

    @property
    def is_absent(self) -> bool:
        """Whether systemd knows no such unit, and nothing of it runs."""
        return self.load_state == "not-found" and not self.is_running

    @property
    def is_running(self) -> bool:
        """Whether there is a main process now, or systemd is about to start it again."""
        return self.active_state in ("active", "activating", "reloading")

    @property
    def is_between_restarts(self) -> bool:
        """Whether it ended by itself, and systemd waits before it tries again."""
        return self.sub_state == "auto-restart"

    def is_stale(self, path: str) -> bool:
        """Whether the running process began, or took its files up, before `path` had its present
        content."""
        file = self.watched.get(path)
        if not self.is_running or self.started_at_s is None:
            return False
        is_its_own = path.endswith((".service", ".timer"))
        since_s = None if is_its_own else self.loaded_at_s
        return file is None or file.changed_at_s > (since_s or self.started_at_s)


_PROPERTIES = "LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,DropInPaths"
_OF_A_SERVICE = "MainPID,NRestarts,ExecMainStartTimestamp"
_OF_A_TIMER = "ActiveEnterTimestamp"  # it has no process


def unit_fact(
    unit: str, watched: tuple[str, ...], port: int | None = None, stamp: str = ""
) -> Fact[UnitFacts]:
    """The unit, the files whose change asks for a restart, and who holds its TCP port; `stamp` is
    the file that it touches whenever it takes up the others."""
    is_timer = unit.endswith(".timer")
    properties = f"{_PROPERTIES},{_OF_A_TIMER if is_timer else _OF_A_SERVICE}"
    lines = [f"systemctl show --timestamp=us+utc -p {properties} {quote(unit)} || exit"]
    for path in watched:
        p = quote(path)
        lines.append(
            f"if [ -f {p} ]; then echo watched {p} $(stat -c %.9Y {p}) $(sha256sum <{p}); "
            f"else echo watched {p} absent; fi"
        )
    if stamp:
        lines.append(f"echo loaded $(stat -c %.9Y {quote(stamp)} 2>/dev/null)")
    if port is not None:
        lines.append(
            f"echo listening $(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null "
            f"| grep -ci '^ *[0-9]*: [0-9A-F]*:{port:04X} [0-9A-F:]* 0A ')"
        )
        # Who listens may be a child of the main process.
        lines.append(
            f"group=$(systemctl show -p ControlGroup --value {quote(unit)}); "
            '[ -z "$group" ] || echo own $(cat "/sys/fs/cgroup$group/cgroup.procs" 2>/dev/null)'
        )
        lines.append(f"ss -Hltnp 'sport = :{port}' 2>/dev/null | sed 's/^/socket /'")
    return Fact(unit, "\n".join([*lines, "true"]), partial(_parse, is_timer=is_timer))


def _parse(text: str, is_timer: bool) -> UnitFacts:
    watched: dict[str, WatchedFile | None] = {}
    for line in re.findall(r"^watched (.+)$", text, re.MULTILINE):
        path, *rest = line.split()
        watched[path] = None if rest == ["absent"] else WatchedFile(rest[1], float(rest[0]))
    active_state = field(text, "ActiveState")
    main_pid = 0 if is_timer else int(field(text, "MainPID"))
    loaded = re.search(r"^loaded (\S+)$", text, re.MULTILINE)
    # Of what sets something and ends ("exited") no process is left, and the time stays.
    is_exited = field(text, "SubState") == "exited"
    has_started = active_state == "active" if is_timer else bool(main_pid) or is_exited
    started = field(text, _OF_A_TIMER if is_timer else "ExecMainStartTimestamp")
    return UnitFacts(
        load_state=field(text, "LoadState"),
        active_state=active_state,
        sub_state=field(text, "SubState"),
        is_enabled=field(text, "UnitFileState") == "enabled",
        needs_daemon_reload=field(text, "NeedDaemonReload") == "yes",
        main_pid=main_pid,
        restarts=0 if is_timer else int(field(text, "NRestarts") or 0),
        started_at_s=seconds_of(started) if has_started else None,
        drop_ins=tuple(field(text, "DropInPaths").split()),
        watched=watched,
        port_holder=_port_holder(text, main_pid),
        loaded_at_s=float(loaded[1]) if loaded else None,
    )


def seconds_of(timestamp: str) -> float:
    """Since the epoch, of systemd's `Mon 2026-11-23 18:46:33.123456 UTC`."""
    moment = datetime.strptime(timestamp, "%a %Y-%m-%d %H:%M:%S.%f UTC")
    return moment.replace(tzinfo=UTC).timestamp()


def _port_holder(text: str, main_pid: int) -> str | None:
    listening = re.search(r"^listening (\d+)", text, re.MULTILINE)
    if listening is None or listening[1] == "0":
        return None
    holders = re.findall(r'\("([^"]+)",pid=(\d+)', text)
    own = re.search(r"^own (.*)$", text, re.MULTILINE)
    pids = {str(main_pid), *(own[1].split() if own else ())}
    if any(pid in pids for _, pid in holders):
        return None
    if not holders:
        # Without ss the holder has no name: the unit's own while it runs, else a stranger.
        return None if main_pid else "another program"
    return ", ".join(f"{name} (pid {pid})" for name, pid in dict.fromkeys(holders))
