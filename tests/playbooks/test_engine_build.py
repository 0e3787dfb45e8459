"""`fab engine.build` on a real box with a real cmake and compiler, and what may befall it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold import lab
from freehold.build.on_node import BUILD
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.open import open_store
from freehold.weights.store import blob_name
from playbooks.engine_build import BOX, BOX_PACKAGES
from tests.build.sources import COMMIT, WAITING, packed
from tests.deadline import in_time
from tests.infra.conftest import MakeStack
from tests.infra.on_box import on
from tests.infra.stack import Stack, nodes
from tests.playbooks.conftest import Fab, Said
from tests.playbooks.running import RunningFab

PACKAGES = ("cmake", "g++", "make")
LEFT = f"ls -d {BUILD.folder}* {BUILD.unit_path} 2>/dev/null || true"


@pytest.fixture(scope="module")
def smithy() -> Iterator[lab.Lab]:
    """A lab of a box that can compile, with 128 MB for what it builds."""
    if reason := lab.unsupported():
        pytest.skip(reason)
    folder = lab.default_state_dir().with_name("lab-tests")
    with lab.temporary(1, folder, packages=PACKAGES) as one:
        yield one


@pytest.fixture
def smith(smithy: lab.Lab) -> Iterator[lab.Box]:
    """The box, without a build before and after."""
    (box,) = smithy.boxes
    clean = (
        f"systemctl stop {BUILD.unit} 2>/dev/null || true; "
        f"rm -rf {BUILD.folder}* {BUILD.unit_path}; systemctl daemon-reload"
    )
    yield box
    box.start()
    on(box, clean)


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack, smithy: lab.Lab) -> Stack:
    """Of that box as the node `one`; nothing is brought up."""
    ssh = {"config": str(smithy.ssh_config), "connect_timeout_s": 5}
    return make_stack(ssh=ssh, nodes=nodes(*smithy.boxes))


class Smith:
    """Calls `fab engine.build` from a source into a store of the test's own."""

    def __init__(self, fab: Fab, stack: Stack, folder: Path) -> None:
        self._fab, self.stack, self.folder = fab, stack, folder
        self.to = ("--store", str(folder / "store"))
        # The logs of builds are not for the user's own cache.
        self.env = {"XDG_CACHE_HOME": str(folder / "cache")}

    def source(self, name: str = "llama.cpp-b7", **changed: str) -> None:
        archive = packed(self.folder / f"{name}.tar.gz", **changed)
        words = ("--name", name, "--commit", COMMIT)
        self._fab("engine.source", str(archive), *words, *self.to).must()

    def words(self, name: str = "mine", source: str = "llama.cpp-b7") -> tuple[str, ...]:
        return ("engine.build", "--source", source, "--name", name, "--on", "one", *self.to)

    def build(self, *words: str, name: str = "mine", source: str = "llama.cpp-b7") -> Said:
        return self._fab(*self.words(name, source), *words, stack=self.stack, **self.env)

    def sign(self, key: str) -> None:
        words = ("--source", "llama.cpp-b7", "--owner", key)
        self._fab("engine.sign", *words, *self.to).must()

    def running(self, log: str = "log") -> RunningFab:
        return RunningFab({**self.stack.env, **self.env}, self.folder / log, *self.words())

    def stop(self) -> Said:
        return self._fab("engine.build", "--stop", "--on", "one", stack=self.stack)

    def made(self, name: str = "mine") -> Manifest:
        return open_store(self.folder / "store").manifest(Kind.ENGINE, name)

    def names(self) -> list[str]:
        return open_store(self.folder / "store").set_names(Kind.ENGINE)


@pytest.fixture
def builds(fab: Fab, stack: Stack, smith: lab.Box, tmp_path: Path) -> Smith:
    return Smith(fab, stack, tmp_path)


def go_on(box: lab.Box) -> None:
    """Of a build that is WAITING."""
    on(box, f"touch {BUILD.work}/go")


