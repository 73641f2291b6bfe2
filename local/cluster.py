"""What `make up`, `down`, `status` and `preview` do, in the order in which it happens."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from local import machines, mirror, toolchain
from local.commands import run
from local.environment import DEV, Environment
from local.errors import LocalError
from local.mirror import MirrorAccess
from local.paths import REPOSITORY, STATE
from local.report import elapsed, say, step
from local.stack import LocalStack, cancel_dead_update

DEV_STACK = LocalStack(DEV, REPOSITORY / "Pulumi.dev.yaml")


def up() -> None:
    """Bring up the local machines and the cluster on them, and say how to use it.

    Raises:
        LocalError: with the step, what was expected and seen, and what to do next.
    """
    started = time.monotonic()
    with exclusive():
        machines.ensure_engine()
        toolchain.install()
        access = prepare_machines(DEV)
        bring_up(DEV_STACK, access)
        mirror.clear_build_caches()
    _summary(started)


def prepare_machines(environment: Environment, kubernetes: str = mirror.KUBERNETES) -> MirrorAccess:
    """Machines that answer, and the mirror they install from."""
    environment.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    mirror.build(kubernetes)
    with step(f"Local machines of {environment.name} answer", estimate_seconds=40):
        machines.create(environment)
    with step(f"Local mirror of {environment.name} answers"):
        return mirror.serve(environment)


def bring_up(stack: LocalStack, access: MirrorAccess) -> None:
    """Run `pulumi up` and keep the kubeconfig."""
    with step(f"Stack file {stack.file.name} is written"):
        stack.configure(access)
    with step(f"Stack {stack.environment.name} is up", estimate_seconds=90) as progress:
        stack.up(progress)
    kubeconfig = stack.environment.directory / "kubeconfig"
    with os.fdopen(os.open(kubeconfig, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(stack.output("kubeconfig"))


def down() -> None:
    """Delete the local machines, their mirror, their keys and the stack. What was built stays in the cache."""
    with exclusive():
        take_down(DEV_STACK)


def take_down(stack: LocalStack) -> None:
    """Delete everything of an environment; what is not there is no error."""
    environment = stack.environment
    with step(f"Local machines of {environment.name} are deleted"):
        mirror.stop(environment)
        machines.delete(environment)
    if stack.exists():
        cancel_dead_update()
        with step(f"Stack {environment.name} is removed"):
            stack.pulumi(
                "stack", "rm", "--yes", "--force", "--preserve-config", environment.name, step="remove the stack"
            )
    run(["rm", "-rf", environment.directory], step="remove keys", log="commands")


def status() -> None:
    """Print the state of the machines and the nodes."""
    for line in machines.status(DEV):
        say(line)
    kubeconfig = DEV.directory / "kubeconfig"
    if kubeconfig.exists():
        say(
            run(
                [
                    mirror.kubectl(),
                    "--kubeconfig",
                    kubeconfig,
                    "--request-timeout=10s",
                    "get",
                    "nodes",
                    "--output=wide",
                ],
                step="ask the API server",
                log="kubectl",
            )
        )


def preview() -> None:
    """Print what `pulumi up` would change."""
    say(DEV_STACK.preview())


@contextmanager
def exclusive() -> Iterator[None]:
    """One `make` at a time changes the machines of this checkout."""
    STATE.mkdir(exist_ok=True, mode=0o700)
    with (STATE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LocalError(
                "start",
                expected="no other make in this checkout",
                seen="another one that runs",
                next_command=f"wait for it; fuser -v {STATE / 'lock'} shows it",
            ) from error
        yield


def _summary(started: float) -> None:
    address = DEV_STACK.output("dashboardAddress")
    token_command = DEV_STACK.output("loginTokenCommand")
    kubeconfig = (DEV.directory / "kubeconfig").relative_to(REPOSITORY)
    say(f"\nThe cluster is up, after {elapsed(started)}.\n")
    status()
    say(
        f"  kubectl:      export KUBECONFIG=$PWD/{kubeconfig} PATH=$PATH:{mirror.kubectl().parent}\n"
        f"  dashboard:    {address}\n"
        f"  login token:  {token_command}\n"
        "  go on:        make preview, make status, make down; edit Pulumi.dev.yaml and run make up again"
    )
