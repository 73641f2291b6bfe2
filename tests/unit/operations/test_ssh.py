"""One connection to a host: the arguments of ssh, and the use of its output."""

from __future__ import annotations

import asyncio
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.settings import Settings
from components.settings.stack_file import parse_settings
from operations.hosts.ssh import run_as_root
from operations.status._host_checks import FACTS
from problem import StepError
from tests.unit.support.stacks import KEY, Stack, smallest

SHOWS_ARGUMENTS = "printf '<%s>\\n' \"$@\""


def program(directory: Path, name: str, text: str) -> None:
    """A shell script that stands for a program in PATH; ssh runs the first line that it is sent, also the last one."""
    file = directory / name
    text = f'IFS= read -r first; trap "$first" EXIT; eval "$first"\n{text}' if name == "ssh" else text
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that goes first in PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def settings(**ssh: Stack) -> Settings:
    """Of a stack with one host."""
    return parse_settings(smallest() | {"ssh": ssh})


def answer(**ssh: Stack) -> str:
    """What the host prints."""
    stack = settings(**ssh)
    return run_as_root(stack.hosts["node1"], stack.ssh, "").output


def test_a_key_file_with_a_blank_in_its_name_is_one_argument_through_a_bastion_too(
    programs: Path, tmp_path: Path
) -> None:
    """A shell reads the command that leads to the bastion."""
    key = tmp_path / "my key"
    key.touch()
    program(programs, "ssh", SHOWS_ARGUMENTS)
    bastion = {"address": "192.0.2.1", "hostKey": f"{KEY}9"}
    printed = answer(privateKeyFile=str(key), bastion=bastion)  # type: ignore[arg-type]
    assert f"<{key}>\n" in printed
    command = printed.partition("ProxyCommand=")[2].partition(">\n<-p>")[0]
    hop = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert f"<-i>\n<{key}>\n" in hop
    assert "<-W>\n<%h:%p>\n<-p>\n<22>\n<root@192.0.2.1>\n" in hop


def test_a_connection_trusts_pinned_keys_only_and_ends_when_the_machine_does(programs: Path) -> None:
    """On the way through a bastion too: no other known_hosts file, and a minute without an answer is the end."""
    program(programs, "ssh", SHOWS_ARGUMENTS)
    bastion = {"address": "192.0.2.1", "hostKey": f"{KEY}9"}
    printed = answer(bastion=bastion)
    command = printed.partition("ProxyCommand=")[2].partition(">\n<-p>")[0]
    hop = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    for arguments in (printed.partition("ProxyCommand=")[0], hop):
        options = dict(line.strip("<>").partition("=")[::2] for line in arguments.splitlines() if "=" in line)
        assert options["StrictHostKeyChecking"] == "yes"
        assert options["GlobalKnownHostsFile"] == "none"
        assert options["UserKnownHostsFile"].startswith('"/')
        assert 0 < int(options["ServerAliveInterval"]) * int(options["ServerAliveCountMax"]) <= 60
        assert "<-F>\n<none>\n" in arguments


def test_what_is_no_utf_8_is_replaced(programs: Path) -> None:
    """A log may hold anything."""
    program(programs, "ssh", r"printf 'a\303'; printf 'b\377' >&2")
    stack = settings()
    found = run_as_root(stack.hosts["node1"], stack.ssh, "")
    assert (found.output, found.log) == ("a\N{REPLACEMENT CHARACTER}", "b\N{REPLACEMENT CHARACTER}")


def test_output_of_the_login_is_no_output_of_the_script(programs: Path) -> None:
    """A .bashrc may print: before the script runs, and without an end of line."""
    program(programs, "sudo", 'shift; exec "$@"')
    (programs / "ssh").write_text("#!/bin/sh\nprintf 'Welcome!\\nnode '\nfor last; do :; done\nexec sh -c \"$last\"\n")
    (programs / "ssh").chmod(0o755)
    stack = settings()
    assert run_as_root(stack.hosts["node1"], stack.ssh, "echo node\necho more\n").output == "node\nmore\n"


@pytest.mark.parametrize("script", ["echo node", "", "true"])
def test_an_answer_that_lacks_its_end_is_none(programs: Path, script: str) -> None:
    """A sudo that logs output loses it, and succeeds: a host that differs would look like one that does not."""
    program(programs, "sudo", 'shift; "$@" | head --lines -1')
    (programs / "ssh").write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    (programs / "ssh").chmod(0o755)
    stack = settings()
    with pytest.raises(StepError) as error:
        run_as_root(stack.hosts["node1"], stack.ssh, script)
    assert "expected the whole answer of the script,\n  saw an answer without its end\n" in str(error.value)
    assert "`!log_output` for the login in sudoers" in str(error.value)


