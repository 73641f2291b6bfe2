"""What a cluster is known by: an identity that is minted once, resources below one component, names that stay."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components.cluster import Cluster
from components.lifetime import NOT_MINTED, identity_of
from components.settings.stack_file import SettingsError, parse_settings
from components.steps.last_update import LastUpdate, last_update_of, load_last_update
from components.steps.step import StepName
from tests.unit.support import recording
from tests.unit.support.golden import assert_golden
from tests.unit.support.recording import Recording, Registered, record, stack_of
from tests.unit.support.stacks import SECRET_CREATOR, full, smallest


@pytest.fixture(scope="module")
def before(directory: Path) -> Recording:
    """One control plane and two workers, with a role of the stack's own, up."""
    stack = stack_of(directory, "node2", "node3") | {"access": {"roles": [SECRET_CREATOR]}}
    return record(stack, preview=False)


def identity(run: Recording) -> str:
    """The identity that a run keeps in the state."""
    return str(stash_of(run).inputs["input"])


def stash_of(run: Recording) -> Registered:
    """Where a run keeps the identity."""
    (found,) = [each for each in run.of_type("pulumi:index:Stash") if each.name == "identity"]
    return found


def test_two_clusters_of_the_same_names_have_two_identities(directory: Path, before: Recording) -> None:
    """As in two organisations, or in two private backends: names say nothing of the machines."""
    other = record(stack_of(directory, "node2", "node3"), preview=False)
    assert identity(other) != identity(before)
    assert len(identity(other)) == 16


def test_an_identity_is_minted_once(directory: Path, before: Recording) -> None:
    """Every later update reads it back."""
    assert identity(record(stack_of(directory, "node2", "node3"), preview=False, before=before)) == identity(before)


def test_the_preview_of_an_empty_stack_mints_nothing(directory: Path) -> None:
    """It is the same text in each preview, or comments of pull requests would differ in it."""
    assert identity(record(stack_of(directory, "node2"), preview=True)) == NOT_MINTED


def test_the_identity_is_in_the_state_before_a_machine_is_touched(before: Recording) -> None:
    """An update that fails at its first machine has marked that machine: the next update has to know the mark."""
    stash = stash_of(before)
    prepared = [each for name, each in before.commands.items() if name.endswith("/prepare")]
    assert prepared
    assert all(stash.urn in each.request.dependencies for each in prepared)


def test_a_stack_whose_state_was_lost_takes_its_cluster_over_by_its_identity() -> None:
    """The machines name it when they refuse; another one than that of the state is refused."""
    stack = smallest()
    stack["cluster"]["id"] = "0123456789abcdef"
    assert identity_of(parse_settings(stack), LastUpdate()) == "0123456789abcdef"
    stack["cluster"]["id"] = "name"
    with pytest.raises(SettingsError, match=r"cluster\.id: expected 16 hexadecimal digits"):
        parse_settings(stack)


