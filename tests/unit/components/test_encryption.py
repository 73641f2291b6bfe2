"""Keys of Secrets: which are taken, how they travel, in which order API servers learn them, and what is refused."""

from __future__ import annotations

import base64
import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.host_files import encryption, kubeadm
from components.settings.stack_file import SettingsError, parse_settings
from tests.unit.support.planning import impossible, planned, state_of
from tests.unit.support.recording import Recording, encryption_key, record
from tests.unit.support.several import several
from tests.unit.support.stacks import Stack, only_problem, smallest

KEY = {name: encryption_key(name) for name in ("k1", "k2")}


def with_keys(stack: Stack, *names: str, **more: Any) -> Stack:
    """A stack with these keys, the first one of which encrypts."""
    stack["cluster"]["encryption"] = {"keys": [{"name": name, "secret": f"{name}Key"} for name in names], **more}
    return stack


def test_keys_reach_control_planes_only_and_nobody_sees_them(directory: Path) -> None:
    """Nor does a preview, or the state in clear."""
    run = record(with_keys(several(directory, "node1 node2"), "k2", "k1"), preview=False)
    line = f"k2 {KEY['k2']}\nk1 {KEY['k1']}\nidentity\n"
    assert {name for name, each in run.commands.items() if line in str(each.inputs.get("stdin"))} == {
        "node1/init",
        "node2/join",
    }
    for each, key in itertools.product(run.resources, KEY.values()):
        assert key not in each.shown


def test_every_api_server_reads_with_a_key_before_one_writes_with_it(directory: Path) -> None:
    """The second pass of the first control plane waits for the first pass of all; then one follows the other."""
    run = record(with_keys(several(directory, "node1 node2"), "k1"), preview=False)

    def needed(name: str) -> set[str]:
        urns = run.commands[name].request.dependencies
        return {urn.rpartition("::")[2].removeprefix("cluster/") for urn in urns}

    assert needed("node1/encryption") >= {"node1/init", "node2/join"}
    assert needed("node2/encryption") >= {"node1/encryption"}
    assert "node8/encryption" not in run.commands


def test_a_stack_without_keys_has_no_step_for_them(directory: Path) -> None:
    """Nothing changes for a switch that is off."""
    run = record(several(directory, "node1"), preview=False)
    assert not [name for name in run.commands if "encryption" in name]
    assert not run.commands["node1/init"].is_secret("stdin")


def test_a_rotation_changes_control_planes_and_nothing_else(directory: Path) -> None:
    """One edit."""
    before = record(with_keys(several(directory, "node1 node2"), "k1"), preview=False)
    stack = with_keys(several(directory, "node1 node2"), "k2", "k1")
    after = record(stack, preview=False, before=before)
    steps = {"node1/init", "node2/join", "node1/encryption", "node2/encryption"}
    assert after.changed_since(before) == steps
    (line,) = planned(stack, state_of(before))
    assert line.startswith("node1, node2: each API server restarts, and once more when all of them read with k2, k1")
    assert line.endswith(": every Secret is encrypted with k2")
    assert impossible(with_keys(several(directory, "node1 node2"), "k2"), state_of(after)) == []


@pytest.fixture
def encrypted(directory: Path) -> Recording:
    """Two control planes with a key."""
    return record(with_keys(several(directory, "node1 node2"), "k1"), preview=False)


def test_a_key_that_is_in_use_is_not_taken_away(directory: Path, encrypted: Recording) -> None:
    """Nothing is touched: each way out is named."""
    problems = impossible(with_keys(several(directory, "node1 node2"), "k2"), state_of(encrypted))
    assert problems == [
        f"cluster.encryption.keys: k1 is missing, and {name} writes Secrets with k1; write it back, the last one,"
        " `pulumi up`"
        for name in ("node1", "node2")
    ]
    problems = impossible(several(directory, "node1 node2"), state_of(encrypted))
    assert (
        "cluster.encryption: missing, and node1 writes Secrets with k1; write it back, with `enabled: false`"
        in problems[0]
    )


@pytest.mark.parametrize("names", [(), ("k1",)])
def test_keys_do_not_change_while_a_control_plane_leaves(directory: Path, names: tuple[str, ...]) -> None:
    """It serves until the update ends: it could not read what others write, and would write with the old key."""
    stack = several(directory, "node1 node2 node3")
    before = record(with_keys(stack, *names) if names else stack, preview=False)
    changed = with_keys(several(directory, "node1 node2"), "k2", *names)
    (problem,) = impossible(changed, state_of(before))
    assert problem.startswith("cluster.encryption: a control plane that leaves the stack serves until the update ends")
    assert problem.endswith("found node3; that takes two updates: write the line back, `pulumi up`, then delete it")
    with_line = record(with_keys(several(directory, "node1 node2 node3"), "k2", *names), preview=False, before=before)
    assert impossible(changed, state_of(with_line)) == []
    dead = several(directory, "node1 node2 node3")
    dead["hosts"]["node3"]["gone"] = True
    assert impossible(with_keys(dead, "k2", *names), state_of(before)) == []


