"""Lay a bundle on the machine that initialises a cluster: the next update begins with what it holds."""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import re
import subprocess
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from pulumi.automation import StackNotFoundError

from components.host_files.kubeadm import identity
from components.settings import Host, Settings
from components.steps.control_planes import ControlPlanes
from components.steps.last_update import LastUpdate, RecordedStep
from components.steps.scripts import rerun
from components.steps.stdin import inputs_of, prologue
from components.steps.step import NODE_STEPS, StepName
from operations.etcd._bundle import Bundle
from operations.etcd._keys_of_secrets import FILE, names_of_keys, own_configuration
from operations.hosts.ssh import run_as_root
from operations.stack.stacks import SelectedStack, selected_stack
from problem import StepError, printable

GZIP = b"\x1f\x8b"
SEQUENCE = b"\x30"
"""First byte of what `openssl cms` writes."""
MEMBER = re.compile(r"SHA256SUMS|about|bundle\.db|config\.yaml|pki(/(?!\.{1,2}(/|$))[^/]+)*")
"""Names that are allowed in an archive, which the host unpacks as root. Files of people among the keys may have any
name.
"""
AUTHORITIES = ("pki/ca", "pki/front-proxy-ca", "pki/etcd/ca")
NEEDED = {
    *("about", "bundle.db", "pki/sa.key", "pki/sa.pub"),
    *(f"{name}.{end}" for name in AUTHORITIES for end in ("crt", "key")),
}
ORIGIN = {"cluster-name", "cluster-id", "host", "time"}
"""Lines that tell a person which cluster a bundle is of, if two clusters have one name."""
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
    bundle = Bundle(arguments.bundle, arguments.key, stack.commands)
    content = _in_clear(bundle)
    files = _files(content, bundle)
    about = _about(files, bundle)
    _refuse_other(about, settings, bundle)
    _refuse_without_keys(files, settings, bundle)
    recorded = _recorded(stack)
    host = _initialiser(settings, recorded)
    prepared = inputs_of(recorded.get((host.name, StepName.PREPARE), "")).values
    values = {"HOST_NAME": host.name, "CLUSTER_ID": prepared.get("CLUSTER_ID", "")}
    text = rerun(prologue("restore", values), "restore")
    print(printable(run_as_root(host, settings.ssh, with_bundle(text, content)).log), end="")
    if FILE in files and (path := own_configuration(settings)):
        print(
            f"{host.name}: Secrets in the bundle are encrypted: make its {FILE} the file {path} there before the update"
        )
    origin = f"cluster {about['cluster-name']} ({about['cluster-id']}) on {about['host']} at {about['time']}"
    print(f"{host.name}: the next update begins with the bundle of {printable(origin)}. Next: {stack.commands.up}")


def with_bundle(text: str, content: bytes) -> str:
    """The text of the step `restore` with a bundle before its last line.

    `head` reads the bundle, because bash would read byte by byte. The file of the bundle is unlinked before it has
    content, so no such file stays, whatever ends the run.
    """
    step, encoded, file = "run_step restore\n", base64.b64encode(content).decode(), '"$STATE/bundle.new"'
    opened = f"exec {{laid}}>{file} {{BUNDLE_DESCRIPTOR}}<{file}; rm {file}; export BUNDLE_DESCRIPTOR\n"
    return f'{text.removesuffix(step)}{opened}head --bytes {len(encoded)} | base64 --decode >&"$laid"\n{encoded}{step}'


def _in_clear(bundle: Bundle) -> bytes:
    """The archive in a bundle."""
    path, key = bundle.path, bundle.key
    try:
        content = path.read_bytes()
    except OSError as error:
        raise bundle.refusal("a file that can be read", str(error.strerror)) from error
    if content.startswith(GZIP):
        return content
    if not content.startswith(SEQUENCE):
        raise bundle.refusal("a bundle", "something else")
    if key is None:
        raise bundle.refusal(
            "the key for which the bundle is encrypted", "none", bundle.commands.restore(str(path), "FILE")
        )
    command = ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", str(path), "-inkey", str(key)]
    try:
        decrypted = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise bundle.refusal("the program openssl", "none in PATH", "apt-get install openssl") from error
    if decrypted.returncode != 0 or not decrypted.stdout.startswith(GZIP):
        # The first line has the reason in words; the others are codes of openssl.
        seen = decrypted.stderr.decode(errors="replace").strip().splitlines() or ["something else than a bundle"]
        next_command = (
            f"{bundle.commands.restore(str(path), 'FILE')}, the private key of backup.recipient in PEM;"
            f" where it is that one: {bundle.another}"
        )
        raise bundle.refusal(f"a whole bundle that the key in {key} decrypts", seen[0], next_command)
    return decrypted.stdout


