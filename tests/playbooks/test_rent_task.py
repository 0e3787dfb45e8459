"""The middle of `fab rent.run` on a real box: one task on the node or here, and its results."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from freehold import lab
from freehold.hosts.host import Host, HostError
from freehold.job.job import State
from freehold.job.results import SUMS
from freehold.rent.inputs import inputs_of
from freehold.rent.task import TASK, TASK_FOLDER, WORK_FOLDER, Task, look
from freehold.spec.model import Model
from freehold.spec.server import Server
from playbooks.interrupts import Interrupts
from playbooks.rent_task import (
    OtherTaskError,
    Outcome,
    Place,
    endpoint_address,
    remove_task,
    run_here,
    run_there,
)
from tests.deadline import in_time
from tests.rent.tasks import BEGAN, KEY, MODEL, PORT, WAIT, begin, keyed, let_go, open_box, out
from tests.rent.tasks import serving as serving_at

WEB = f"""
import http.server
class Keyed(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.headers["Authorization"] == "Bearer {KEY}" else 401)
        self.end_headers()
        self.wfile.write(self.path.encode())
http.server.ThreadingHTTPServer(("127.0.0.1", {PORT}), Keyed).serve_forever()
"""
PATIENCE_S = 120
ASK = """\
import os, urllib.request
headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
asked = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/models", headers=headers)
said = urllib.request.urlopen(asked, timeout=20).read().decode()
with open(os.environ["FREEHOLD_RESULTS"] + "/said", "w") as result:
    result.write(said + " " + os.environ["FREEHOLD_MODEL"])
"""


@pytest.fixture
def box(lab_boxes: lab.Lab) -> lab.Box:
    """The second one: its power and its cable may go."""
    return lab_boxes.boxes[1]


@pytest.fixture
def node(box: lab.Box) -> Iterator[Host]:
    """By a connection that is not the run's; with a key and without a task, before and after."""
    with closing(open_box(box)) as host, keyed(host):
        try:
            yield host
        finally:
            box.start()
            box.plug()
            host.close()


@pytest.fixture
def place(box: lab.Box) -> Place:
    """Of a node that is expected back for as long as a test may last."""
    until_s = time.monotonic() + PATIENCE_S
    return place_of(box, lambda: time.monotonic() > until_s)


def place_of(box: lab.Box, is_over: Callable[[], bool]) -> Place:
    server, model = Server(port=PORT), Model(weights="w", alias=MODEL)
    return Place(lambda: open_box(box), is_over, server, model)


@pytest.fixture
def interrupts(tmp_path: Path) -> Iterator[Interrupts]:
    with Interrupts(lambda: "last words", tmp_path / "run.log") as made:
        yield made


@contextlib.contextmanager
def meanwhile(condition: Callable[[], object], act: Callable[[], object]) -> Iterator[None]:
    """Acts once the condition holds, which it must come to while the block runs."""

    def wait_and_act() -> bool:
        has_held = in_time(condition)
        act()
        return has_held

    with ThreadPoolExecutor(1) as pool:
        acted = pool.submit(wait_and_act)
        yield
    assert acted.result()


def interrupt() -> None:
    """As Ctrl-C does: what blocks the main thread is interrupted."""
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


def has_begun(folder: Path) -> Callable[[], bool]:
    """Whether a run whose results come there has heard what its task says."""
    return lambda: any(path.stat().st_size for path in folder.glob("*/output.txt"))


