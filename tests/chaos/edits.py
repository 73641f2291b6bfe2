"""Edits of the stack file that are chosen by chance, with what happens to machines and their mirror beside them."""

from __future__ import annotations

import random
from collections.abc import Callable

from local import machines, mirror
from local.stack import LocalStack
from tests.chaos.model import NEW, SYSCTL, Model

Edit = Callable[[Model, LocalStack, random.Random], str]


def _remove(model: Model, stack: LocalStack, chance: random.Random) -> str:
    name = chance.choice(sorted(model.workers))
    model.workers.remove(name)
    model.out.add(name)
    model.zones.pop(name, None)
    return f"remove {name}"


def _add(model: Model, stack: LocalStack, chance: random.Random) -> str:
    name = chance.choice(sorted(model.out))
    model.out.remove(name)
    model.workers.add(name)
    return f"add {name}"


def _lose(model: Model, stack: LocalStack, chance: random.Random) -> str:
    name = chance.choice(sorted(model.workers))
    model.workers.remove(name)
    model.gone.add(name)
    model.zones.pop(name, None)
    machines.delete_machine(stack.environment, name)
    return f"lose the machine of {name}: gone"


def _bring_back(model: Model, stack: LocalStack, chance: random.Random) -> str:
    name = chance.choice(sorted(model.gone))
    model.gone.remove(name)
    model.workers.add(name)
    machines.create(stack.environment)
    return f"bring {name} back as a new machine"


def _label(model: Model, stack: LocalStack, chance: random.Random) -> str:
    name = chance.choice(model.nodes)
    model.zones[name] = f"z{chance.randrange(100)}"
    return f"label {name} zone={model.zones[name]}"


def _max_pods(model: Model, stack: LocalStack, chance: random.Random) -> str:
    model.max_pods = chance.randrange(100, 200)
    return f"maxPods {model.max_pods}"


def _verbosity(model: Model, stack: LocalStack, chance: random.Random) -> str:
    model.verbosity = chance.randrange(5)
    return f"argument v={model.verbosity} of the API server"


def _keepalive(model: Model, stack: LocalStack, chance: random.Random) -> str:
    model.keepalive = chance.randrange(1000, 9000)
    return f"sysctl {SYSCTL}={model.keepalive}"


def _password(model: Model, stack: LocalStack, chance: random.Random) -> str:
    password = f"{chance.getrandbits(96):024x}"
    (stack.environment.directory / "mirror" / "password").write_text(password)
    mirror.serve(stack.environment)
    command = ("config", "set", "--secret", "registryPassword", "--stack", stack.environment.name)
    file = ("--config-file", str(stack.file))
    stack.pulumi(*command, *file, step="set the registry's password", standard_input=password)
    return "another password of the registry"


def _upgrade(model: Model, stack: LocalStack, chance: random.Random) -> str:
    model.kubernetes = NEW
    return f"upgrade to {NEW}"


def edit(model: Model, stack: LocalStack, chance: random.Random) -> str:
    """Choose an edit, apply it to the model and the stack file, and describe it."""
    possible: list[Edit] = [_label, _max_pods, _verbosity, _keepalive, _password]
    if len(model.workers) > 1:
        possible += [_remove, _lose]
    if model.out:
        possible += [_add] * 3
    if model.gone:
        possible += [_bring_back] * 3
    if model.kubernetes != NEW:
        possible.append(_upgrade)
    described = chance.choice(possible)(model, stack, chance)
    model.write(stack)
    return described
