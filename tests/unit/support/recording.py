"""The whole program, run without an engine, with a record of its requests."""

from __future__ import annotations

import base64
import json
import runpy
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
from google.protobuf import json_format  # type: ignore[import-untyped]
from pulumi.runtime import mocks, rpc
from pulumi.runtime.stack import Stack, run_pulumi_func

from components.review import silence
from components.steps.ssh import Answer
from tests.unit.support.stacks import Stack as StackFile
from tests.unit.support.stacks import full

PROGRAM = Path(__file__).parents[3] / "__main__.py"
PROJECT = "kubeadm"

PASSWORD = "canary-of-the-registry-password"  # noqa: S105
REPOSITORY_PASSWORD = "canary-of-the-repository-password"  # noqa: S105
PRIVATE_KEY = "canary-of-the-private-key"
TOKEN = "canary-of-the-join-token"  # noqa: S105
ADMIN = "canary-of-the-admin-conf"
KUBECONFIG = f"""\
# expires 2101-01-01
clusters:
- name: dev
  cluster:
    certificate-authority-data: Q0EK
    server: https://api.dev.internal:6443
users: [{{name: {ADMIN}}}]
"""

EXPIRY = "2100-01-01"

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105
HIDDEN = "[secret]"


@dataclass(frozen=True)
class Registered:
    """A resource that the program asked for.

    Attributes:
        kept: inputs of an earlier run, where changes of them are to be ignored.
    """

    urn: str
    request: Any
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The logical name, without the prefix of the cluster."""
        return str(self.request.name).removeprefix("cluster/")

    @property
    def inputs(self) -> dict[str, Any]:
        """All inputs, secrets too."""
        plain: dict[str, Any] = unwrapped(self._wrapped, hide=False)
        return plain | self.kept

    @property
    def shown(self) -> str:
        """The inputs that anyone may see, as text."""
        return json.dumps(unwrapped(self._wrapped, hide=True))

    def is_secret(self, name: str) -> bool:
        """Whether an input is a secret as a whole."""
        return bool(unwrapped(self._wrapped, hide=True).get(name) == HIDDEN)

    def after(self, old: Registered | None) -> Registered:
        """The resource as the engine takes it: inputs whose changes are ignored keep their old values."""
        ignored = {name: old.inputs[name] for name in self.request.ignoreChanges if name in old.inputs} if old else {}
        return replace(self, kept=ignored)

    @property
    def _wrapped(self) -> Any:
        return json_format.MessageToDict(self.request.object)


def unwrapped(value: Any, *, hide: bool) -> Any:
    """A value without the wrapping of secrets, or with each secret hidden."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return HIDDEN if hide else unwrapped(value["value"], hide=hide)
        return {key: unwrapped(inner, hide=hide) for key, inner in value.items()}
    if isinstance(value, list):
        return [unwrapped(inner, hide=hide) for inner in value]
    return value


@dataclass(frozen=True)
class Recording:
    """All requests of a run of the program."""

    resources: list[Registered]
    outputs: dict[str, pulumi.Output[Any]]

    @property
    def commands(self) -> dict[str, Registered]:
        """Remote commands by name."""
        return {each.name: each for each in self.resources if each.request.type == "command:remote:Command"}

    def changed_since(self, before: Recording) -> set[str]:
        """Names of the resources that the engine would create, update or delete after an earlier run."""
        old, new = before.by_urn, self.by_urn
        changed = {
            urn for urn in {*old, *new} if urn not in old or urn not in new or new[urn].inputs != old[urn].inputs
        }
        return {urn.rpartition("::")[2].removeprefix("cluster/") for urn in changed}

    @property
    def by_urn(self) -> dict[str, Registered]:
        """Resources by URN."""
        return {each.urn: each for each in self.resources}

    @property
    def of_addons(self) -> dict[str, Registered]:
        """Objects of the add-ons of the stack file by name."""
        return {each.name: each for each in self.resources if "kubeadm:index:StackAddon$kubernetes:" in each.urn}

    def of_type(self, kind: str) -> list[Registered]:
        """Every resource of a type."""
        return [each for each in self.resources if each.request.type == kind]