def files_in(folder: Path) -> dict[str, str]:
    """All that lies there."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def is_accepted(outcome: Outcome) -> bool:
    """Whether `sha256sum -c` says that the results are what the list says."""
    check = ["sha256sum", "--check", "--strict", "--quiet", f"../{SUMS}"]
    return subprocess.run(check, cwd=outcome.home / "results", check=False).returncode == 0


def test_a_task_comes_home_with_its_output_its_results_and_its_exit_code(
    node: Host,
    place: Place,
    interrupts: Interrupts,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "ask.py").write_text(ASK)
    line = "python3 ask.py && echo asked && mkdir results/sub && echo more >results/sub/x; exit 3"
    task = Task(line, inputs_of([tmp_path / "ask.py"]))
    before = datetime.now(UTC).replace(microsecond=0)
    with serving_at(node, WEB):
        outcome = run_there(task, place, tmp_path / "out", interrupts)
    assert outcome.problem is None
    assert (outcome.exit_code, outcome.are_results_there) == (3, False)
    assert before <= outcome.began <= datetime.now(UTC)
    assert outcome.home == tmp_path / "out" / f"{outcome.began:%Y%m%dT%H%M%SZ}"
    content = {"results/said": f"/v1/models {MODEL}", "results/sub/x": "more\n"}
    found = files_in(outcome.home)
    assert {name: found[name] for name in found if name != SUMS} == {
        "output.txt": "asked\n",
        **content,
    }
    assert [f"results/{each.path}" for each in outcome.results] == list(content)
    assert is_accepted(outcome)
    said = capfd.readouterr().out.splitlines()
    name = place.reach().name
    assert said == [
        f"{name}: running: {line}",
        "asked",
        f"{name}: 2 files of results, in {outcome.home}/results",
    ]


def test_the_same_command_again_takes_it_up_and_runs_nothing_twice(
    node: Host,
    place: Place,
    interrupts: Interrupts,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    task = Task("date +%s%N | tee results/time; exit 4")
    first = run_there(task, place, tmp_path, interrupts)
    content = files_in(tmp_path)
    capfd.readouterr()
    again = run_there(task, place, tmp_path, interrupts)
    assert again == first
    assert files_in(tmp_path) == content
    assert "the task is there, ended: taking it up" in capfd.readouterr().out
    elsewhere = run_there(task, place, tmp_path / "elsewhere", interrupts)
    assert (elsewhere.exit_code, elsewhere.results) == (4, first.results)


def test_one_that_runs_since_an_earlier_run_is_heard_from_its_first_byte(
    node: Host, place: Place, interrupts: Interrupts, tmp_path: Path
) -> None:
    line = f"echo before; {WAIT}; echo after"
    begin(node, line)
    assert in_time(lambda: out(node, f"cat {TASK_FOLDER}/output") == "before")
    with meanwhile(has_begun(tmp_path), lambda: let_go(node)):
        outcome = run_there(Task(line), place, tmp_path, interrupts)
    assert outcome.home.name == BEGAN
    assert (outcome.home / "output.txt").read_text() == "before\nafter\n"
    assert outcome.exit_code == 0


def test_one_whose_start_was_cut_off_is_begun_anew(
    node: Host, place: Place, interrupts: Interrupts, tmp_path: Path
) -> None:
    begin(node, "echo earlier; exit 9")
    assert in_time(lambda: out(node, f"ls {TASK_FOLDER}/ended 2>/dev/null || true"))
    out(node, f"rm {TASK_FOLDER}/started {TASK_FOLDER}/ended")
    outcome = run_there(Task("echo anew"), place, tmp_path, interrupts)
    assert (outcome.home / "output.txt").read_text() == "anew\n"
    assert outcome.exit_code == 0


@pytest.mark.parametrize(("line", "state"), [(WAIT, State.RUNNING), ("true", State.ENDED)])
def test_another_task_is_named_and_left_alone(
    node: Host, place: Place, interrupts: Interrupts, tmp_path: Path, line: str, state: State
) -> None:
    begin(node, line)
    assert in_time(lambda: look(node).state == state)  # type: ignore[union-attr]
    with pytest.raises(OtherTaskError) as refused:
        run_there(Task("another"), place, tmp_path, interrupts)
    (problem,) = refused.value.problems
    assert problem.message == (
        f"expected no other task on the node, found one that is {state}: {line}"
    )
    found = look(node)
    assert found is not None
    assert (found.state, found.line) == (state, line)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_on_the_node_that_names_no_time_names_none_here(
    node: Host, place: Place, interrupts: Interrupts, tmp_path: Path
) -> None:
    begin(node, "true")
    out(node, f"sed -i s,{BEGAN},../../escaped, {TASK_FOLDER}/about")
    with pytest.raises(HostError, match=r"expected when it was begun, got '\.\./\.\./escaped'"):
        run_there(Task("true"), place, tmp_path / "out", interrupts)
    assert list(tmp_path.iterdir()) == []


def test_the_first_signal_ends_the_task_and_brings_what_it_has_found(
    node: Host, place: Place, interrupts: Interrupts, tmp_path: Path
) -> None:
    trap = "exec 2>/dev/null; trap 'echo ending; exit 5' TERM"
    line = f"{trap}; echo found >results/x; echo begun; {WAIT}"
    with meanwhile(has_begun(tmp_path), interrupt):
        outcome = run_there(Task(line), place, tmp_path, interrupts)
    assert interrupts.is_asked
    assert outcome.problem is None
    assert (outcome.exit_code, outcome.are_results_there) == (5, False)
    assert (outcome.home / "output.txt").read_text() == "begun\nending\n"
    assert (outcome.home / "results/x").read_text() == "found\n"
    found = look(node)
    assert found is not None
    assert found.state is State.ENDED


def test_a_signal_before_it_has_begun_begins_nothing(
    node: Host, place: Place, interrupts: Interrupts, tmp_path: Path
) -> None:
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(HostError, match="cancelled"):
        run_there(Task("true"), place, tmp_path, interrupts)
    assert look(node) is None
    assert list(tmp_path.iterdir()) == []


def test_a_node_that_is_started_anew_has_lost_it_and_that_is_a_problem(
    node: Host, place: Place, interrupts: Interrupts, tmp_path: Path, box: lab.Box
) -> None:
    def restart() -> None:
        box.cut_power()
        box.start()

    line = f"echo half >results/x; echo begun; {WAIT}"
    with meanwhile(has_begun(tmp_path), restart):
        outcome = run_there(Task(line), place, tmp_path, interrupts)
    assert outcome.exit_code is None
    assert outcome.problem is not None
    assert "expected the task to end, the node was started anew" in str(outcome.problem)
    assert (outcome.home / "results/x").read_text() == "half\n"
    assert not outcome.are_results_there


def test_a_node_that_will_not_come_back_has_nothing_to_wait_for(
    node: Host, interrupts: Interrupts, tmp_path: Path, box: lab.Box
) -> None:
    place = place_of(box, lambda: not box.is_running())
    with meanwhile(has_begun(tmp_path), box.cut_power):
        outcome = run_there(Task(f"echo begun; {WAIT}"), place, tmp_path, interrupts)
    assert (outcome.exit_code, outcome.are_results_there) == (None, False)
    assert outcome.problem is not None
    assert (outcome.home / "output.txt").read_text() == "begun\n"


def test_a_node_that_is_silent_when_the_task_is_to_end_has_nothing_to_wait_for(
    node: Host, place: Place, interrupts: Interrupts, tmp_path: Path, box: lab.Box
) -> None:
    def cut_and_interrupt() -> None:
        try:
            box.cut_power()
        finally:
            interrupt()

    with meanwhile(has_begun(tmp_path), cut_and_interrupt):
        outcome = run_there(Task(f"echo begun; {WAIT}"), place, tmp_path, interrupts)
    assert (outcome.exit_code, outcome.are_results_there) == (None, False)
    assert "silent" in str(outcome.problem)


def test_results_that_cannot_be_had_are_there_still(
    node: Host, place: Place, interrupts: Interrupts, tmp_path: Path
) -> None:
    line = r"cd results; touch $(printf 'bad\377'); exit 6"
    outcome = run_there(Task(line), place, tmp_path, interrupts)
    assert (outcome.exit_code, outcome.are_results_there) == (6, True)
    assert "expected a path within them, in UTF-8" in str(outcome.problem)


@pytest.mark.parametrize("ended", ["no end", "killed NONE 1"])
def test_an_end_that_nobody_can_read_is_a_problem_of_a_node_that_has_results_still(
    node: Host, place: Place, interrupts: Interrupts, tmp_path: Path, ended: str
) -> None:
    begin(node, "true")
    assert in_time(lambda: look(node).state == State.ENDED)  # type: ignore[union-attr]
    out(node, f"echo '{ended}' >{TASK_FOLDER}/ended")
    outcome = run_there(Task("true"), place, tmp_path, interrupts)
    assert (outcome.exit_code, outcome.are_results_there) == (None, True)
    assert f"expected how it ended, got '{ended}'" in str(outcome.problem)


def test_nothing_of_it_is_left_on_a_node_that_stays(
    node: Host, place: Place, interrupts: Interrupts, tmp_path: Path
) -> None:
    run_there(Task("true"), place, tmp_path, interrupts)
    assert look(node) is not None
    remove_task(place)
    assert look(node) is None
    assert out(node, f"ls -d {WORK_FOLDER} {TASK.results} 2>/dev/null || true") == ""


def test_a_command_that_runs_here_reaches_the_node_and_leaves_its_results(
    node: Host,
    place: Place,
    interrupts: Interrupts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "ask.py").write_text(ASK)
    monkeypatch.chdir(tmp_path)
    with serving_at(node, WEB):
        outcome = run_here("python3 ask.py; exit 3", place, tmp_path / "out", interrupts)
    assert (outcome.exit_code, outcome.problem, outcome.are_results_there) == (3, None, False)
    assert [each.path for each in outcome.results] == ["said"]
    assert (outcome.home / "results/said").read_text() == f"/v1/models {MODEL}"
    assert is_accepted(outcome)
    assert look(node) is None


@pytest.mark.parametrize(("line", "code"), [("true", 0), ("exit 7", 7), ("kill -KILL $$", 137)])
def test_a_command_that_runs_here_has_a_shells_exit_code(
    node: Host, place: Place, interrupts: Interrupts, tmp_path: Path, line: str, code: int
) -> None:
    assert run_here(line, place, tmp_path, interrupts).exit_code == code


def is_gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has asked how."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def test_what_a_command_leaves_running_here_ends_with_it(
    node: Host, place: Place, interrupts: Interrupts, tmp_path: Path
) -> None:
    line = '(trap "" TERM; exec sleep 1000) & echo $! >$FREEHOLD_RESULTS/pid'
    outcome = run_here(line, place, tmp_path, interrupts)
    pid = int((outcome.home / "results/pid").read_text())
    assert in_time(lambda: is_gone(pid))


def test_the_first_signal_ends_a_command_that_runs_here_with_what_it_has_started(
    node: Host, place: Place, interrupts: Interrupts, tmp_path: Path
) -> None:
    line = (
        'sleep 1000 & echo $! >$FREEHOLD_RESULTS/pid; trap "echo ended >$FREEHOLD_RESULTS/x" TERM; '
        "touch $FREEHOLD_RESULTS/begun; wait; exit 8"
    )
    with meanwhile(lambda: list(tmp_path.glob("*/results/begun")), interrupt):
        outcome = run_here(line, place, tmp_path, interrupts)
    assert outcome.exit_code == 8
    assert [each.path for each in outcome.results] == ["begun", "pid", "x"]
    assert in_time(lambda: is_gone(int((outcome.home / "results/pid").read_text())))


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("10.0.0.7", "10.0.0.7"),
        ("fd00::7", "[fd00::7]"),
        ("localhost", "localhost"),
    ],
)
def test_a_node_reaches_its_own_server_where_it_listens(listen: str, address: str) -> None:
    assert endpoint_address(listen) == address