def test_sudo_speaks_english(programs: Path) -> None:
    """Its errors are known by their words, and machines are installed in many languages."""
    program(
        programs, "sudo", '[ "$LC_ALL" = C ] && echo "sudo: a password is required" || echo "sudo: 需要密码"; exit 1'
    )
    (programs / "ssh").write_text(
        '#!/bin/sh\nexport LC_ALL=zh_CN.UTF-8\nfor last; do :; done\nexec sh -c "$last" >&2\n'
    )
    (programs / "ssh").chmod(0o755)
    stack = settings()
    with pytest.raises(StepError, match="sudo: a password is required"):
        run_as_root(stack.hosts["node1"], stack.ssh, "")


@pytest.mark.parametrize("status", [0, 142])
def test_the_output_of_a_login_that_runs_no_script_is_shown(programs: Path, status: int) -> None:
    """cloud-init gives such a command to the key of root; in older images it succeeds."""
    message = 'Please login as the user "debian" rather than the user "root".'
    (programs / "ssh").write_text(f"#!/bin/sh\necho '{message}'\nexit {status}\n")
    (programs / "ssh").chmod(0o755)
    with pytest.raises(StepError, match=message):
        answer()


@pytest.mark.parametrize("language", ["C", "C.UTF-8"])
def test_a_machine_without_sudo_is_no_computer_without_ssh(programs: Path, language: str) -> None:
    """Their exit status is the same; and env quotes as the language of the machine does."""
    bare = programs / "bare"
    bare.mkdir()
    (bare / "env").symlink_to("/usr/bin/env")
    (programs / "ssh").write_text(
        f'#!/bin/sh\nexport LC_ALL={language} PATH={bare}\nfor last; do :; done\nexec /bin/sh -c "$last"\n'
    )
    (programs / "ssh").chmod(0o755)
    with pytest.raises(StepError, match="expected the script to succeed,\n  saw env: 'sudo': No such file"):
        answer()


def test_a_missing_ssh_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what installs it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StepError, match="node1: run a script over SSH") as error:
        answer()
    assert "expected the program ssh,\n  saw none in PATH\n  Next: apt-get install openssh-client" in str(error.value)


def test_a_fact_of_a_host_is_one_line_that_ends_with_a_whole_character(programs: Path) -> None:
    """Where it is cut."""
    program(programs, "systemctl", f"printf 'a\\n\\tb{'x' * 395}üü'")
    script = f"PAUSE_IMAGE=none MARKS= PORTS=\n{FACTS.read_text()}"
    printed = subprocess.run(["bash", "-euo", "pipefail", "-s"], input=script.encode(), capture_output=True, check=True)
    facts = dict(line.split("\t") for line in printed.stdout.decode().splitlines())
    assert facts["containerd"] == f"a  b{'x' * 395}ü"


SCRIPT_FAILED = """\
node1: wrote /etc/hosts
node1: join: expected a join token that is valid,
  saw 401: it expired
    or was deleted
  Next: pulumi up
"""


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (SCRIPT_FAILED, SCRIPT_FAILED.partition("\n")[2].strip()),
        ("bash: x: command not found", "node1: run a script over SSH: expected the script to succeed,\n  saw bash: x:"),
        (SCRIPT_FAILED * 2, "node1: run a script over SSH: expected the script to succeed,\n  saw node1: wrote"),
    ],
)
def test_the_explanation_of_a_script_comes_before_advice_on_the_login(
    programs: Path, printed: str, expected: str
) -> None:
    """Its advice is better than how to log in; of several failures all are shown."""
    program(programs, "ssh", f"cat >&2 <<'TEXT'\n{printed}\nTEXT\nexit 1")
    with pytest.raises(StepError) as error:
        answer()
    assert str(error.value).startswith(expected)


def test_an_answer_leaves_the_event_loop_of_its_thread_alone(programs: Path) -> None:
    """The SDK of Pulumi looks for this loop: without it a program that runs later in the same thread fails."""
    program(programs, "ssh", "echo done")

    def loops() -> tuple[asyncio.AbstractEventLoop, asyncio.AbstractEventLoop]:
        before = asyncio.new_event_loop()
        asyncio.set_event_loop(before)
        assert answer() == "done\n"
        return before, asyncio.get_event_loop()

    with ThreadPoolExecutor(1) as pool:
        before, after = pool.submit(loops).result()
    before.close()
    assert before is after
