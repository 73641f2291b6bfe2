"""Lay a bundle on the machine that initialises a cluster: the next update begins with what it holds."""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import re
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from components.host_files import File
from components.host_files.kubeadm import identity
from components.settings import Settings
from components.steps.scripts import install_scripts
from components.steps.stdin import prologue, staged
from components.steps.step import StepName
from operations.hosts.ssh import run_as_root
from operations.stack.stacks import SelectedStack, selected_stack
from problem import Problem, StepError, printable

GZIP = b"\x1f\x8b"
PLACE = "/run/pulumi-kubeadm-restore"
SUM = re.compile(r"^([0-9a-f]{64})  (?:\./)?(.+)$", re.MULTILINE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("bundle", type=Path, help="file that `make snapshot` fetched")
    parser.add_argument("--key", type=Path, help="file with the private key for which the bundle is encrypted")


def run(arguments: argparse.Namespace) -> None:
    """Check a bundle, and lay it on the first control plane.

    Raises:
        StepError: the bundle is damaged, of another cluster or version, encrypted for another key, or the stack or the
            machine has a cluster.
    """
    stack = selected_stack(arguments.stack)
    settings = stack.settings()
    content = _in_clear(arguments.bundle, arguments.key)
    _refuse_other(_about(content, arguments.bundle), settings, arguments.bundle)
    _refuse_members(stack)
    host = settings.living_control_planes[0]  # which initialises where nothing is recorded
    bundle = staged([File("/bundle", base64.b64encode(content).decode(), "0600")])
    head = prologue("restore", {"HOST_NAME": host.name}, library=PLACE)
    text = f"trap 'rm -rf {PLACE}' EXIT\n{install_scripts(PLACE)}{head}{bundle}run_step restore\n"
    print(printable(run_as_root(host, settings.ssh, text).log), end="")
    print(f"{host.name}: the next update begins with the bundle. Next: {stack.commands.up}")


def _in_clear(path: Path, key: Path | None) -> bytes:
    """The archive in a bundle."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refusal(path, "a file that can be read", str(error.strerror), "BUNDLE=FILE") from error
    if content.startswith(GZIP):
        return content
    if key is None:
        raise _refusal(path, "the key for which the bundle is encrypted", "none", "KEY=FILE beside BUNDLE=FILE")
    command = ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", str(path), "-inkey", str(key)]
    decrypted = subprocess.run(command, capture_output=True, check=False)
    if decrypted.returncode != 0 or not decrypted.stdout.startswith(GZIP):
        seen = decrypted.stderr.decode(errors="replace").strip().splitlines() or ["something else than a bundle"]
        raise _refusal(path, f"a bundle that the key in {key} decrypts", seen[-1], "KEY=FILE with another key")
    return decrypted.stdout


def _about(content: bytes, path: Path) -> Mapping[str, str]:
    """The lines of the file `about` of a bundle whose checksums are right."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            files = {each.name: archive.extractfile(each) for each in archive.getmembers() if each.isfile()}
            found = {name: file.read() for name, file in files.items() if file}
        sums = {name: digest for digest, name in SUM.findall(found["SHA256SUMS"].decode())}
        wrong = [name for name, digest in sums.items() if hashlib.sha256(found[name]).hexdigest() != digest]
        about = dict(line.split("=", 1) for line in found["about"].decode().splitlines())
    except (tarfile.TarError, OSError, EOFError, KeyError, ValueError) as error:
        raise _refusal(path, "a whole bundle", f"{type(error).__name__}: {error}", "another bundle") from error
    if wrong or "bundle.db" not in sums:
        raise _refusal(path, "a whole bundle", f"other checksums: {', '.join(wrong) or 'none'}", "another bundle")
    return about


def _refuse_other(about: Mapping[str, str], settings: Settings, path: Path) -> None:
    wanted, seen = _without_endpoint(identity(settings)), _without_endpoint(about.get("cluster-identity", ""))
    if wanted != seen:
        raise _refusal(path, f"a bundle of the cluster in the stack file: {wanted}", seen or "none", "another bundle")
    version = about.get("kubernetes-version", "")
    if version != settings.cluster.kubernetes_version:
        raise _refusal(
            path,
            f"a bundle of Kubernetes {settings.cluster.kubernetes_version}, as in the stack file",
            version,
            f"cluster.kubernetesVersion: {version} in the stack file; upgrade when the cluster is restored",
        )


def _without_endpoint(text: str) -> str:
    """An endpoint may be an address, of a machine that is lost."""
    return re.sub(r" endpoint [^,]+,", "", text)


def _refuse_members(stack: SelectedStack) -> None:
    """A stack that remembers machines would visit them."""
    try:
        recorded = stack.recorded_inputs()
    except StepError:
        return  # a stack without a state
    members = [host for host, step in recorded if step in {StepName.INIT, StepName.JOIN}]
    if members:
        name = stack.name
        raise StepError(
            Problem(
                f"restore {name}",
                expected="a stack without machines",
                seen=f"its state has those of the lost cluster: {', '.join(members)}",
                next_command=f"pulumi stack export --stack {name} --file lost.json, which keeps it; pulumi state delete"
                f" --all --force --yes --stack {name}; then again",
            )
        )


def _refusal(path: Path, expected: str, seen: str, next_command: str) -> StepError:
    return StepError(Problem(f"read the bundle {path}", expected=expected, seen=seen, next_command=next_command))
