"""Commands of local machines: `make up`, `down`, `status` and `preview`, in their order of work."""

from __future__ import annotations

import time
from pathlib import Path

from local import machines, mirror, public_sources, toolchain
from local.commands import run
from local.environment import DEV, Environment
from local.files import write_whole
from local.locks import exclusive
from local.mirror import MirrorAccess
from local.paths import LINUX_ON_AMD64, PLATFORM, REPOSITORY
from local.report import elapsed, say, step
from local.stack import LocalStack
from problem import StepError

DEV_STACK = LocalStack(DEV, REPOSITORY / "Pulumi.dev.yaml")
CONTROL_PLANES = (1, 3)
"""Numbers of control planes that `make up` brings up."""


def dev_stack(control_planes: int) -> LocalStack:
    """The stack of `make up` with a number of control planes; those beside the first have machines of their own."""
    return LocalStack(DEV.with_control_planes(control_planes), DEV_STACK.source)


LARGEST = dev_stack(max(CONTROL_PLANES))
"""The stack of `make up` with every machine that it may have."""


def up(stack: LocalStack = DEV_STACK) -> None:
    """Bring up the local machines and the cluster on them, and print how to use it.

    Raises:
        StepError: with the step, the expected and seen facts, and the next command.
    """
    started = time.monotonic()
    with exclusive():
        machines.ensure_engine()
        toolchain.install()
        access = _prepare(stack)
        bring_up(stack, access)
        mirror.clear_build_caches()
    _summary(stack, started)


def refresh(stack: LocalStack = DEV_STACK) -> None:
    """Read the objects of the cluster, then bring the stack up: objects that were deleted by hand are created again."""
    with exclusive(), step(f"Stack {stack.environment.name} is refreshed", estimate_seconds=30) as progress:
        stack.up(progress, "--refresh")


def unchanged(stack: LocalStack = DEV_STACK) -> None:
    """Bring the stack up again, and fail where the update changes anything.

    Raises:
        StepError: there is a change, or no cluster.
    """
    with exclusive(), step(f"Stack {stack.environment.name} is up and unchanged", estimate_seconds=10) as progress:
        stack.up(progress, "--expect-no-changes")


def prepare_machines(environment: Environment, kubernetes: str) -> MirrorAccess:
    """Create machines that answer, and serve the mirror that they install from.

    Raises:
        StepError: the mirror does not build, as on a host that is not Linux on amd64, or the machines cannot be made.
    """
    if PLATFORM != LINUX_ON_AMD64:
        raise StepError(
            "build the local mirror",
            expected="Linux on amd64, for which its packages and images are built",
            seen=PLATFORM,
            next_command="give this host a way to the public sources, then make up",
        )
    machines.ensure_engine()
    environment.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    mirror.build(kubernetes)
    with step(f"Local machines of {environment.name} answer", estimate_seconds=40):
        machines.create(environment)
    with step(f"Local mirror of {environment.name} answers"):
        return mirror.serve(environment)


def _prepare(stack: LocalStack) -> MirrorAccess | None:
    """Create machines that answer, and serve the mirror that they install from; None for the public sources.

    The source is decided when the first machine is created, and kept: a host that is offline for an hour, or online for
    the first time, changes nothing on existing machines.
    """
    environment = stack.environment
    way_out = machines.has_way_out(environment)
    if way_out is None:
        way_out = public_sources.are_reachable(public_sources.sources_of(stack.kubernetes, environment.debian))
    if not way_out:
        return prepare_machines(environment, stack.kubernetes)
    with step(f"Local machines of {environment.name} answer", estimate_seconds=40):
        machines.create(environment, way_out=True)
    return None


def public() -> None:
    """Do nothing where `make up` of new machines uses the public sources and the published plugins, and fail elsewhere.

    Raises:
        StepError: a source cannot be reached, or a plugin cannot be downloaded.
    """
    toolchain.install()
    if toolchain.has_substitute():
        raise _not_public("the published plugins of Pulumi", "a substitute that was built here")
    sources = public_sources.sources_of(DEV_STACK.kubernetes, DEV.debian)
    if not public_sources.are_reachable(sources):
        raise _not_public("an answer of each public source", "no answer of those that the line above names")


