"""How a step is carried: its standard input, its end, its errors, and what a lost session does to it."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

from components.host_files import File
from components.steps.remote import CREATE
from components.steps.result import RESULT, is_cut_off, result_of
from components.steps.scripts import SCRIPTS
from tests.scripts.machine import LIMIT_SECONDS, VERSION, Machine, cut_off, until

LIBRARY = '. "$LIBRARY/lib/lib.sh"\n'

HOSTILE = 'it\'s "quoted" $(touch hacked) `touch hacked` \\ \n\ttwo  spaces; rm -rf / & %s\n\n'


def test_a_step_returns_what_it_prints(machine: Machine) -> None:
    """Messages stay apart from it."""
    machine.script("hello", LIBRARY + 'echo "a result"\nchanged "something is so"\n')
    finished = machine.run("hello")
    assert finished.status == 0
    assert finished.stdout == "a result\n"
    assert finished.stderr == "node1: something is so\n"


@pytest.mark.parametrize("content", ["", "echo half\n", '. "$LIBRARY/lib/lib.sh"\nexit 0\n'])
def test_a_step_that_ends_before_its_last_line_does_not_succeed(machine: Machine, content: str) -> None:
    """A script that is empty, or was cut short: its command would be recorded as done."""
    machine.write(f"{VERSION}/steps/cut.sh", content)
    finished = machine.run("cut")
    assert (finished.status, finished.stdout) == (1, "")
    assert "node1: cut: expected the step to go to its end," in finished.stderr


def test_a_step_that_fails_returns_nothing(machine: Machine) -> None:
    """The provider shows what a failed command printed: an admin.conf or a token."""
    machine.script("secret", "echo CANARY; exit 3")
    finished = machine.run("secret")
    assert (finished.status, finished.stdout) == (3, "")


def test_a_result_is_the_last_thing_of_a_run(machine: Machine) -> None:
    """What fails after it would show it."""
    machine.script("secret", "echo CANARY")
    machine.replace("lib/run_step", "trap - ERR # the step", "false # the step")
    finished = machine.run("secret")
    assert finished.status != 0
    assert "CANARY" not in finished.stdout + finished.stderr


def test_hostile_values_and_files_arrive_as_they_are(machine: Machine) -> None:
    """From the text that the program sends to the environment and the files of a step."""
    machine.script("look", 'cp "$STAGING/files$TARGET" "$OUT/file"\nprintf "%s" "$VALUE" >"$OUT/value"\n')
    out = machine.path("out")
    out.mkdir()
    values = {"VALUE": HOSTILE, "OUT": str(out), "TARGET": str(machine.path("/etc/a b"))}
    finished = machine.run("look", values, [File("/etc/a b", HOSTILE, mode="0600")])
    assert finished.status == 0, finished.stderr
    assert (out / "value").read_text() == HOSTILE
    assert (out / "file").read_text() == HOSTILE
    assert not list(machine.root.rglob("hacked"))


def test_staged_files_are_gone_afterwards(machine: Machine) -> None:
    """Also when the step fails: there may be passwords among them."""
    machine.script("fail", "exit 3\n")
    machine.script("succeed", 'test -f "$STAGING/files$TARGET"\n')
    values = {"TARGET": str(machine.path("/etc/x"))}
    for step, status in (("succeed", 0), ("fail", 3)):
        assert machine.run(step, values, [File("/etc/x", "secret")]).status == status
        assert not machine.path(f"/run/pulumi-kubeadm/{step}").exists()


def test_staged_files_are_for_root_alone(machine: Machine) -> None:
    """Whatever mode they get in the end."""
    machine.script("modes", 'stat --format %a "$STAGING" "$STAGING/files$TARGET"\n')
    values = {"TARGET": str(machine.path("/etc/x"))}
    assert machine.run("modes", values, [File("/etc/x", "content", mode="0644")]).stdout == "700\n644\n"


@pytest.mark.parametrize(("arguments", "mode"), [((), "create"), (("verify",), "verify")])
def test_a_step_knows_whether_it_only_verifies(machine: Machine, arguments: tuple[str, ...], mode: str) -> None:
    """An init that is done must never start over."""
    machine.script("mode", 'echo "$MODE $STEP $HOST_NAME"\n')
    assert machine.send(machine.text("mode"), *arguments).stdout == f"{mode} mode node1\n"


def test_a_failing_step_returns_its_status_and_says_what_to_do(machine: Machine) -> None:
    """Expected, seen, next: once, and nothing after it."""
    machine.script(
        "broken", LIBRARY + 'fail "a thing to be so" "$(printf "one\\ntwo")" "look at it"\necho not reached\n'
    )
    finished = machine.run("broken")
    assert finished.status == 1
    assert finished.stdout == ""
    assert finished.stderr == "node1: broken: expected a thing to be so,\n  saw one\n    two\n  Next: look at it\n"


def test_a_command_that_fails_unexpectedly_is_named_with_its_place(machine: Machine) -> None:
    """No step ends silently, and the explanation is the only one."""
    machine.script("broken", LIBRARY + "inner() {\n  (exit 7)\n}\ninner\necho not reached\n")
    finished = machine.run("broken")
    assert finished.status == 7
    assert finished.stderr.startswith("node1: broken: expected `( exit 7 )` to succeed,\n  saw exit status 7")
    assert "(broken.sh, line 3)" in finished.stderr
    assert finished.stderr.rstrip().endswith("/var/log/pulumi-kubeadm/broken.log")
    assert finished.stderr.count("expected") == 1, finished.stderr


def test_a_step_that_does_not_end_is_ended_and_explained(machine: Machine) -> None:
    """The time limit is shortened here."""
    machine.replace("lib/run_step", "$((1200 + ", "$((1 + ")
    machine.script("endless", "sleep 60\n")
    began = time.monotonic()
    finished = machine.run("endless")
    assert finished.status == 124
    assert "node1: endless: expected the step to end within 1 s" in finished.stderr
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("kill -KILL $$\n", "saw it was killed by signal 9, for lack of memory perhaps"),
        (LIBRARY + "bash -c 'kill -KILL $$'\n", "saw exit status 137"),
        (LIBRARY + "timeout 0.1 sleep 5\n", "saw exit status 124"),
    ],
    ids=["step", "command", "time limit of a command"],
)
def test_a_step_that_something_else_kills_did_not_reach_its_time_limit(
    machine: Machine, content: str, problem: str
) -> None:
    """The kernel, where memory is short; the explanation is the only one."""
    machine.script("killed", content)
    finished = machine.run("killed")
    assert finished.status in {124, 137}
    assert problem in finished.stderr
    assert finished.stderr.count("expected") == 1, finished.stderr


def test_a_mark_that_a_power_cut_left_empty_is_none(machine: Machine) -> None:
    """It would end every step."""
    machine.write("/var/lib/pulumi-kubeadm/drain-timeout-seconds", "")
    machine.script("step", '. "$LIBRARY/lib/lib.sh"\nremember x 1; remember x 2; mark x; mark none\n')
    finished = machine.run("step")
    assert (finished.status, finished.stdout) == (0, "2"), finished.stderr


@pytest.mark.parametrize("values", [{"DRAIN_TIMEOUT_SECONDS": "3600"}, {}])
def test_a_step_may_take_as_long_as_a_drain_beside_its_own_work(machine: Machine, values: dict[str, str]) -> None:
    """By the time limit of the stack now, or of the last update."""
    machine.write("/var/lib/pulumi-kubeadm/drain-timeout-seconds", "300" if values else "3600")
    machine.stub("timeout", 'echo "$*"; : >"$STAGING/done"')
    machine.script("draining", "true\n")
    assert machine.run("draining", values).stdout.startswith("--kill-after 10 4800 ")


def test_a_long_line_is_cut_before_it_reaches_the_session(machine: Machine) -> None:
    """The command provider hangs on lines of more than 64 KiB; the log on the machine has it whole."""
    machine.script("long", "printf '%*s' 100000 x >&2\n")
    finished = machine.run("long")
    assert len(finished.stderr) == 4001
    assert machine.path("/var/log/pulumi-kubeadm/long.log").stat().st_size == 100000


def test_the_output_of_a_step_is_printed_where_there_is_no_room_for_a_log(machine: Machine) -> None:
    """A full disk is such a place; a log that cannot be opened stands for it here."""
    log = machine.path("/var/log/pulumi-kubeadm/broken.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.symlink_to("/no/such/directory/log")
    machine.script("broken", LIBRARY + "fail 'room' 'none' 'df'\n")
    assert machine.run("broken").stderr == "node1: broken: expected room,\n  saw none\n  Next: df\n"


def test_a_step_reads_nothing_of_the_text_that_carries_it(machine: Machine) -> None:
    """A program that asks would swallow the rest of it."""
    machine.script("ask", "cat\n")
    assert machine.send(f"{machine.text('ask')}echo the rest >&2\n").stderr.endswith("the rest\n")


def test_a_daemon_that_a_step_starts_does_not_hold_the_lock(machine: Machine) -> None:
    """As one that a package starts by itself: every later step would wait for it."""
    pid = machine.path("/pid")
    machine.script("daemon", f"setsid sleep 60 </dev/null &>/dev/null &\necho $! >{shlex.quote(str(pid))}\n")
    machine.script("next", "echo done\n")
    try:
        assert machine.run("daemon").status == 0
        machine.replace("run", "LOCK_TIMEOUT_SECONDS=86400", "LOCK_TIMEOUT_SECONDS=1")
        assert machine.run("next").stdout == "done\n"
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_a_step_whose_session_is_lost_runs_to_its_end(machine: Machine) -> None:
    """Half a kubeadm init is worse than none."""
    marks = machine.path("marks")
    marks.mkdir()
    machine.script(
        "long",
        f"cd {shlex.quote(str(marks))}\n"
        "touch began\n"
        "until [[ -e go-on ]]; do sleep 0.01; done\n"
        "echo nobody reads this; echo nor this >&2\n"
        "touch ended\n",
    )
    process = machine.start(machine.text("long"))
    until((marks / "began").exists)
    cut_off(process)
    (marks / "go-on").touch()
    until((marks / "ended").exists)


def test_staged_files_are_gone_although_the_session_was_lost(machine: Machine) -> None:
    """The first line that nobody reads ends the shell: there may be passwords among them, and a token in the result."""
    go_on = machine.path("go-on")
    machine.script("long", f"until [[ -e {shlex.quote(str(go_on))} ]]; do sleep 0.01; done; echo said >&2; echo token")
    process = machine.start(machine.text("long", files=[File("/etc/x", "password")]))
    staging = machine.path("/run/pulumi-kubeadm/long")
    until((staging / "log").exists)
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream
        stream.close()
    go_on.touch()
    assert process.wait(timeout=LIMIT_SECONDS) != 0
    assert not staging.exists()


def test_the_next_run_waits_for_one_whose_session_is_lost(machine: Machine) -> None:
    """Two of them at once would step on each other's files."""
    marks = machine.path("marks")
    marks.mkdir()
    machine.script(
        "long",
        f"cd {shlex.quote(str(marks))}\ntouch began\nuntil [[ -e go-on ]]; do sleep 0.01; done\necho first >>order\n",
    )
    machine.script("next", f"echo second >>{shlex.quote(str(marks))}/order\n")
    lost = machine.start(machine.text("long"))
    until((marks / "began").exists)
    cut_off(lost)
    second = machine.start(machine.text("next"))
    time.sleep(0.3)  # long enough for a run that does not wait to be done
    assert second.poll() is None
    assert not (marks / "order").exists()
    (marks / "go-on").touch()
    second.communicate(timeout=LIMIT_SECONDS)
    assert second.returncode == 0
    assert (marks / "order").read_text() == "first\nsecond\n"