def test_a_build_comes_home_with_all_that_made_it_and_leaves_nothing(
    builds: Smith, smith: lab.Box
) -> None:
    builds.source()
    said = builds.build().must()
    assert "one: building: [" in said.err
    assert "no small weights are here for a token" in said.out
    made = builds.made()
    assert {file.path: file.executable for file in made.files} == {
        "LICENSE": False,
        "ggml-rpc-server": True,
        "libggml-base.so.0": True,
        "libggml-cpu-x.so": True,
        "licenses/LICENSE-small": False,
        "llama-server": True,
    }
    assert made.engine_help == "--model FNAME  model\n"
    about = made.about
    source = open_store(builds.folder / "store").manifest(Kind.SOURCE, "llama.cpp-b7")
    assert about["source_digest"] == source.digest
    assert (about["commit"], about["backend"]) == (COMMIT, "cpu")
    assert (about["version"], about["licence"]) == ("7", "MIT License")
    assert re.fullmatch(r"\d+\.\d+\S*", about["cmake"])
    assert "-DGGML_CPU_ALL_VARIANTS=ON" in about["flags"]
    assert about["os"].startswith(on(smith, ". /etc/os-release; echo $NAME"))
    assert on(smith, LEFT) == ""


def test_what_was_built_runs_from_any_folder(builds: Smith, tmp_path: Path) -> None:
    builds.source()
    builds.build("--native").must()
    kept, folder = open_store(builds.folder / "store"), tmp_path / "elsewhere"
    folder.mkdir()
    for file in builds.made().files:
        if "/" not in file.path:
            (folder / file.path).write_bytes(b"".join(kept.read(file)))
            (folder / file.path).chmod(0o755)
    done = subprocess.run(
        [folder / "llama-server", "--help"], capture_output=True, text=True, check=True, cwd="/"
    )
    assert "--model" in done.stdout
    assert "processor" in builds.made().about


def test_the_same_again_is_known_and_another_under_its_name_refused(builds: Smith) -> None:
    builds.source()
    builds.build().must()
    first = builds.made()
    assert "mine is in the store already, built from the same" in builds.build().must().out
    refused = builds.build("--native").must(1)
    assert "engines/mine: expected a new name, found another build of it" in refused.err
    assert builds.made() == first


def test_a_compile_error_is_told_in_its_own_words_and_names_nothing(
    builds: Smith, smith: lab.Box
) -> None:
    builds.source(server_cpp="int main() { return no_such_thing; }\n")
    failed = builds.build().must(1)
    assert "one: mine: the build failed, exit 2" in failed.err
    assert re.search(r"error: .no_such_thing. was not declared in this scope", failed.err)
    log = failed.err.rpartition("all that it said: ")[2].strip()
    assert "no_such_thing" in Path(log).read_text()
    assert builds.names() == []
    assert on(smith, LEFT) == ""


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ("int main() { return 3; }\n", "exit 3"),
        ("int main() { __builtin_trap(); }\n", "the build failed"),
        ("int main() { return 0; }\n", "expected its --help"),
    ],
    ids=["one that fails", "one that is killed", "one that says nothing"],
)
def test_what_does_not_say_its_help_is_not_put_into_the_store(
    builds: Smith, server: str, told: str
) -> None:
    builds.source(server_cpp=server)
    assert told in builds.build().must(1).err
    assert builds.names() == []


def test_a_box_that_cannot_compile_is_told_all_that_it_lacks(
    fab: Fab, make_stack: MakeStack, lab_boxes: lab.Lab, tmp_path: Path
) -> None:
    bare = Smith(fab, make_stack(), tmp_path)
    bare.source()
    refused = bare.build().must(1)
    for words in ("expected cmake, found none", "expected compilers", "expected ninja or make"):
        assert f"one: {words}" in refused.err
    assert "Hint: apt-get install cmake" in refused.err
    refused = bare.build("--backend", "cuda", "--capability", "9.0").must(1)
    assert "one: expected nvcc, found none in PATH and /usr/local/cuda" in refused.err
    assert on(lab_boxes.boxes[0], LEFT) == ""


def test_a_controller_that_is_killed_loses_nothing(builds: Smith, smith: lab.Box) -> None:
    builds.source(cmake_end=WAITING)
    with builds.running() as fab:
        fab.until("building mine")
        assert in_time(lambda: "waiting" in on(smith, f"cat {BUILD.folder}/output"))
        fab.kill()
    with builds.running("again") as fab:
        fab.until("the build is there, running: taking it up")
        go_on(smith)
        fab.end(0)
    assert builds.made().about["commit"] == COMMIT
    assert on(smith, LEFT) == ""


