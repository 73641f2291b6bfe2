"""No secret is in output of Pulumi or kept in clear, whichever step fails: canaries, with the real engine."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from operations.preview import _preview
from operations.preview._comment import Comparison, comment, counted
from operations.preview._differences import differences
from tests.bench.stand_ins import StandIns, stand_ins
from tests.engine.project import Project

PASSWORD = "C4NARY-password"  # noqa: S105 - of no registry
PROGRAM = """\
import pulumi

from components.settings.stack_file import parse_settings
from tests.bench.hosts_only import HostsOnly

config = pulumi.Config()
for name in ("blue", "green"):
    cluster = HostsOnly(
        name, parse_settings(config.require_object(name)), {"hub.example.com": config.require_secret("password")}
    )
pulumi.export("kubeconfig", cluster.kubeconfig)
"""
LEVEL = "-v=8"
"""At level 9 the engine itself logs each property that it sends, secret or not: docs/reliability.md."""
WATCH = """\
#!/bin/sh
exec >>{seen} 2>/dev/null # a process or file may be gone
echo looked
grep --text --files-with-matches --fixed-strings --file {secrets} /proc/[0-9]*/cmdline
find {directory} -type f -perm /044 -exec grep --text --files-with-matches --fixed-strings --file {secrets} {{}} +
"""
"""What others see while a step runs: arguments of each process of this host, and files that they may read."""
STEPS = ("prepare", "images", "init", "kubeconfig", "membership", "join")


@pytest.fixture(scope="module")
def machines() -> Iterator[StandIns]:
    """Machines whose steps do nothing."""
    with stand_ins() as found:
        yield found


@pytest.fixture
def project(tmp_path: Path, machines: StandIns) -> Project:
    """Two clusters with a private registry."""
    found = Project(tmp_path, machines, PROGRAM)
    file = tmp_path / "Pulumi.two.yaml"
    content = yaml.safe_load(file.read_text())
    for name in ("blue", "green"):
        registries = {"hub.example.com": {"username": "robot"}}
        content["config"][f"kubeadm:{name}"]["containerd"] = {"registries": registries}
    file.write_text(yaml.safe_dump(content))
    found.run("config", "set", "--secret", "password", PASSWORD)
    found.run("config", "rm", "key")
    return found


def secrets_of(machines: StandIns) -> list[str]:
    """A piece of each: a line of the private key, of admin.conf's key, the token, the password and its header."""
    answers = machines.private_key.with_name("answers")
    admin = yaml.safe_load((answers / "kubeconfig").read_text())["users"][0]["user"]["client-key-data"]
    token = (answers / "membership").read_text()
    header = base64.b64encode(f"robot:{PASSWORD}".encode()).decode()
    return [machines.private_key.read_text().splitlines()[2], admin[200:260], token, PASSWORD, header]


@contextmanager
def watched(machines: StandIns, directory: Path, secrets: list[str]) -> Iterator[Path]:
    """The file with what others saw while steps ran, line by line."""
    program, seen = machines.private_key.with_name("answers") / "watch", machines.private_key.with_name("seen")
    known = machines.private_key.with_name("secrets")
    known.write_text("".join(f"{each}\n" for each in secrets))
    program.write_text(WATCH.format(seen=seen, secrets=known, directory=directory))
    program.chmod(0o755)
    yield seen
    program.unlink()


def comment_on(project: Project) -> str:
    """What `make preview-comment` prints, which a job also adds to its summary."""
    found = _preview.preview(project.selection)
    changed = differences(found.before, found.after, found.touched)
    return comment("two", found, Comparison("Compared.", counted(found.changes), changed))


def leaks(outputs: dict[str, str], secrets: list[str]) -> list[str]:
    """Outputs that hold a secret, each with the beginning of the secret."""
    return [f"{name}: {secret[:12]}" for name, text in outputs.items() for secret in secrets if secret in text]


def test_no_secret_is_printed_or_kept_in_clear_whichever_step_fails(
    tmp_path: Path, machines: StandIns, project: Project
) -> None:
    """Console with the log, event log, preview, comment, log of the SSH server, and the plain text of the state."""
    secrets, events = secrets_of(machines), tmp_path / "events"
    fails = machines.private_key.with_name("answers") / "fails"
    more = ("--logtostderr", LEVEL, "--event-log", str(events))
    outputs = {"preview of nothing": project.run("preview", "--diff", *more), "comment on nothing": comment_on(project)}
    for step in STEPS:
        fails.write_text(step)
        status, outputs[f"up, {step} fails"] = project.attempt("up", "--yes", "--skip-preview", *more)
        assert status != 0, f"{step} did not fail: {outputs[f'up, {step} fails'][-4000:]}"
        assert "expected it to succeed" in outputs[f"up, {step} fails"]
        outputs[f"state, {step} fails"] = project.run("stack", "export")
        outputs[f"comment, {step} fails"] = comment_on(project)
    fails.unlink()
    with watched(machines, tmp_path, secrets) as seen:
        outputs["up"] = project.run("up", "--yes", "--skip-preview", *more)
    assert set(seen.read_text().split()) == {"looked"}
    outputs["outputs"] = project.run("stack", "output")
    outputs["preview of no change"] = project.run("preview", "--diff", *more)
    outputs["comment on no change"] = comment_on(project)
    project.run("config", "set", "--secret", "password", f"another-{PASSWORD}")
    outputs["comment on another password"] = comment_on(project)
    assert "changes: a secret" in outputs["comment on another password"]
    outputs["state"] = project.run("stack", "export")
    outputs["log of sshd"] = machines.log.read_text()
    outputs["events"] = "".join(path.read_text() for path in tmp_path.glob("events*"))
    outputs["state files"] = "".join(path.read_text() for path in (tmp_path / "state").rglob("*.json*"))
    assert outputs["events"]
    assert "run_step" in outputs["state files"]
    assert leaks(outputs, secrets) == []
    # The password is kept as its header, and what a step returned stays sealed; the token is in the input of its join.
    shown = project.run("stack", "export", "--show-secrets") + project.run("stack", "output", "--show-secrets")
    kept = [secret for secret in secrets if secret != PASSWORD]
    assert [secret for secret in kept if secret not in shown] == [], "each secret is there, encrypted"


@pytest.mark.parametrize("step", ["kubeconfig", "membership leave"])
def test_a_session_that_is_lost_behind_its_secret_shows_none(
    tmp_path: Path, machines: StandIns, project: Project, step: str
) -> None:
    """Between the last line of a step and its exit status."""
    loses = machines.private_key.with_name("answers") / "loses"
    loses.write_text(step)
    events = tmp_path / "events"
    status, printed = project.attempt("up", "--yes", "--skip-preview", "--event-log", str(events))
    loses.unlink()
    assert status != 0
    outputs = {"up": printed, "events": events.read_text(), "state": project.run("stack", "export")}
    assert leaks(outputs, secrets_of(machines)) == []