@pytest.mark.parametrize("closed", [True, False])
def test_a_step_that_waits_for_its_turn_begins_only_with_its_session(machine: Machine, *, closed: bool) -> None:
    """It was cancelled: sshd closes the pipes of the shell, which goes on."""
    ran = machine.path("ran")
    machine.script("next", f"touch {shlex.quote(str(ran))}\n")
    lock = machine.path("/run/pulumi-kubeadm/lock")
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = machine.start(machine.text("next"))
        assert waiting.stdin
        assert waiting.stdout
        assert waiting.stderr
        time.sleep(0.5)  # until it waits
        if closed:
            for stream in (waiting.stdin, waiting.stdout, waiting.stderr):
                stream.close()
    if closed:
        assert waiting.wait(timeout=LIMIT_SECONDS) != 0
    else:
        assert waiting.communicate(timeout=LIMIT_SECONDS)[1] == "node1: next: the run that held this machine is over\n"
    assert ran.exists() == (not closed)


def test_a_step_does_not_begin_below_a_sudo_that_logs_and_has_lost_its_session(machine: Machine) -> None:
    """It takes what the step prints, as nobody does without it, and its parent is another one."""
    ran = machine.path("ran")
    machine.script("next", f"touch {shlex.quote(str(ran))}\n")
    lock = machine.path("/run/pulumi-kubeadm/lock")
    lock.parent.mkdir(parents=True)
    shell = shlex.join(CREATE.removeprefix("sudo -n ").split())
    session = subprocess.Popen(
        ["bash", "-c", f"{shell}; true"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=machine.root
    )
    assert session.stdin
    assert session.stderr
    children = Path(f"/proc/{session.pid}/task/{session.pid}/children")
    until(lambda: bool(children.read_text().split()))
    for process in (session.pid, int(children.read_text()), os.getpid()):
        (machine.root / "proc" / str(process)).symlink_to(f"/proc/{process}")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        session.stdin.write(machine.text("next"))
        session.stdin.close()
        time.sleep(0.5)  # until it waits
        session.kill()
        session.wait()
    with session.stderr:
        assert session.stderr.read() == "node1: next: the run that held this machine is over\n"
    assert not ran.exists()


def test_a_run_that_waits_too_long_says_for_what(machine: Machine) -> None:
    """And which machine it is."""
    marks = machine.path("marks")
    marks.mkdir()
    machine.script("long", f"cd {shlex.quote(str(marks))}\ntouch began\nuntil [[ -e go-on ]]; do sleep 0.01; done\n")
    machine.script("next", "true\n")
    first = machine.start(machine.text("long"))
    until((marks / "began").exists)
    machine.replace("run", "=86400", "=1")
    finished = machine.run("next")
    (marks / "go-on").touch()
    first.communicate(timeout=LIMIT_SECONDS)
    assert finished.status == 1
    assert finished.stderr.startswith("node1: next: expected no other run on this machine,")
    assert first.returncode == 0


@pytest.mark.parametrize("name", ["http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "ALL_PROXY"])
def test_a_step_does_not_ask_the_api_through_the_proxy_of_the_machine(machine: Machine, name: str) -> None:
    """sudo hands on the variables of /etc/environment, and kubeadm would give it to the pods of the control plane."""
    machine.script("step", f'. "$LIBRARY/lib/lib.sh"\necho "${{{name}-none}}"; echo "$MACHINE_PROXY"')
    finished = machine.run("step", {name: "http://proxy.test:3128"})
    assert finished.stdout == f"none\n{name}=http://proxy.test:3128\n"


@pytest.mark.parametrize("noise", ["", "Welcome to node1\n", "no end of line"])
@pytest.mark.parametrize("result", ["", "abcdef.0123456789abcdef\n", "clusters:\n- name: dev\n"])
def test_what_a_login_prints_is_no_result_of_a_step(machine: Machine, noise: str, result: str) -> None:
    """Of a .bashrc that prints; a step that returns nothing returns nothing then, too."""
    machine.script("step", f'. "$LIBRARY/lib/lib.sh"\nprintf %s {shlex.quote(result)}')
    output, _ = machine.start(f"printf %s {shlex.quote(noise)}\n{machine.text('step')}").communicate(
        timeout=LIMIT_SECONDS
    )
    assert output.startswith(noise)
    assert result_of(output) == result


@pytest.mark.parametrize("result", ["", "abcdef.0123456789abcdef\n"])
def test_a_result_that_is_cut_off_anywhere_is_known_as_one(machine: Machine, result: str) -> None:
    """As by a sudo with `log_output`, and where nothing arrives: it is no result that is empty."""
    machine.script("step", f'. "$LIBRARY/lib/lib.sh"\nprintf %s {shlex.quote(result)}')
    output, _ = machine.start(machine.text("step")).communicate(timeout=LIMIT_SECONDS)
    whole = output.removesuffix("\n")  # as the command provider keeps it
    assert result_of(whole) == result
    assert not is_cut_off(whole)
    lost = [whole[:end] for end in range(len(whole)) if end == 0 or end >= len(RESULT)]
    assert all(is_cut_off(each) for each in lost)


def test_the_result_of_an_older_version_is_taken_as_it_is() -> None:
    """The state has it."""
    assert result_of("abcdef.0123456789abcdef\n") == "abcdef.0123456789abcdef\n"


def test_programs_of_packages_come_before_those_of_an_earlier_installation() -> None:
    """A kubectl or kubeadm in /usr/local/bin is of another version than the stack's."""
    (path,) = re.findall(r"^export PATH=(.*)$", (SCRIPTS / "run.sh").read_text(), re.MULTILINE)
    places = path.split(":")
    assert max(map(places.index, ("/usr/sbin", "/usr/bin", "/sbin", "/bin"))) < places.index("/usr/local/sbin")
