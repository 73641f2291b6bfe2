"""The programs that read the files of a host, each run on a file to print the values that it read.

A function takes files of many stacks at once: to start a program takes longer than to read a file.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

UNPRIVILEGED = 65534
TARGETS = ("sysinit", "basic", "shutdown", "default")


def output_of(*command: str | Path, directory: Path, **options: Any) -> str:
    """The output of a program, which has to succeed without a complaint."""
    finished: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="surrogateescape", check=False, cwd=directory, **options
    )
    assert finished.returncode == 0, finished.stderr
    assert not finished.stderr, finished.stderr
    return finished.stdout


def _apt(directory: Path, *command: str) -> str:
    for name in ("sources.list.d", "apt.conf.d", "preferences.d"):
        (directory / "etc/apt" / name).mkdir(parents=True, exist_ok=True)
    (directory / "status").touch()
    configuration = directory / "apt.conf"
    configuration.write_text(
        f'Dir "{directory}";\nDir::State::status "{directory}/status";\nDir::Etc::main "/dev/null";\n'
        'APT::Architecture "amd64";\nAPT::Architectures { "amd64"; };\nAcquire::Languages "none";\n'
    )
    return output_of(*command, directory=directory, env={**os.environ, "APT_CONFIG": str(configuration)})


def package_lists(directory: Path, sources: Mapping[str, str]) -> set[tuple[str, str, str, str]]:
    """apt: name of the file, address, suite and component of each list of packages.

    Args:
        directory: a directory of the test.
        sources: content of files of /etc/apt/sources.list.d by name.
    """
    place = directory / "etc/apt/sources.list.d"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name, content in sources.items():
        (place / name).write_text(content)
    found = set()
    for paragraph in _apt(directory, "apt-get", "indextargets", "--no-release-info").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line)
        if fields:
            file = Path(fields["Sourcesentry"].rpartition(":")[0]).name
            found.add((file, fields["Repo-URI"], fields["Release"], fields.get("Component", "")))
    return found


def apt_configuration(directory: Path, content: str) -> dict[str, str]:
    """apt: the values of Acquire by name, without empty ones."""
    file = directory / "etc/apt/apt.conf.d/90proxy"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    lines = _apt(directory, "apt-config", "dump", "--format", "%F\t%v%n").splitlines()
    pairs = (line.split("\t", 1) for line in lines)
    return {name: value for name, value in pairs if "::Proxy" in name and value}


def unit_environments(drop_ins: Sequence[str]) -> list[dict[str, str]]:
    """systemd: the variables that each drop-in gives to a unit."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)  # systemd refuses this as root
        return _unit_environments(Path(directory), drop_ins)


def _unit_environments(directory: Path, drop_ins: Sequence[str]) -> list[dict[str, str]]:
    for target in TARGETS:
        (directory / f"{target}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    for number, content in enumerate(drop_ins):
        unit = directory / f"unit-{number}.service"
        unit.write_text("[Service]\nExecStart=/bin/true\n")
        Path(f"{unit}.d").mkdir()
        Path(f"{unit}.d/drop-in.conf").write_text(content)
    runtime = directory / "run"
    runtime.mkdir()
    runtime.chmod(0o777)
    units = " ".join(f"unit-{number}.service" for number in range(len(drop_ins)))
    (directory / "default.target").write_text(f"[Unit]\nDefaultDependencies=no\nWants={units}\n")
    finished = subprocess.run(
        ["/usr/lib/systemd/systemd", "--test", "--user", "--unit=default.target", "--log-target=console"],
        env={"SYSTEMD_UNIT_PATH": str(directory), "XDG_RUNTIME_DIR": str(runtime), "PATH": os.environ["PATH"]},
        user=UNPRIVILEGED if os.geteuid() == 0 else None,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "drop-in.conf:" not in finished.stderr, finished.stderr
    found: dict[str, dict[str, str]] = {}
    unit_name = ""
    for line in finished.stdout.splitlines():
        if heading := re.fullmatch(r"\t?-> Unit (\S+):", line):
            unit_name = heading[1]
        elif unit_name and line.strip().startswith("Environment: "):
            name, _, value = line.strip().removeprefix("Environment: ").partition("=")
            found.setdefault(unit_name, {})[name] = value
    return [found.get(f"unit-{number}.service", {}) for number in range(len(drop_ins))]


def kernel_settings(directory: Path, content: str) -> list[tuple[str, str]]:
    """sysctl: names and values in their order, without those that the kernel of this host lacks."""
    file = directory / "sysctl.conf"
    file.write_text(content)
    lines = output_of("sysctl", "--dry-run", "--ignore", "--load", file, directory=directory).splitlines()
    return [(name, value) for name, _, value in (line.partition(" = ") for line in lines)]


def addresses(directory: Path, files: Sequence[tuple[str, Iterable[str]]]) -> list[list[str]]:
    """glibc: the IPv4 addresses of names, each by the /etc/hosts beside it.

    Args:
        directory: an empty directory.
        files: contents of /etc/hosts, each with its names.
    """
    script = []
    for number, (content, names) in enumerate(files):
        (directory / str(number)).write_text(content)
        script.append(f"mount --bind {number} /etc/hosts")
        script += [
            f"getent -s files ahostsv4 {shlex.quote(name)} | awk '$2 == \"STREAM\" {{print $1}}' | paste -s -d,"
            for name in names
        ]
        script += ["echo", "umount /etc/hosts"]
    output = output_of(
        "unshare", "--user", "--map-root-user", "--mount", "sh", "-euc", "\n".join(script), directory=directory
    )
    return [each.splitlines() for each in output.removesuffix("\n\n").split("\n\n")] if files else []


def bash_reads(directory: Path, text: str, names: Sequence[str]) -> tuple[dict[str, str], dict[str, str], str]:
    """bash: exported variables, staged files as `MODE PATH`, and the arguments of run_step.

    Args:
        directory: a directory whose `run.sh` the text sources: it is written here.
        text: standard input of a command.
        names: the variables to print.
    """
    printed = " ".join(f'"${name}"' for name in names)
    (directory / "run.sh").write_text(
        'share() { :; }\nstage() { printf "%s\\0" "$#" "$1 $2" "$3"; }\n'
        f'run_step() {{ printf "%s\\0" end "$*" {printed}; }}\n'
    )
    words = output_of("bash", "-euo", "pipefail", "-s", directory=directory, input=text).split("\0")[:-1]
    files = {}
    while words[0] != "end":
        count, place, content, *words = words
        assert count == "3"
        files[place] = content
    _, arguments, *values = words
    return dict(zip(names, values, strict=True)), files, arguments


def kubeadm_reads(kubeadm: Path, directory: Path, content: str) -> list[dict[str, Any]]:
    """kubeadm: its documents with its defaults; of the other ones only that each field is known and has its type."""
    old, new = directory / "old.yaml", directory / "new.yaml"
    old.write_text(content)
    for command in (("validate", "--config", old), ("migrate", "--old-config", old, "--new-config", new)):
        finished = subprocess.run([kubeadm, "config", *command], capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stderr
        assert "strict decoding" not in finished.stderr, finished.stderr
    return list(yaml.safe_load_all(new.read_text()))


def containerd_reads(containerd: Path, directory: Path, content: str) -> dict[str, Any]:
    """containerd: its whole configuration, with its defaults."""
    file = directory / "config.toml"
    file.write_text(content)
    finished = subprocess.run(
        [containerd, "--config", file, "config", "dump"], capture_output=True, text=True, check=True
    )
    return tomllib.loads(finished.stdout)
