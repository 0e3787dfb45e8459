"""Converging a real box: what is placed, what is repaired, what is left alone, what comes back."""

from __future__ import annotations

import pytest

from freehold.apply.converge import converge, look, remove
from freehold.apply.script import PRELUDE
from freehold.hosts.command import Command
from freehold.hosts.host import HostError, run_or_raise
from freehold.plan.box import Box
from freehold.plan.file import File
from freehold.plan.item import Item
from freehold.plan.steps import PlaceFile
from freehold.plan.unit import Unit
from freehold.weights.store import Store
from tests.apply.counted import CountedHost

PATH = "/etc/fh-test/some/file"
FILE = File(PATH, b"wanted\n", "0640")
TREE = """
cd / && find etc opt srv usr/local var/lib -path var/lib/systemd -prune -o \
  -type f -printf '%p %m %U:%G %s %T@\\n' -o -printf '%p %y %m %U:%G %l\\n' | sort
"""


def out(box: CountedHost, script: str) -> str:
    return run_or_raise(box, Command(script, "a test")).strip()


def test_the_second_time_there_is_nothing_to_do(box: CountedHost, empty_store: Store) -> None:
    items: list[Item] = [Box("x86_64"), FILE, File("/etc/fh-test/b", b"")]
    items[0] = Box(out(box, "uname -m"))
    box.restart()
    steps = converge(box, items, empty_store)
    assert [step.path for step in steps if isinstance(step, PlaceFile)] == [PATH, "/etc/fh-test/b"]
    # Facts, the plan, and the facts that prove it.
    assert len(box.commands) == 3
    box.restart()
    assert converge(box, items, empty_store) == ()
    assert len(box.commands) == 1


CONTENTS = {
    "empty": b"",
    "no newline at the end": b"a\nb",
    "only newlines": b"\n\n\n",
    "quotes and dollars": b"'\"`$HOME $(id) ${x} %n %% \\n \\\\ !x",
    "what would end a here-document": b".\n..\n.\nEOF\n",
    "unicode": "ünï 🦙\u2028\n".encode(),
    "no text at all": bytes(range(256)),
    "200 kB": b"0123456789" * 20_000,
}


@pytest.mark.parametrize("name", CONTENTS)
def test_whatever_the_content_it_arrives_byte_for_byte(
    box: CountedHost, empty_store: Store, name: str
) -> None:
    wanted = File("/etc/fh-test/odd name'$x", CONTENTS[name])
    assert len(converge(box, [wanted], empty_store)) == 1
    assert look(box, [wanted])[0].content == CONTENTS[name]
    assert converge(box, [wanted], empty_store) == ()


DRIFT = {
    "content": f"echo changed >{PATH}",
    "one more byte": f"printf x >>{PATH}",
    "mode": f"chmod 666 {PATH}",
    "owner": f"chown admin {PATH}",
    "group": f"chgrp daemon {PATH}",
    "removed": f"rm {PATH}",
    "its folder removed": "rm -r /etc/fh-test",
}


@pytest.mark.parametrize("drift", DRIFT)
def test_drift_made_by_hand_is_repaired(box: CountedHost, empty_store: Store, drift: str) -> None:
    converge(box, [FILE], empty_store)
    out(box, DRIFT[drift])
    assert len(converge(box, [FILE], empty_store)) == 1
    assert out(box, f"stat -c '%a %U:%G' {PATH}; cat {PATH}") == "640 root:root\nwanted"


def test_remove_leaves_the_box_as_it_was_found(box: CountedHost, empty_store: Store) -> None:
    out(box, "mkdir /etc/fh-test; cd /etc/fh-test; echo theirs >before; chmod 604 before")
    out(box, "cd /etc/fh-test; chown admin before; touch -d @1000000000 before")
    before = out(box, TREE)
    items = [FILE, File("/etc/fh-test/before", b"ours\n"), File("/etc/fh-test/some/more/b", b"x")]
    converge(box, items, empty_store)
    converge(box, [File("/etc/fh-test/before", b"ours again\n")], empty_store)
    assert out(box, TREE) != before
    remove(box, items)
    assert out(box, TREE) == before
    remove(box, items)
    assert out(box, TREE) == before


