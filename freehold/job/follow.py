"""What a job writes, as it writes it, over connections that may break."""

from __future__ import annotations

from collections.abc import Callable

from freehold.hosts.command import Command
from freehold.hosts.host import Host, UnreachableError
from freehold.hosts.talk import CutOffError, Talk
from freehold.job.job import LOST, Job

CHUNK_BYTES = 1 << 20
PAUSE_S = 2.0
PAUSE_MAX_S = 30.0


class Follower:
    """The output of a node's job from its first byte, each byte once."""

    def __init__(self, on_output: Callable[[bytes], object], job: Job) -> None:
        self._on_output, self._job = on_output, job
        self._seen_bytes = 0

    def follow(
        self,
        host: Host,
        on_lost: Callable[[str], object],
        pause: Callable[[float], object],
        is_over: Callable[[], bool],
    ) -> str:
        """How the job ended, in systemd's words ("exited 0", "killed TERM") or LOST.

        A connection that is lost is made again, after a `pause` in seconds and telling `on_lost`
        why. Raises UnreachableError where `host` is cancelled or `is_over` says that the node will
        not come back, and HostError where it has no job.
        """
        pause_s = PAUSE_S
        while True:
            seen_bytes = self._seen_bytes
            try:
                return self._followed(host)
            except UnreachableError as error:
                why = error
            except CutOffError:
                why = UnreachableError.of(host.name, "the connection was lost")
            if host.is_cancelled or is_over():
                raise why
            pause_s = PAUSE_S if self._seen_bytes > seen_bytes else min(2 * pause_s, PAUSE_MAX_S)
            on_lost(why.problems[0].message.splitlines()[0])
            pause(pause_s)

    def _followed(self, host: Host) -> str:
        script = f"offset={self._seen_bytes} chunk={CHUNK_BYTES} unit={self._job.unit}\n"
        script += f"cd {self._job.folder} || exit\n{_FOLLOW}"
        ended = ""
        with host.talk(Command(script, "following the task", takes_input=True)) as talk:
            while not ended:
                word, _, rest = talk.line().partition(" ")
                if word == "end":
                    ended = rest
                else:
                    self._take(talk, int(word))
        return ended

    def _take(self, talk: Talk, size_bytes: int) -> None:
        data = talk.stdout.read(size_bytes)
        # What came before a cut counts too.
        self._seen_bytes += len(data)
        if data:
            self._on_output(data)
        if len(data) < size_bytes:
            raise CutOffError


_FOLLOW = f"""\
while :; do
  active=$(systemctl show -P ActiveState "$unit") || exit
  ended=$(cat ended 2>/dev/null) || ended=''
  size=$(stat -c %s output 2>/dev/null) || size=0
  more=$((size - offset))
  if [ "$more" -gt 0 ]; then
    [ "$more" -le "$chunk" ] || more=$chunk
    echo "$more" && tail -c "+$((offset + 1))" output | head -c "$more" || exit
    offset=$((offset + more))
  elif [ -n "$ended" ]; then
    echo "end $ended"
    exit 0
  else
    case $active in
      active | *ing) ;;
      *) [ -s ended ] || {{ echo "end {LOST}"; exit 0; }} ;;
    esac
    # A word now and then, so that each side learns of the other's end.
    echo 0 || exit
    sleep 1
  fi
done
"""
