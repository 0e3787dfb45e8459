"""Tasks on a real box: who they are there, what they see, how they end, and that there is one."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold import lab
from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError
from freehold.hosts.ssh import SshHost
from freehold.job.job import State, exit_code_of
from freehold.render.paths import KEY_PATH
from freehold.render.service import NoContext
from freehold.render.templates import render
from freehold.rent.guard import SCRIPT_PATH
from freehold.rent.inputs import Input
from freehold.rent.task import (
    TASK_FOLDER,
    TASK_UNIT,
    TASK_UNIT_PATH,
    WORK_FOLDER,
    Found,
    Task,
    clear,
    look,
    start,
    stop,
    unit_text,
)
from tests.rent.task_cases import CASES, GOLDENS
from tests.rent.tasks import (
    BEGAN,
    KEY,
    PORT,
    WAIT,
    Heard,
    begin,
    followed,
    let_go,
    out,
    ran,
    serving,
)

EXPOSURE_MAX = 1.5
INPUT = Input("in.txt", Path("in.txt"), 3, "a" * 64, executable=False)
HOME = f"{TASK_FOLDER}/work"
LEFT = f"ls -d {TASK_FOLDER}* {TASK_UNIT_PATH} 2>/dev/null || true"
SERVER = f"""
import http.server
class Keyed(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.headers["Authorization"] == "Bearer {KEY}" else 401)
        self.end_headers()
        self.wfile.write(self.path.encode())
http.server.ThreadingHTTPServer(("127.0.0.1", {PORT}), Keyed).serve_forever()
"""


def test_it_runs_as_a_user_of_its_own_in_its_folder(node: Host) -> None:
    said, ended = ran(node, "echo $USER; id -u; pwd; echo $HOME; echo $FREEHOLD_RESULTS; ls -A")
    user, uid, *rest = said.splitlines()
    assert user == "freehold-task"
    assert 61184 <= int(uid) <= 65519  # systemd's range for users that exist while they run
    assert rest == [HOME, HOME, f"{HOME}/results", "results"]
    assert ended == "exited 0"


def test_it_learns_where_the_model_is_served_and_is_let_in(node: Host) -> None:
    ask = (
        "import os, urllib.request as r; "
        "e = os.environ; h = {'Authorization': 'Bearer ' + e['OPENAI_API_KEY']}; "
        "u = r.Request(e['OPENAI_BASE_URL'] + '/models', headers=h); "
        "print(r.urlopen(u).read().decode())"
    )
    with serving(node, SERVER):
        assert ran(node, f'python3 -c "{ask}"') == ("/v1/models\n", "exited 0")


@pytest.mark.parametrize("model", ["glm-5.2", '100% "odd" $alias \\ ${HOME} %n ünï'])
def test_it_learns_the_models_name_as_it_is(node: Host, model: str) -> None:
    begin(node, 'printf %s "$FREEHOLD_MODEL"', model=model)
    assert followed(node) == (model, "exited 0")


def test_an_address_with_a_zone_is_taken_as_it_is() -> None:
    assert '"OPENAI_BASE_URL=http://[fe80::1%%eth0]:80/v1"' in unit_text(
        Task("true"), 80, "m", "[fe80::1%eth0]"
    )


ODD_LINES = """\
cat <<'END'
"double" 'single' \\ \\n $HOME ${HOME} %n 100% `id` ünï 🦙
.
	tab
