"""States of unfriendly machines: sound scripts, on the machines of the end-to-end tests and no others."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from local.environment import DEV, E2E, Environment
from local.machines import machines
from local.machines.unfriendly import UNFRIENDLY, State
from local.paths import VIRTUAL_ENVIRONMENT
from tests.faults.machines import FAULTS

CHECK = [str(VIRTUAL_ENVIRONMENT / "bin" / "shellcheck"), "--shell=bash", "--severity=warning", "-"]


@pytest.mark.parametrize("state", UNFRIENDLY)
def test_scripts_of_a_state_are_sound(state: str) -> None:
    """As the project's own are."""
    for text in (UNFRIENDLY[state].script, UNFRIENDLY[state].look):
        checked = subprocess.run(CHECK, input=f"set -e\n{text}", capture_output=True, text=True, check=False)
        assert checked.stdout == ""


def test_machines_of_make_up_and_of_faults_are_friendly() -> None:
    """So that a failure there is that of its own test."""
    assert (E2E.is_unfriendly, DEV.is_unfriendly, FAULTS.is_unfriendly) == (True, False, False)


def test_a_machine_gets_each_state_once_and_one_that_fails_ends_the_making(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an update has mended since does not come back with the next start."""

    def on(_environment: Environment, _machine: str, script: str) -> str:
        return subprocess.run(["bash", "-euc", script], check=True, capture_output=True, text=True, cwd=tmp_path).stdout

    monkeypatch.setattr(machines, "_on", on)
    monkeypatch.setattr(machines, "GIVEN", tmp_path / "given")
    monkeypatch.setattr(machines, "UNFRIENDLY", {"one": State("", "echo one >>seen", "")})
    machines._make_unfriendly(E2E, "e2e1")
    machines._make_unfriendly(E2E, "e2e1")
    assert (tmp_path / "seen").read_text() == "one\n"
    monkeypatch.setattr(machines, "GIVEN", tmp_path / "others")
    monkeypatch.setattr(machines, "UNFRIENDLY", {"two": State("", "false\necho two >>seen", "")})
    with pytest.raises(subprocess.CalledProcessError):
        machines._make_unfriendly(E2E, "e2e1")
    assert (tmp_path / "seen").read_text() == "one\n"


def test_the_names_of_a_cloud_come_back_at_each_boot_until_they_are_to_be_kept(tmp_path: Path) -> None:
    """The stand-in does what cloud-init does."""
    _, _, rest = UNFRIENDLY["names of a cloud"].script.partition("cloud-names <<'SCRIPT'\n")
    boot = rest.partition("SCRIPT\n")[0].replace("/etc/", f"{tmp_path}/").replace("/proc/sys/kernel/", f"{tmp_path}/")
    for path, content in {
        "cloud/name": "cloud-e2e1\n",
        "cloud/templates/hosts.debian.tmpl": "127.0.0.1 localhost\n127.0.1.1 {{hostname}}\n",
        "hostname": "e2e1\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    (tmp_path / "cloud/cloud.cfg.d").mkdir()
    subprocess.run(["sh", "-c", boot], check=True)
    assert (tmp_path / "hosts").read_text() == "127.0.0.1 localhost\n127.0.1.1 cloud-e2e1\n"
    (tmp_path / "cloud/cloud.cfg.d/99-pulumi-kubeadm.cfg").write_text("preserve_hostname: true\n")
    (tmp_path / "hostname").write_text("e2e1\n")
    subprocess.run(["sh", "-c", boot], check=True)
    assert (tmp_path / "hosts").read_text() == "127.0.0.1 localhost\n127.0.1.1 e2e1\n"