def test_remove_keeps_what_others_put_into_our_folders(
    box: CountedHost, empty_store: Store
) -> None:
    converge(box, [FILE], empty_store)
    out(box, "echo theirs >/etc/fh-test/some/theirs")
    remove(box, [FILE])
    assert out(box, "cd /etc/fh-test && find . -type f") == "./some/theirs"


def test_remove_keeps_a_disk_that_is_mounted_for_freehold(
    box: CountedHost, empty_store: Store
) -> None:
    out(box, "mkdir -p /var/lib/freehold && mount -t tmpfs fh-test /var/lib/freehold")
    out(box, "mkdir /var/lib/freehold/lost+found")
    converge(box, [FILE], empty_store)
    remove(box, [FILE])
    assert out(box, "ls /var/lib/freehold") == "lost+found"


def test_a_secret_is_private_from_its_first_moment(box: CountedHost, empty_store: Store) -> None:
    secret = File("/etc/fh-test/key", b"s3cr3t-of-a-test\n", "0600", is_secret=True)
    # The shell asks for the mode right before the steps that set owner and mode.
    watch = 'chown() { stat -c \'first %a\' "$2"; command chown "$@"; }'
    place = "place /etc/fh-test/key 0600 root <<'.'\nczNjcjN0\n."
    assert out(box, f"{PRELUDE}\n{watch}\n{place}") == "first 600"
    converge(box, [secret], empty_store)
    assert out(box, "stat -c '%a %U:%G' /etc/fh-test/key") == "600 root:root"
    assert out(box, "ls /etc/fh-test") == "key"


def test_what_a_private_file_replaced_is_kept_privately(
    box: CountedHost, empty_store: Store
) -> None:
    out(box, "mkdir /etc/fh-test; echo theirs >/etc/fh-test/key; chmod 600 /etc/fh-test/key")
    converge(box, [File("/etc/fh-test/key", b"ours")], empty_store)
    reading = Command("su guest -c 'cat /var/lib/freehold/found/etc/fh-test/key'", "a stranger")
    assert box.run(reading).exit_status
    assert "Permission denied" in box.run(reading).stderr


def test_a_step_that_fails_is_named_with_what_it_said(box: CountedHost, empty_store: Store) -> None:
    out(box, "mkdir /etc/fh-test; touch /etc/fh-test/some")
    with pytest.raises(HostError) as caught:
        converge(box, [File("/etc/fh-test/a", b""), FILE, File("/etc/fh-test/z", b"")], empty_store)
    assert f"node-1: place {PATH}: exit 1" in str(caught.value)
    assert "/etc/fh-test/some" in str(caught.value).splitlines()[1]
    assert out(box, "ls /etc/fh-test") == "a\nsome"


def test_a_secret_is_masked_where_a_step_fails(box: CountedHost, empty_store: Store) -> None:
    secret = "s3cr3t-of-a-test"
    out(box, "mkdir /etc/fh-test; touch /etc/fh-test/some")
    with pytest.raises(HostError) as caught:
        converge(box, [File(f"{PATH}-{secret}", secret.encode(), is_secret=True)], empty_store)
    assert secret not in str(caught.value).splitlines()[1]


def test_leaving_a_box_takes_along_what_no_state_knows_of(
    box: CountedHost, empty_store: Store
) -> None:
    before = out(box, TREE)
    out(box, "mkdir -p /etc/fh-test && echo theirs >/etc/fh-test/mine")
    theirs = out(box, TREE)
    unit = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
    items: list[Item] = [
        FILE,
        File("/etc/fh-test/mine", b"ours\n"),
        File("/etc/systemd/system/fh-test.service", unit.encode()),
        Unit("fh-test.service"),
    ]
    converge(box, items, empty_store)
    # What a sync leaves that was killed: no resource of a state has this.
    out(box, "mkdir -p /var/lib/freehold/weights/w-1.partial && echo x >$_/half")
    remove(box, [Box(out(box, "uname -m"))])
    assert out(box, "systemctl show -p LoadState fh-test.service") == "LoadState=not-found"
    assert out(box, "cat /etc/fh-test/mine") == "theirs"
    assert out(box, TREE) == theirs
    out(box, "rm -r /etc/fh-test")
    assert out(box, TREE) == before