def _not_public(expected: str, seen: str) -> StepError:
    next_command = "curl --head on this host, without a proxy; make clean-cache takes what was built away"
    return StepError("use the public sources", expected=expected, seen=seen, next_command=next_command)


def bring_up(stack: LocalStack, access: MirrorAccess | None) -> None:
    """Run `pulumi up`, and keep the kubeconfig and the control plane's kubectl.

    Args:
        stack: the stack; its machines answer.
        access: the mirror that machines install from; None for the public sources.
    """
    with step(f"Stack file {stack.file.name} is written"):
        stack.configure(access)
    with step(f"Stack {stack.environment.name} is up", estimate_seconds=90) as progress:
        stack.up(progress)
    control_plane = next(iter(stack.environment.machines))
    machines.copy_from(stack.environment, control_plane, "/usr/bin/kubectl", kubectl(stack.environment))
    keep_kubeconfig(stack)


def keep_kubeconfig(stack: LocalStack) -> None:
    """Write the kubeconfig of the last update beside the keys of the environment."""
    write_whole(stack.environment.directory / "kubeconfig", stack.output("kubeconfig"), mode=0o600)


def kubectl(environment: Environment) -> Path:
    """Path of the kubectl in the version of the cluster; the file exists once the cluster is up."""
    return environment.directory / "bin" / "kubectl"


def down() -> None:
    """Delete the local machines, their mirror, their keys and the stack. The cache stays."""
    with exclusive():
        take_down(LARGEST)


def take_down(stack: LocalStack) -> None:
    """Delete everything of an environment; missing parts are no error."""
    environment = stack.environment
    with step(f"Local machines of {environment.name} are deleted"):
        mirror.stop(environment)
        machines.delete(environment)
    if stack.exists():
        stack.forget_dead_update()
        with step(f"Stack {environment.name} is removed"):
            stack.pulumi(
                "stack", "rm", "--yes", "--force", "--preserve-config", environment.name, step="remove the stack"
            )
    run(["rm", "-rf", environment.directory], step="remove keys", log="commands")


def status(environment: Environment = LARGEST.environment) -> None:
    """Print the state of the machines and the nodes."""
    for line in machines.status(environment):
        say(line)
    kubeconfig = environment.directory / "kubeconfig"
    if kubeconfig.exists():
        client: list[str | Path] = [kubectl(environment), "--kubeconfig", kubeconfig, "--request-timeout=10s"]
        say(run([*client, "get", "nodes", "--output=wide"], step="list the nodes", log="kubectl"))


def preview(stack: LocalStack = DEV_STACK) -> None:
    """Print what `make up` would change.

    Raises:
        StepError: `make up` was never run here, so that there are no machines whose keys a stack file could name.
    """
    if not stack.exists():
        raise StepError(
            "preview",
            expected=f"the stack {DEV.name} that `make up` makes",
            seen="no such stack in this checkout",
            next_command="make up; or, for a preview without machines: make preview-comment STACK=ci",
        )
    toolchain.install()
    stack.configure(None if machines.has_way_out(stack.environment) else mirror.access(stack.environment))
    say(stack.preview())


def _summary(stack: LocalStack, started: float) -> None:
    address = stack.output("dashboardAddress")
    token_command = stack.output("loginTokenCommand")
    directory = stack.environment.directory.relative_to(REPOSITORY)
    say(f"\nThe cluster is up, after {elapsed(started)}.\n")
    status(stack.environment)
    say(
        f"  kubectl:      export KUBECONFIG=$PWD/{directory}/kubeconfig PATH=$PWD/{directory}/bin:$PATH\n"
        f"  dashboard:    {address}\n"
        f"  login token:  {token_command}\n"
        "  go on:        make preview, make status, make down; edit Pulumi.dev.yaml and run make up again"
    )
