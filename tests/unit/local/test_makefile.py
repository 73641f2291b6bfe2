"""What `make` hands on, and what it says where something is missing."""

from __future__ import annotations

import os
import subprocess

import pytest

from local.paths import REPOSITORY

OF_A_SHELL = {"USER": "someone", "KUBECONFIG": "/somewhere"}


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What it would run, in a shell with no variables but its own."""
    command = ["make", "--dry-run", "--no-print-directory", *arguments]
    environment = {"PATH": os.environ["PATH"], **OF_A_SHELL}
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["new-stack"], "NAME"),
        (["preview-comment"], "STACK"),
        (["drift"], "STACK"),
        (["repair"], "STACK"),
        (["repair", "STACK=shop"], "HOST"),
        (["repair", "STACK=shop", "HOST="], "HOST"),
        (["token"], "STACK"),
        (["kubeconfig"], "STACK"),
        (["images"], "STACK"),
        (["mirror"], "STACK"),
        (["picture"], "LOG"),
        (["mirror", "STACK=shop"], "TO"),
    ],
)
def test_a_variable_that_was_forgotten_is_named(arguments: list[str], missing: str) -> None:
    """Before anything is run."""
    finished = make(*arguments)
    assert finished.returncode == 2
    assert f"{missing}= is missing: make {arguments[0]} {missing}=..." in finished.stderr
    assert "python" not in finished.stdout


@pytest.mark.parametrize(
    ("arguments", "run"),
    [
        (["status"], "-m local status"),
        (["status", "STACK=acme/shop"], '-m operations status "acme/shop"'),
        (["status", "STACK=shop", "KUBECONFIG=~/x"], '-m operations status "shop" --kubeconfig "~/x"'),
        (["token", "STACK=shop"], '-m operations token "shop" reader'),
        (["kubeconfig", "STACK=shop"], '-m operations kubeconfig "shop"'),
        (["kubeconfig", "STACK=shop", "USER=jo"], '-m operations kubeconfig "shop" --user "jo"'),
        (["repair", "STACK=shop", "HOST=node1"], '-m operations repair "shop" "node1"'),
        (["preview-comment", "STACK=ci"], '-m operations preview-comment "ci" --empty-state'),
    ],
)
def test_what_was_given_is_handed_on_and_nothing_of_the_shell(arguments: list[str], run: str) -> None:
    """USER and KUBECONFIG are in most shells' environments."""
    finished = make(*arguments)
    assert finished.returncode == 0, finished.stderr
    assert " ".join(finished.stdout.replace("\\\n", " ").split()).endswith(run)