END
printf '%s|' "$HOME" 'a  b' ; # a comment
"""


def test_its_line_is_what_a_shell_would_read(node: Host) -> None:
    said, ended = ran(node, ODD_LINES)
    assert said == (
        f"\"double\" 'single' \\ \\n $HOME ${{HOME}} %n 100% `id` ünï 🦙\n.\n\ttab\n{HOME}|a  b|"
    )
    assert ended == "exited 0"


LOOK_FOR_THE_KEY = f"""\
key=$(cat {KEY_PATH})
seen_in() {{
  all=$(cat "$@" 2>/dev/null | tr '\\0' ' ')
  case $all in *"$key"*) echo seen ;; *) echo unseen ;; esac
}}
systemctl show {TASK_UNIT} >/run/fh-shown
seen_in /proc/[0-9]*/cmdline
seen_in {TASK_UNIT_PATH} /run/fh-shown
seen_in {TASK_FOLDER}/command {TASK_FOLDER}/about
seen_in /proc/$(cat {WORK_FOLDER}/begun)/environ
rm /run/fh-shown
"""


def test_the_key_is_in_the_environment_of_what_it_starts_and_in_no_argv_or_unit(
    node: Host,
) -> None:
    begin(node, "sh -c 'echo $$ >pid; mv pid begun; until [ -e go ]; do sleep 0.05; done'; true")
    out(node, f"timeout 20 sh -c 'until [ -e {WORK_FOLDER}/begun ]; do sleep 0.05; done'")
    assert out(node, LOOK_FOR_THE_KEY).split() == ["unseen", "unseen", "unseen", "seen"]


def test_nobody_else_on_the_node_reads_its_files_or_its_key(node: Host) -> None:
    begin(node, WAIT)
    out(node, f"touch {WORK_FOLDER}/begun; chmod 666 {WORK_FOLDER}/begun")
    folders = (TASK_FOLDER, f"/run/credentials/{TASK_UNIT}", WORK_FOLDER)
    names = ("output command about started", "api-key command", "begun")
    pid = out(node, f"systemctl show -P MainPID {TASK_UNIT}")
    paths = [f"/proc/{pid}/environ"]
    for folder, name in zip(folders, names, strict=True):
        paths += [f"{folder}/{each}" for each in name.split()]
    done = node.run(Command(f"cat {' '.join(paths)}", "a test", root=False))
    assert done.stdout == ""
    assert done.stderr.count("Permission denied") == len(paths)
    assert out(node, f"cat {' '.join(paths)} | wc -c") != "0"


def test_it_writes_nowhere_but_into_its_folder_and_cannot_say_how_it_ended(node: Host) -> None:
    line = (
        "for path in /etc/x /var/lib/x /var/lib/freehold/x /usr/x /root/x /boot/x; do\n"
        "  (: >$path) 2>/dev/null && echo $path; done\n"
        "echo 'exited 0 1' >ended; echo lost >started; echo >output; exit 7"
    )
    assert ran(node, line) == ("", "exited 7")
    found = look(node)
    assert found is not None
    assert found.state is State.ENDED


ENDS = [
    ("true", "exited 0", 0),
    ("exit 3", "exited 3", 3),
    ("no-such-program-of-a-test", "exited 127", 127),
    ("kill -TERM $$", "killed TERM", 143),
    ("kill -KILL $$", "killed KILL", 137),
    ("kill -37 $$", "killed RTMIN+3", 165),
]


@pytest.mark.parametrize(("line", "ended", "code"), ENDS)
def test_how_it_ended_is_known_and_has_a_shells_exit_code(
    node: Host, line: str, ended: str, code: int
) -> None:
    assert ran(node, line)[1] == ended
    assert exit_code_of(ended) == code


@pytest.mark.parametrize("ended", ["", "exited", "exited x 1", "killed NONE 1", "killed RTMIN+x 1"])
def test_what_is_no_end_has_no_exit_code(ended: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        exit_code_of(ended)


def test_a_program_begins_others_as_gnu_make_does(node: Host) -> None:
    """By posix_spawn with POSIX_SPAWN_RESETIDS, which sets the user to the one that it is."""
    spawn = "os.posix_spawn('/bin/true', ['true'], {}, resetids=True)"
    line = f'python3 -c "import os; exit(os.waitpid({spawn}, 0)[1])"'
    assert ran(node, line) == ("", "exited 0")


def test_what_it_left_running_ends_with_it(node: Host) -> None:
    line = "(trap '' HUP; while sleep 0.05; do echo more; done) & echo begun"
    said, ended = ran(node, line)
    assert ended == "exited 0"
    assert said == out(node, f"cat {TASK_FOLDER}/output") + "\n"
    assert out(node, f"systemctl show -P TasksCurrent {TASK_UNIT}") == "[not set]"


def test_a_node_without_a_task_says_so(node: Host) -> None:
    assert look(node) is None


def test_where_it_is_follows_it_from_its_begin_to_its_end(node: Host) -> None:
    task = begin(node, WAIT)
    running = look(node)
    assert running == Found(State.RUNNING, WAIT, task.digest, BEGAN)
    let_go(node)
    assert followed(node) == ("", "exited 0")
    assert look(node) == dataclasses.replace(running, state=State.ENDED)


def test_one_whose_start_was_cut_off_is_placed_and_no_more(node: Host) -> None:
    begin(node, "true")
    followed(node)
    out(node, f"rm {TASK_FOLDER}/started {TASK_FOLDER}/ended")
    found = look(node)
    assert found is not None
    assert found.state is State.PLACED


@pytest.mark.parametrize("about", ["", "{}", "[]", "null", "no json", '{"line": "x"}'])
def test_a_folder_that_says_nothing_of_a_task_is_an_error_and_no_absence(
    node: Host, about: str
) -> None:
    out(node, f"mkdir -p {TASK_FOLDER} && printf %s '{about}' >{TASK_FOLDER}/about")
    with pytest.raises(HostError, match=f"node-1: expected a task in {TASK_FOLDER}, got 'placed"):
        look(node)


def test_a_systemd_that_does_not_answer_is_an_error_and_no_loss(node: Host) -> None:
    begin(node, WAIT)
    shadow = "/usr/local/sbin/systemctl"
    out(node, f"printf '#!/bin/sh\\necho no bus >&2; exit 1\\n' >{shadow}; chmod +x {shadow}")
    try:
        with pytest.raises(HostError, match=r"(?s)a look: exit 1.*no bus"):
            look(node)
        with pytest.raises(HostError, match=r"(?s)following the task: exit 1.*no bus"):
            followed(node)
    finally:
        out(node, f"rm {shadow}")
    found = look(node)
    assert found is not None
    assert found.state is State.RUNNING


def test_a_second_one_is_refused_and_the_first_goes_on(node: Host) -> None:
    first = begin(node, f"{WAIT}; echo first")
    with pytest.raises(HostError, match=r"(?s)starting the task: exit 3.*another is there"):
        begin(node, "echo second")
    assert out(node, LEFT).split() == [TASK_UNIT_PATH, TASK_FOLDER]
    found = look(node)
    assert found is not None
    assert (found.state, found.digest) == (State.RUNNING, first.digest)
    let_go(node)
    assert followed(node) == ("first\n", "exited 0")
    with pytest.raises(HostError, match="another is there"):
        begin(node, "echo second")


def test_of_two_that_begin_at_once_one_does(node: Host) -> None:
    refused: list[HostError] = []

    def try_it(host: Host, line: str) -> None:
        try:
            begin(host, line)
        except HostError as error:
            refused.append(error)

    with node.another() as other:
        pair = ((node, "echo one"), (other, "echo two"))
        threads = [threading.Thread(target=try_it, args=each) for each in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(refused) == 1
    said, ended = followed(node)
    found = look(node)
    assert found is not None
    assert f"echo {said}" == f"{found.line}\n"
    assert ended == "exited 0"


def test_one_that_cannot_begin_is_an_error_and_leaves_nothing(node: Host) -> None:
    out(node, f"rm {KEY_PATH}")
    with pytest.raises(HostError, match="starting the task: exit 1"):
        begin(node, "true")
    assert out(node, LEFT) == ""
    assert look(node) is None


def test_one_that_systemd_cannot_begin_is_an_error_and_leaves_nothing(node: Host) -> None:
    task = Task("true")
    unit = unit_text(task, PORT, "m").replace("DynamicUser=yes", "DynamicUser=no")
    with pytest.raises(HostError, match="starting the task: exit 1"):
        start(node, task, unit, BEGAN)
    assert out(node, LEFT) == ""


SLOW_START = f"""\
#!/bin/sh
/usr/bin/systemctl "$@" || exit
[ "$1" != start ] || {{ until [ -s {TASK_FOLDER}/ended ]; do sleep 0.05; done; exit 1; }}
"""


def test_one_that_ends_before_its_start_is_told_has_begun(node: Host) -> None:
    """systemd says of such a start that it failed, where the exit code is none of success."""
    shadow = "/usr/local/sbin/systemctl"
    out(node, f"install -m 755 /dev/stdin {shadow} <<'.'\n{SLOW_START}.")
    try:
        begin(node, "exit 9")
    finally:
        out(node, f"rm {shadow}")
    assert followed(node) == ("", "exited 9")


def test_one_that_is_stopped_keeps_what_it_has_written(node: Host) -> None:
    begin(node, f"echo found >results/one; echo said; {WAIT}")
    heard = Heard()
    begun = f"timeout 20 sh -c 'until [ -s {TASK_FOLDER}/output ]; do sleep 0.05; done'"
    out(node, begun)
    stop(node)
    heard.follow(node)
    assert heard.output == b"said\n"
    assert exit_code_of(heard.ended) == 143
    assert out(node, f"cat {WORK_FOLDER}/results/one") == "found"
    stop(node)  # it changes nothing more
    assert exit_code_of(Heard().follow(node).ended) == 143


def test_one_that_ignores_its_end_is_asked_for_half_a_minute_at_most() -> None:
    assert "\nTimeoutStopSec=30s\n" in CASES["freehold-task.service"]()


@pytest.mark.parametrize("line", ["true", WAIT])
def test_nothing_is_left_of_one_that_is_cleared(node: Host, line: str) -> None:
    begin(node, line)
    out(node, f"mkdir {TASK_FOLDER}.cut-off")
    clear(node)
    assert out(node, LEFT) == ""
    assert look(node) is None
    assert out(node, f"systemctl show -P LoadState {TASK_UNIT}") == "not-found"
    assert out(node, "ls -d /var/lib/freehold 2>/dev/null || true") == ""
    clear(node)
    assert ran(node, "echo again") == ("again\n", "exited 0")


def test_what_else_lies_in_the_folder_of_freehold_stays(node: Host) -> None:
    begin(node, "true")
    out(node, "mkdir -p /var/lib/freehold/weights")
    try:
        clear(node)
        assert out(node, "ls /var/lib/freehold") == "weights"
    finally:
        out(node, "rmdir /var/lib/freehold/weights /var/lib/freehold")


@pytest.mark.parametrize("go_down", [lab.Box.power_off, lab.Box.cut_power])
def test_one_that_a_restart_of_the_node_cut_off_is_lost(
    frail: SshHost, lab_boxes: lab.Lab, go_down: Callable[[lab.Box], None]
) -> None:
    begin(frail, f"echo begun; {WAIT}")
    box = lab_boxes.boxes[1]
    go_down(box)
    box.start()
    frail.close()
    found = look(frail)
    assert found is not None
    assert found.state is State.LOST
    assert Heard().follow(frail).ended == "lost"


def test_one_that_had_ended_before_a_restart_has_ended(frail: SshHost, lab_boxes: lab.Lab) -> None:
    assert ran(frail, "exit 5") == ("", "exited 5")
    box = lab_boxes.boxes[1]
    box.power_off()
    box.start()
    frail.close()
    assert followed(frail) == ("", "exited 5")


def test_it_is_told_from_another_by_its_line_and_its_files() -> None:
    task = Task("line", (INPUT,))
    others = [
        Task("line"),
        Task("another", (INPUT,)),
        Task("line", (dataclasses.replace(INPUT, name="x"),)),
        Task("line", (dataclasses.replace(INPUT, sha256="b" * 64),)),
        Task("line", (dataclasses.replace(INPUT, executable=True),)),
    ]
    assert len({task.digest, *(other.digest for other in others)}) == 6
    same = Task("line", (dataclasses.replace(INPUT, source=Path("/elsewhere"), size_bytes=4),))
    assert same.digest == task.digest


def test_the_switch_of_a_lease_counts_it_as_use() -> None:
    assert f"\ntask={TASK_UNIT}\n" in render(SCRIPT_PATH, NoContext())


def test_its_unit_is_as_its_golden() -> None:
    """After a change that is meant: python -m tests.rent.task_cases"""
    for name, text in CASES.items():
        assert text() == (GOLDENS / name).read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_its_unit(tmp_path: Path) -> None:
    unit = tmp_path / TASK_UNIT
    unit.write_text(unit_text(Task("true"), PORT, '100% "odd" \\'))
    argv = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_its_unit_is_as_closed_as_is_claimed(ssh_host: SshHost) -> None:
    analyze = "systemd-analyze security --offline=true --no-pager ./fh-test.service"
    text = CASES["freehold-task.service"]()
    said = out(ssh_host, f"cd $(mktemp -d) && cat >fh-test.service <<'.'\n{text}.\n{analyze}")
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert exposure is not None
    assert float(exposure[1]) <= EXPOSURE_MAX