def test_one_that_has_ended_unwatched_is_brought_home(builds: Smith, smith: lab.Box) -> None:
    builds.source(cmake_end=WAITING)
    with builds.running() as fab:
        fab.until("building mine")
        fab.kill()
    go_on(smith)
    assert in_time(lambda: on(smith, f"ls {BUILD.folder}/ended 2>/dev/null || true"))
    assert "the build is there, ended: taking it up" in builds.build().must().out
    assert builds.names() == ["mine"]


def test_ctrl_c_leaves_it_running_and_says_how_it_ends(builds: Smith, smith: lab.Box) -> None:
    builds.source(cmake_end=WAITING)
    with builds.running() as fab:
        fab.until("building mine")
        assert in_time(lambda: "waiting" in on(smith, f"cat {BUILD.folder}/output"))
        fab.interrupt()
        said = fab.end(130)
    assert "one: left building; the same command takes it up again" in said
    assert "Hint: fab engine.build --stop --on one ends it" in said
    assert on(smith, f"systemctl is-active {BUILD.unit}") == "active"
    assert builds.stop().must().out == "one: the build of mine, running, is removed\n"
    assert on(smith, LEFT) == ""
    assert builds.stop().must().out == "one: no build\n"


def test_a_box_that_loses_its_power_begins_anew(builds: Smith, smith: lab.Box) -> None:
    builds.source(cmake_end=WAITING)
    with builds.running() as fab:
        fab.until("building mine")
        assert in_time(lambda: "waiting" in on(smith, f"cat {BUILD.folder}/output"))
        smith.cut_power()
        fab.kill()
    smith.start()
    with builds.running("again") as fab:
        fab.until("a build of mine was cut off by a restart: beginning anew")
        fab.until("building mine")
        go_on(smith)
        fab.end(0)
    assert builds.names() == ["mine"]
    assert on(smith, LEFT) == ""


def test_one_who_watches_while_the_power_goes_is_told(builds: Smith, smith: lab.Box) -> None:
    builds.source(cmake_end=WAITING)
    with builds.running() as fab:
        fab.until("building mine")
        smith.cut_power()
        smith.start()
        said = fab.end(1)
    assert "expected the build to end, the box was started anew while it ran" in said
    assert on(smith, LEFT) == ""


def test_two_at_once_build_once(builds: Smith, smith: lab.Box) -> None:
    builds.source(cmake_end=WAITING)
    with builds.running("first") as first:
        first.until("building mine")
        with builds.running("second") as second:
            second.until("taking it up")
            builds.source("llama.cpp-b8", cmake_end="# another\n")
            refused = builds.build(name="other", source="llama.cpp-b8").must(1)
            assert "expected no other build on it, found one of mine, running" in refused.err
            go_on(smith)
            first.end(0)
            second.end(0)
    assert builds.names() == ["mine"]
    assert on(smith, LEFT) == ""


def test_two_that_begin_at_the_same_moment_build_once(builds: Smith, smith: lab.Box) -> None:
    builds.source(cmake_end=WAITING)
    with builds.running("first") as first, builds.running("second") as second:
        begun = ("building mine", "taking it up")
        for each in (first, second):
            each.until_true(lambda each=each: any(words in each.text for words in begun))
        go_on(smith)
        said = [first.end(0), second.end(0)]
    assert sum("one: building mine" in each for each in said) == 1
    assert builds.names() == ["mine"]
    assert on(smith, LEFT) == ""


def test_one_that_was_placed_and_not_begun_is_begun_anew(builds: Smith, smith: lab.Box) -> None:
    """As of a controller that was killed between the two."""
    builds.source()
    about = '{"name": "mine", "digest": "x"}'
    on(smith, f"mkdir -p {BUILD.work}; echo '{about}' >{BUILD.folder}/about")
    builds.build().must()
    assert builds.names() == ["mine"]
    assert on(smith, LEFT) == ""