class _Machines(mocks.Mocks):
    """Answers as machines would; in a preview nothing is known of what they will print."""

    def __init__(self, *, preview: bool, before: Recording | None) -> None:
        self._preview = preview
        self._before = before

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Identifier and outputs of a resource."""
        outputs = dict(args.inputs)
        if args.typ == "command:remote:Command":
            outputs["stdout"] = rpc.UNKNOWN if self._preview else self._printed(args.name.removeprefix("cluster/"))
        if args.typ == "pulumi:index:Stash":
            outputs["output"] = _kept(args.inputs["input"])
        return "" if self._preview else f"{args.name}-id", outputs

    @staticmethod
    def _printed(name: str) -> str:
        if name.endswith("/kubeconfig"):
            return KUBECONFIG
        if name.endswith(("/init", "/join")):
            return f"certificate apiserver {EXPIRY}\n"
        if name.endswith("/prepare"):
            return f"machine-id of {name}\n"
        return TOKEN if name.endswith("/membership") else ""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        """The state of the stack, as an earlier run left it."""
        assert args.token.endswith(":readStackResourceOutputs"), args.token
        resources = self._before.resources if self._before else []
        return {"name": args.args["stackName"], "outputs": state_of(resources)}, []


def _outputs(resource: Registered) -> dict[str, Any]:
    """Outputs of a resource beside its inputs."""
    if resource.request.type == "command:remote:Command":
        return {"stdout": _Machines._printed(resource.name)}
    return {"output": _kept(resource.inputs["input"])} if resource.request.type == "pulumi:index:Stash" else {}


def _kept(value: Any) -> Any:
    """The output of a Stash: its first value, also after updates. A mapping is taken for one that was updated."""
    return {"first": "value"} if isinstance(value, dict) else value


def state_of(resources: Iterable[Registered]) -> dict[str, dict[str, Any]]:
    """The state that an update with these resources leaves: type and outputs by URN."""
    return {
        each.urn: {
            "type": each.request.type,
            "outputs": each.inputs | _outputs(each),
        }
        for each in resources
    }


class _Monitor(mocks.MockMonitor):
    """Keeps every request as it came, with its options."""

    def __init__(self, machines: _Machines) -> None:
        super().__init__(machines)
        self.recorded: list[Registered] = []

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the engine makes it: the types of all parents but the stack. The SDK's mock names the last parent only."""
        parents = parent.split("::")[2] if parent else ""
        types = type_ if parents in {"", "pulumi:pulumi:Stack"} else f"{parents}${type_}"
        return f"urn:pulumi:test::{PROJECT}::{types}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        """Record a resource."""
        if request.type != "pulumi:pulumi:Stack":
            self.recorded.append(Registered(self.make_urn(request.parent, request.type, request.name), request))
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


def stack_of(directory: Path, *workers: str, version: str = "1.36.3") -> StackFile:
    """A stack with a private registry and a key file, full of canaries."""
    (directory / "id_ed25519").write_text(PRIVATE_KEY)
    return full(directory, *workers, version=version) | {
        "ssh": {"user": "admin", "privateKeyFile": str(directory / "id_ed25519")}
    }


def encryption_key(name: str) -> str:
    """The key of a name, of which the stack has the secret: 32 bytes in base64."""
    return base64.b64encode(f"canary-of-the-key-{name}".encode().ljust(32, b".")).decode()


async def _greets(*_: Any, attempts: int) -> str:
    return ""


async def _runs(*_: Any, attempts: int) -> Answer:
    return Answer(0, "", "")


def _run_program() -> None:
    runpy.run_path(str(PROGRAM))


def record(stack: StackFile, *, preview: bool, before: Recording | None = None) -> Recording:
    """Run the program with a stack file, after an earlier run of it, if there was one."""
    config = {f"{PROJECT}:{section}": json.dumps(value) for section, value in stack.items()}
    keys = stack["cluster"].get("encryption", {}).get("keys", [])
    named = {"registryPassword": PASSWORD, **{key["secret"]: encryption_key(key["name"]) for key in keys}}
    if stack.get("packages", {}).get("repository", {}).get("username"):
        named["repositoryPassword"] = REPOSITORY_PASSWORD
    secrets = {f"{PROJECT}:{name}": value for name, value in named.items()}
    pulumi.runtime.set_all_config(config | secrets, list(secrets))
    machines = _Machines(preview=preview, before=before)
    monitor = _Monitor(machines)
    pulumi.runtime.settings.ROOT.set(None)
    pulumi.runtime.sync_await._ensure_event_loop()  # type: ignore[no-untyped-call] # Python 3.14 makes none by itself
    pulumi.runtime.set_mocks(machines, project=PROJECT, stack="test", preview=preview, monitor=monitor)
    with mock.patch.multiple(silence, silence_of=_greets, run_as_root=_runs):  # no machine is there
        pulumi.runtime.sync_await._sync_await(run_pulumi_func(_run_program))
    root = pulumi.runtime.settings.get_root_resource()
    assert isinstance(root, Stack)
    old = before.by_urn if before else {}
    return Recording([each.after(old.get(each.urn)) for each in monitor.recorded], dict(root.outputs))