def _files(content: bytes, bundle: Bundle) -> Mapping[str, bytes]:
    """The files of a bundle whose checksums are right."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            strange = [each.name for each in archive if not (MEMBER.fullmatch(each.name) and _is_plain(each))]
            found = {} if strange else {each.name: _content(archive, each) for each in archive if each.isfile()}
        if strange:
            raise bundle.refusal("a bundle", f"an archive with {strange[0][:80]!r} in it")
        sums = {name: digest for digest, name in SUM.findall(found["SHA256SUMS"].decode())}
        wrong = [name for name, digest in sums.items() if hashlib.sha256(found[name]).hexdigest() != digest]
    except (tarfile.TarError, zlib.error, OSError, EOFError, KeyError, ValueError) as error:
        raise bundle.refusal("a whole bundle", f"{type(error).__name__}: {error}") from error
    if wrong:
        raise bundle.refusal("a whole bundle", f"other checksums: {', '.join(wrong)}")
    if missing := NEEDED - sums.keys():
        raise bundle.refusal("a whole bundle", f"one without {', '.join(sorted(missing))}")
    return found


def _about(files: Mapping[str, bytes], bundle: Bundle) -> Mapping[str, str]:
    """The lines of the file `about` of a bundle."""
    try:
        return dict(line.split("=", 1) for line in files["about"].decode().splitlines())
    except ValueError as error:
        raise bundle.refusal("a whole bundle", f"{type(error).__name__}: {error}") from error


def _is_plain(entry: tarfile.TarInfo) -> bool:
    """True for a file or a directory: no link leads elsewhere."""
    return entry.isfile() or entry.isdir()


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(entry)
    return file.read() if file else b""


def _refuse_other(about: Mapping[str, str], settings: Settings, bundle: Bundle) -> None:
    wanted, seen = _without_endpoint(identity(settings)), _without_endpoint(about.get("cluster-identity", ""))
    if wanted != seen:
        raise bundle.refusal(f"a bundle of the cluster in the stack file: {wanted}", seen or "none")
    if missing := ORIGIN - about.keys():
        raise bundle.refusal("a bundle that says where it is from", f"none of {', '.join(missing)}")
    if settings.cluster.id not in {None, about["cluster-id"]}:
        expected = f"a bundle of the cluster with the id of the stack file: {settings.cluster.id}"
        raise bundle.refusal(expected, about["cluster-id"], f"{bundle.another}; or no cluster.id in the stack file")
    version = about.get("kubernetes-version", "")
    if version != settings.cluster.kubernetes_version:
        raise bundle.refusal(
            f"a bundle of Kubernetes {settings.cluster.kubernetes_version}, as in the stack file",
            version,
            f"cluster.kubernetesVersion: {version} in the stack file; upgrade when the cluster is restored",
        )


def _refuse_without_keys(files: Mapping[str, bytes], settings: Settings, bundle: Bundle) -> None:
    """Refuse a stack that lacks the name of a key in the bundle. The init compares the keys themselves."""
    if FILE not in files or own_configuration(settings):
        return
    try:
        names = names_of_keys(files[FILE])
    except ValueError as error:
        raise bundle.refusal("a whole bundle", str(error)) from error
    encryption = settings.cluster.encryption
    there = [key.name for key in encryption.keys] if encryption else []
    if missing := [name for name in names if name not in there]:
        raise bundle.refusal(
            f"cluster.encryption in the stack file to have the keys of its Secrets: {', '.join(names)}",
            f"none named {', '.join(missing)}",
            f"write it into the stack file, and pulumi config set --secret for the key, which is in the bundle: {FILE}",
        )


def _without_endpoint(text: str) -> str:
    """The text without the endpoint, which may be the address of a machine that is lost."""
    return re.sub(r" endpoint [^,]+,", "", text)


def _recorded(stack: SelectedStack) -> Mapping[tuple[str, StepName], str]:
    """Inputs of the last update. A state with members is refused, because the next update would connect to them."""
    try:
        recorded = stack.recorded_inputs()
    except StepError as error:
        if isinstance(error.__cause__, StackNotFoundError):
            return {}
        raise
    members = [host for host, step in recorded if step in NODE_STEPS]
    if members:
        name = stack.name
        raise StepError(
            f"restore {name}",
            expected="a stack without machines",
            seen=f"its state has those of the lost cluster: {', '.join(members)}",
            next_command=f"pulumi stack export --stack {name} --file lost.json, which keeps it; pulumi state delete"
            f" --all --force --yes --stack {name}; then again",
        )
    return recorded


def _initialiser(settings: Settings, recorded: Mapping[tuple[str, StepName], str]) -> Host:
    """The control plane that the next update initialises: one with a begun init, or else the first of the file."""
    last = LastUpdate(steps={key: RecordedStep(text, {}, "") for key, text in recorded.items()})
    host = ControlPlanes(settings, last).initialiser
    assert host is not None, "a stack without members has one that will initialise"
    return host
