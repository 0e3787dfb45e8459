"""From an instance that runs to one that SSH may go to: its host keys pinned, or it is ended."""

from __future__ import annotations

import time
from collections.abc import Callable

from freehold.rent.aws import Aws
from freehold.rent.book import LeaseBook, utc_now
from freehold.rent.end import end_instance
from freehold.rent.host_keys import NoHostKeysError, host_keys
from freehold.rent.launched import Launched
from freehold.rent.lease import Lease
from freehold.rent.live import live
from freehold.rent.reach import Reach
from freehold.rent.terms import Clock


def pin(
    aws: Aws,
    book: LeaseBook,
    lease: Lease,
    launched: Launched,
    user: str,
    say: Callable[[str], None],
    *,
    clock: Clock = utc_now,
    pause: Callable[[float], None] = time.sleep,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Reach:
    """How to reach the instance, noted in the ledger; keys that are noted already are taken again.

    No secret is put into the user data to make up for a console without keys: whoever is on the
    machine could read it, and an image that shows none runs no cloud-init, which would have to
    place it. Such an instance also lacks its own kill switch, so it is ended, and noted as ended,
    before NoHostKeysError is raised. Raises UnfinishedError where the wait is cancelled.
    """
    region, instance_id = launched.region, launched.instance_id
    noted = book.record(lease.token).reach
    if noted is not None and noted.instance_id == instance_id:
        keys = noted.host_keys
    else:
        try:
            keys = host_keys(
                aws,
                region,
                instance_id,
                say=say,
                pause=pause,
                is_gone=lambda: live(aws, region, instance_id) is None,
                is_cancelled=is_cancelled,
            )
        except NoHostKeysError:
            say(f"{instance_id} in {launched.zone}: no host key came: it is ended")
            ended = end_instance(
                aws,
                region,
                instance_id,
                lambda state: say(f"{instance_id}: {state}"),
                clock=clock,
                pause=pause,
            )
            book.ended(lease.token, instance_id, ended.ended_at or clock())
            raise
    reach = Reach(instance_id, region, launched.address, user, keys)
    if reach != noted:
        book.reached(lease.token, reach)
    return reach