def test_encryption_is_removed_once_all_is_decrypted(directory: Path, encrypted: Recording) -> None:
    """In two updates."""
    stack = with_keys(several(directory, "node1 node2"), "k1", enabled=False)
    decrypted = record(stack, preview=False, before=encrypted)
    assert "every Secret is decrypted" in planned(stack, state_of(encrypted))[0]
    assert impossible(several(directory, "node1 node2"), state_of(decrypted)) == []


@pytest.mark.parametrize("version", ["1.24.3", "1.36.3"])
def test_the_api_server_gets_the_path_of_its_keys(version: str) -> None:
    """In a volume of its own."""
    stack = with_keys(smallest(), "k1")
    stack["cluster"]["kubernetesVersion"] = version
    settings = parse_settings(stack)
    documents = yaml.safe_load_all(kubeadm.configuration(settings.control_planes[0], settings).content)
    server = next(each for each in documents if each["kind"] == "ClusterConfiguration")["apiServer"]
    assert "/etc/kubernetes/api-server/encryption.yaml" in str(server["extraArgs"])
    assert [each["hostPath"] for each in server["extraVolumes"]] == ["/etc/kubernetes/api-server"]


def test_contradictions_of_keys_are_refused() -> None:
    """Each in words."""
    assert "each key has a name of its own, found k1 twice" in only_problem(with_keys(smallest(), "k1", "k1"))
    stack = with_keys(smallest(), "k1", "k2")
    stack["cluster"]["encryption"]["keys"][1]["secret"] = "k1Key"  # noqa: S105
    assert "each key has a secret of its own, found k1Key twice" in only_problem(stack)
    assert "identity is Kubernetes' own name" in only_problem(with_keys(smallest(), "identity"))
    assert "cluster.encryption.keys" in only_problem(with_keys(smallest()))
    stack = with_keys(smallest(), "k1")
    argument = {"name": "encryption-provider-config", "value": "/own.yaml"}
    stack["cluster"]["clusterConfiguration"] = {"apiServer": {"extraArgs": [argument]}}
    assert "cluster.encryption sets encryption-provider-config, found both" in only_problem(stack)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "k1Key: missing, the key k1 of cluster.encryption, 32 random bytes in base64; set it: pulumi config set"),
        ({"k1Key": "not base64!"}, "k1Key: expected 32 bytes in base64, found something else; make one: openssl rand"),
        ({"k1Key": base64.b64encode(b"s" * 16).decode()}, "k1Key: expected 32 bytes in base64, found 16; make one"),
    ],
)
def test_a_key_that_is_none_is_refused_and_not_shown(values: dict[str, str], problem: str) -> None:
    """Before anything is touched."""
    with pytest.raises(SettingsError) as error:
        parse_settings(with_keys(smallest(), "k1"), others=values, secrets=set(values), values=values)
    assert [each[: len(problem)] for each in error.value.problems] == [problem]
    assert not any(value in str(error.value) for value in values.values())


def test_one_key_under_two_names_is_no_rotation() -> None:
    """And a key in plain text is none."""
    values = {"k1Key": KEY["k1"], "k2Key": KEY["k1"]}
    with pytest.raises(SettingsError, match="k2Key: the same key as k1Key, under another name"):
        parse_settings(with_keys(smallest(), "k1", "k2"), others=values, secrets=set(values), values=values)
    with pytest.raises(SettingsError, match=r"k1Key: in plain text; encrypt it: .*, and change the key"):
        parse_settings(with_keys(smallest(), "k1"), others={"k1Key"}, secrets=set(), values=values)


def test_a_program_of_others_is_told_which_key_is_none() -> None:
    """By its name, without the key."""
    settings = parse_settings(with_keys(smallest(), "k1"))
    with pytest.raises(ValueError, match=r"^key k1 of cluster.encryption: missing$"):
        encryption.encryption_files(settings, {})
    with pytest.raises(ValueError, match=r"^key k1 of cluster.encryption: expected 32 bytes in base64, found 3$"):
        encryption.encryption_files(settings, {"k1": "AAAA"})