def test_a_source_that_its_owner_did_not_sign_is_not_built(
    builds: Smith, smith: lab.Box, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(make, check=True)
    builds.source()
    refused = builds.build("--owner", f"{key}.pub").must(1)
    assert "sources/llama.cpp-b7.json: expected the signature of" in refused.err
    assert "Hint: if it is as you mean it: fab engine.sign --source llama.cpp-b7" in refused.err
    builds.sign(f"{key}.pub")
    builds.build("--owner", f"{key}.pub").must()
    assert (tmp_path / "store/engines/mine.json.sig").exists()


def test_a_source_that_is_damaged_in_the_store_is_not_built(builds: Smith, smith: lab.Box) -> None:
    builds.source()
    kept = open_store(builds.folder / "store")
    (file,) = kept.manifest(Kind.SOURCE, "llama.cpp-b7").files
    blob = Path(kept.place) / blob_name(file.sha256)
    blob.chmod(0o644)
    with blob.open("r+b") as out:
        out.seek(100)
        out.write(b"!")
    refused = builds.build().must(1)
    assert "llama.cpp-b7.tar.gz is damaged in the store" in refused.err
    assert on(smith, LEFT) == ""


def test_a_disk_that_is_too_small_is_told_before_and_one_that_fills_up_while_it_builds(
    builds: Smith, smith: lab.Box
) -> None:
    builds.source(cmake_end=WAITING)
    mounted = "mkdir -p /var/lib/freehold; mount -t tmpfs -o size={} none /var/lib/freehold"
    on(smith, mounted.format("32m"))
    try:
        refused = builds.build().must(1)
        assert "/var/lib/freehold: expected 67 MB free for the build, found 34 MB" in refused.err
        on(smith, "umount /var/lib/freehold; " + mounted.format("80m"))
        with builds.running() as fab:
            fab.until("building mine")
            assert in_time(lambda: "waiting" in on(smith, f"cat {BUILD.folder}/output"))
            on(smith, "cat /dev/zero >/var/lib/freehold/filler 2>/dev/null || true")
            on(smith, f"mkdir -p {BUILD.work}/go")
            said = fab.end(1)
        assert "one: mine: the build failed, exit " in said
        assert "expected room on the disk, found none: none" in said
        assert on(smith, LEFT) == ""
    finally:
        on(smith, f"systemctl stop {BUILD.unit} 2>/dev/null || true; umount /var/lib/freehold")
    assert builds.names() == []


def test_bad_options_are_told_at_once(builds: Smith, fab: Fab) -> None:
    refused = fab("engine.build").must(1)
    for words in (
        "expected one of --on NODE and --box",
        "--source: expected a",
        "--name: expected",
    ):
        assert words in refused.err
    builds.source()
    assert "expected one of auto, cuda, cpu" in builds.build("--backend", "vulkan").must(1).err
    assert "--jobs: expected a whole number" in builds.build("--jobs", "many").must(1).err
    assert "expected source named gone" in builds.build(source="gone").must(1).err
    listed = fab("engine.list", "--source", "--json", *builds.to).must()
    assert json.loads(listed.out)[0]["about"]["commit"] == COMMIT


def test_a_lab_box_stays_for_a_build_that_is_left_and_is_gone_when_it_is_done(
    fab: Fab, builds: Smith, tmp_path: Path
) -> None:
    # Beside the user's own labs, which may be at work.
    state = lab.default_state_dir().parents[1] / f"freehold-tests-{os.getpid()}"
    builds.source(cmake_end=WAITING)
    words = ("engine.build", "--source", "llama.cpp-b7", "--name", "boxed", "--box", *builds.to)
    env = {**builds.env, "XDG_STATE_HOME": str(state)}
    labs = state / "freehold/lab"
    try:
        # Not by the run below: all that it starts ends with it.
        lab.up(BOX, 1, state_dir=labs, packages=BOX_PACKAGES)
        with RunningFab(env, tmp_path / "log", *words) as running:
            running.until("building boxed")
            running.interrupt()
            assert "fab engine.build --stop --box ends it" in running.end(130)
        (found,) = lab.list_labs(labs)
        (box,) = found.boxes
        assert box.is_running()
        go_on(box)
        assert "taking it up" in fab(*words, **env).must().out
        assert builds.made("boxed").about["commit"] == COMMIT
        assert lab.list_labs(labs) == ()
        assert not box.is_running()
    finally:
        lab.down(BOX, labs)
        shutil.rmtree(state, ignore_errors=True)
