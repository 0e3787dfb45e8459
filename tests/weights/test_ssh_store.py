"""A store on a lab box by SSH: what lies there, and what happens when the box will not have it."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold import lab
from freehold.hosts.command import Command
from freehold.hosts.host import run_or_raise
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.spec import load
from freehold.weights.manifest import Kind
from freehold.weights.objects import StoreError
from freehold.weights.open import create_store, open_store, stack_store
from freehold.weights.ssh_store import SshObjects
from freehold.weights.store import Store, blob_name
from tests.deadline import in_time
from tests.weights.sets import add, declared, silent

MIB = 1 << 20

KILLED = """
import sys
from pathlib import Path
from freehold.hosts.ssh_config import SshSettings
from freehold.weights.open import open_store

heard = 0
def killed(size_bytes):
    global heard
    heard += size_bytes
    if heard > 20 << 20:  # of 24 MiB, of which the first half is for hashing
        print("sent a part", flush=True)
        sys.stdin.read()

open_store(sys.argv[1], SshSettings(Path(sys.argv[3]))).add(Path(sys.argv[2]), "f", killed)
"""


def on(server: SshHost, script: str) -> str:
    return run_or_raise(server, Command(script, "a test")).strip()


def folder_of(store: Store) -> str:
    return "/" + store.place.removeprefix("ssh://").partition("/")[2]


def all_files(server: SshHost, store: Store) -> list[str]:
    return on(server, f"cd '{folder_of(store)}' && find . -type f").splitlines()


@pytest.fixture
def small(server: SshHost) -> Iterator[SshObjects]:
    """A store on a disk of 8 MiB."""
    folder = f"/mnt/small-{secrets.token_hex(4)}"
    on(server, f"mkdir {folder} && mount -t tmpfs -o size=8m,uid=admin none {folder}")
    yield SshObjects(server, folder, f"ssh://nas{folder}")
    on(server, f"umount {folder} && rmdir {folder}")


def test_it_is_laid_out_as_in_a_folder_and_belongs_to_who_connects(
    ssh_store: Store, server: SshHost, tmp_path: Path
) -> None:
    made = declared(ssh_store, tmp_path, "m", a=b"content")
    name = blob_name(made.files[0].sha256)
    assert sorted(all_files(server, ssh_store)) == [f"./{name}", "./weights/m.json"]
    shown = on(server, f"cd '{folder_of(ssh_store)}' && stat -c '%U %a' {name} && cat {name}")
    assert shown == "admin 444\ncontent"


def test_a_disk_that_is_full_is_an_error_and_nothing_has_a_name(
    small: SshObjects, server: SshHost, tmp_path: Path
) -> None:
    store = Store(small)
    kept = add(store, tmp_path, "kept", os.urandom(MIB))
    (tmp_path / "f").write_bytes(os.urandom(9 * MIB))
    with pytest.raises(StoreError, match="No space left on device") as caught:
        store.add(tmp_path / "f", "f", silent)
    assert "node.doctor" not in str(caught.value)
    assert small.names("blobs/") == [blob_name(kept.sha256)]
    # It left no room taken either.
    assert sum(map(len, store.read(add(store, tmp_path, "g", os.urandom(6 * MIB))))) == 6 * MIB
    with pytest.raises(StoreError, match="No space left on device"):
        small.put("custody/1", bytes(2 * MIB))
    assert small.names("custody/") == []


def test_a_put_that_is_killed_leaves_nothing_under_the_name(
    ssh_store: Store, lab_boxes: lab.Lab, server: SshHost, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(os.urandom(24 * MIB))
    argv = [sys.executable, "-c", KILLED, ssh_store.place, str(tmp_path / "f")]
    with subprocess.Popen(
        [*argv, str(lab_boxes.ssh_config)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"sent a part\n"
        process.kill()
    name = "./" + blob_name(hashlib.sha256((tmp_path / "f").read_bytes()).hexdigest())
    # What had come is shorter than the file: that is seen when the connection ends, and it goes.
    assert in_time(lambda: not [f for f in all_files(server, ssh_store) if "/.adding-" in f])
    assert name not in all_files(server, ssh_store)
    ssh_store.add(tmp_path / "f", "f", silent)
    assert name in all_files(server, ssh_store)


def test_what_a_server_that_lost_its_power_left_goes_after_a_day(
    ssh_store: Store, server: SshHost, tmp_path: Path
) -> None:
    folder = folder_of(ssh_store)
    on(server, f"cd '{folder}' && echo x >.adding-old && echo x >.adding-new")
    on(server, f"cd '{folder}' && touch -d '2 days ago' .adding-old && chown admin .adding-*")
    assert ssh_store.objects.names("") == []
    ssh_store.objects.put("custody/1", b"x")
    assert sorted(all_files(server, ssh_store)) == ["./.adding-new", "./custody/1"]


def test_a_folder_that_is_not_there_says_how_to_begin_one(lab_boxes: lab.Lab) -> None:
    place = f"ssh://{lab_boxes.boxes[0].name}/home/admin/nothing"
    with pytest.raises(StoreError, match="expected the store's folder, found nothing") as caught:
        open_store(place, SshSettings(lab_boxes.ssh_config))
    assert caught.value.problems[0].place == place
    assert "fab weights.put" in str(caught.value)


def test_a_folder_of_somebody_else_is_an_error(lab_boxes: lab.Lab) -> None:
    settings = SshSettings(lab_boxes.ssh_config)
    with pytest.raises(StoreError, match="Permission denied"):
        create_store(f"ssh://{lab_boxes.boxes[0].name}/root/store", settings)
    others = open_store(f"ssh://{lab_boxes.boxes[0].name}/usr", settings)
    with pytest.raises(StoreError, match="Permission denied"):
        others.objects.put("custody/1", b"x")


def test_a_file_that_may_not_be_read_is_an_error(
    ssh_store: Store, server: SshHost, tmp_path: Path
) -> None:
    entry = add(ssh_store, tmp_path, "f", b"content")
    on(server, f"chmod 0 '{folder_of(ssh_store)}/{blob_name(entry.sha256)}'")
    with pytest.raises(StoreError, match="Permission denied"):
        list(ssh_store.read(entry))


def test_a_server_that_is_not_to_be_reached_is_named_with_what_ssh_says(
    lab_boxes: lab.Lab,
) -> None:
    settings = SshSettings(lab_boxes.ssh_config, connect_timeout_s=2)
    with pytest.raises(StoreError) as caught:
        open_store("ssh://127.0.0.1:1/srv/store", settings)
    assert caught.value.problems[0].place == "ssh://127.0.0.1:1/srv/store"


def test_a_stacks_own_ssh_config_leads_to_its_store(
    ssh_store: Store, lab_boxes: lab.Lab, tmp_path: Path
) -> None:
    made = declared(ssh_store, tmp_path, "m", a=b"content")
    stack = tmp_path / "Pulumi.x.yaml"
    stack.write_text(f"""\
config:
  freehold:store: {ssh_store.place}/
  freehold:model: {{weights: m}}
  freehold:engine: e
  freehold:ssh: {{config: {lab_boxes.ssh_config}}}
  freehold:nodes: [{{name: ada}}]
""")
    found = stack_store(load(stack, root=tmp_path))
    assert found == ssh_store
    assert found.manifest(Kind.WEIGHTS, "m") == made


def test_a_long_stream_is_one_command(
    server: SshHost, ssh_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(20 * MIB)
    entry = add(ssh_store, tmp_path, "f", content)
    commands: list[Command] = []
    talk = server.talk

    def counted(command: Command) -> object:
        commands.append(command)
        return talk(command)

    monkeypatch.setattr(server, "talk", counted)
    same = Store(SshObjects(server, folder_of(ssh_store), ssh_store.place))
    assert b"".join(same.stream(entry, 3, 18 * MIB)) == content[3 : 18 * MIB + 3]
    assert len(commands) == 1