def renamed(state: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """A state in which every URN has another stack or project, as `pulumi stack rename` leaves it."""
    return {urn.replace(f"urn:pulumi:{old}::", f"urn:pulumi:{new}::", 1): each for urn, each in state.items()}


def test_a_renamed_stack_has_the_same_last_update(before: Recording) -> None:
    """Nothing that is remembered holds a name of a stack or of a project."""
    state = recording.state_of(before.resources)
    assert last_update_of("cluster", renamed(state, "test", "production")) == last_update_of("cluster", state)
    remembered = json.dumps([each.inputs for each in before.resources])
    assert "kubeadm/test" not in remembered
    assert "/test/" not in remembered


def test_resources_of_others_in_the_stack_are_passed_over(before: Recording) -> None:
    """A foreign command, even without standard input, and one that has the name of a step."""
    state = recording.state_of(before.resources)
    foreign = {
        "urn:pulumi:test::kubeadm::command:remote:Command::backup": {"create": "true"},
        "urn:pulumi:test::kubeadm::command:remote:Command::cluster/node9/init": {"stdin": "", "connection": {}},
        "urn:pulumi:test::kubeadm::my:index:Thing$command:remote:Command::cluster/node8/init": {},
        "urn:pulumi:test::kubeadm::kubeadm:index:Cluster$command:remote:Command::cluster/backup": {},
    }
    with_foreign = state | {urn: {"type": "command:remote:Command", "outputs": each} for urn, each in foreign.items()}
    assert last_update_of("cluster", with_foreign) == last_update_of("cluster", state)


def test_resources_of_one_name_are_told_apart_by_their_types(directory: Path) -> None:
    """The engine gives the state in any order; a namespace, a host or an account may have the name of another."""
    stack = stack_of(directory, "node2", "identity")
    stack["hosts"]["node2"]["labels"] = stack["hosts"]["identity"]["labels"] = {"zone": "a"}
    stack["images"]["pullSecretNamespaces"] = ["identity"]
    stack["access"] = {"serviceAccounts": [{"name": "join", "namespace": "node2"}]}
    run = record(stack, preview=False)
    state = recording.state_of(run.resources)
    found = last_update_of("cluster", state)
    assert found.identity == identity(run)
    assert found.is_member("node2")
    assert found.objects["", "NodePatch", "identity"]["metadata"]["labels"] == {"zone": "a"}
    for order in (sorted(state), sorted(state, reverse=True)):
        assert last_update_of("cluster", {urn: state[urn] for urn in order}) == found


def test_the_name_of_a_cluster_has_no_slash(directory: Path) -> None:
    """A cluster `a` would read what a cluster `a/b` left."""
    settings = parse_settings(smallest())
    with pytest.raises(ValueError, match="found 'a/b'"):
        Cluster("a/b", settings)


def test_a_program_that_leaves_out_a_password_is_refused_before_anything_is_touched(directory: Path) -> None:
    """The names of the settings say which; an update would end in the middle, or pull without a login."""
    stack = full(directory)
    login = {"url": "https://apt.example.com/", "keyring": "https://apt.example.com/key", "username": "robot"}
    stack["packages"] = {"repository": {**login, "fingerprint": "A" * 40}}
    settings = parse_settings(stack)
    with pytest.raises(ValueError, match=r"^registry_passwords of the cluster \S+ lacks hub\.example\.com$"):
        Cluster("cluster", settings)
    with pytest.raises(ValueError, match=r"^repository_passwords of the cluster \S+ lacks apt\.example\.com$"):
        Cluster("cluster", settings, registry_passwords={"hub.example.com": "x"})


def test_a_cluster_reads_nothing_of_another_one(before: Recording) -> None:
    """Also where the name of one begins with that of the other, and where both have hosts of the same name."""
    state = recording.state_of(before.resources)
    other = {urn.replace("::cluster/", "::cluster-2/"): each for urn, each in state.items()}
    assert last_update_of("cluster", state | other) == last_update_of("cluster", state)
    assert last_update_of("cluster-2", state | other).hosts_with(StepName.PREPARE) == ["node1", "node2", "node3"]
    assert last_update_of("clust", state | other) == LastUpdate()


def test_the_order_in_which_hosts_were_done_is_of_no_account(before: Recording) -> None:
    """Hosts are prepared side by side, and messages about them stay the same."""
    state = recording.state_of(before.resources)
    backwards = dict(reversed(state.items()))
    for each in (state, backwards):
        assert last_update_of("cluster", each).hosts_with(StepName.PREPARE) == ["node1", "node2", "node3"]


def test_the_names_that_the_state_remembers_stay(before: Recording) -> None:
    """Golden: another URN makes a resource anew; a change of this list needs an alias in the program."""
    assert_golden("urns.txt", "".join(f"{urn}\n" for urn in sorted(each.urn for each in before.resources)))


def test_what_a_step_is_recorded_with_stays(before: Recording) -> None:
    """Golden: variables that a recorded command gives to its scripts, at a removal or in `make drift`."""
    recorded = last_update_of("cluster", recording.state_of(before.resources))
    lines = [
        f"{host}/{name} {' '.join(sorted(each.inputs.values))}\n  {' '.join(each.stdin.splitlines()[-1:])}\n"
        for (host, name), each in sorted(recorded.steps.items())
    ]
    assert_golden("recorded-steps.txt", "".join(lines))


def test_a_state_of_which_pulumi_says_nothing_is_not_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster would be a new one, with another identity."""
    for name in ("get_organization", "get_project", "get_stack"):
        monkeypatch.setattr(pulumi, name, lambda: "dev")
    monkeypatch.setattr(pulumi.runtime, "invoke", lambda *_: SimpleNamespace(value=None))
    with pytest.raises(pulumi.RunError, match="saw an answer of Pulumi without them"):
        load_last_update("dev")
