"""The whole program, of a stack with one control plane, two workers and a private registry with a password."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks

from components.addons import fetching, manifests
from components.objects.pull_secrets import docker_config
from components.settings import Settings
from components.settings.stack_file import parse_settings
from components.steps.remote import CREATE, DELETE, VERIFY
from components.steps.result import END, RESULT
from tests.unit.support import recording
from tests.unit.support.recording import Recording, record, stack_of
from tests.unit.support.stacks import CALICO_OBJECTS, KEY, only_problem, smallest

CANARIES = {
    "registry password": recording.PASSWORD,
    "registry login": base64.b64encode(f"robot:{recording.PASSWORD}".encode()).decode(),
    "private key": recording.PRIVATE_KEY,
    "join token": recording.TOKEN,
    "admin.conf": recording.ADMIN,
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stack's files are; every test of this module sees the same ones."""
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="module", autouse=True)
def _no_cache_of_its_own(directory: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching, "CACHE", directory / "cache")
        yield


@pytest.fixture(scope="module")
def applied(directory: Path) -> Recording:
    """As `pulumi up` runs it."""
    return record(stack_of(directory, "node2", "node3"), preview=False)


@pytest.fixture(scope="module")
def previewed(directory: Path) -> Recording:
    """As `pulumi preview` runs it on an empty stack: no machine has answered."""
    return record(stack_of(directory, "node2", "node3"), preview=True)


@pytest.fixture(scope="module", params=["applied", "previewed"])
def run(request: pytest.FixtureRequest) -> Recording:
    """Both."""
    found: Recording = request.getfixturevalue(request.param)
    return found


def test_each_host_has_few_commands(run: Recording) -> None:
    """Each is a connection and a line in every preview."""
    assert sorted(run.commands) == [
        "access/kubeconfig",
        "node1/images",
        "node1/init",
        "node1/prepare",
        "node2/images",
        "node2/join",
        "node2/membership",
        "node2/prepare",
        "node3/images",
        "node3/join",
        "node3/membership",
        "node3/prepare",
    ]


def test_a_preview_shows_every_resource_that_up_makes(applied: Recording, previewed: Recording) -> None:
    """Nothing hides behind an output that is not known yet."""
    assert sorted(each.urn for each in previewed.resources) == sorted(each.urn for each in applied.resources)


def test_every_object_of_the_calico_manifest_is_a_resource(run: Recording) -> None:
    """In a preview too, and each below the network."""
    found = {each.name for each in run.resources if "kubeadm:index:Calico$kubernetes:" in each.urn}
    assert found == CALICO_OBJECTS


def test_no_two_resources_share_a_urn(run: Recording) -> None:
    """The engine would refuse the second."""
    urns = [each.urn for each in run.resources]
    assert len(urns) == len(set(urns))


def test_what_is_run_on_a_host_never_changes(run: Recording) -> None:
    """A changed `create` would run on every host again; what differs travels in standard input."""
    assert {each.inputs["create"] for each in run.commands.values()} == {CREATE}
    assert not [name for name, each in run.commands.items() if {"triggers", "environment"} & set(each.inputs)]


def test_only_a_host_that_leaves_and_its_node_have_something_to_undo(run: Recording) -> None:
    """And when the whole cluster goes, they are forgotten with it, without a visit."""
    undone = {name: each for name, each in run.commands.items() if "delete" in each.inputs}
    assert sorted(undone) == ["node2/membership", "node2/prepare", "node3/membership", "node3/prepare"]
    assert {each.inputs["delete"] for each in undone.values()} == {DELETE}
    (lifetime,) = run.of_type("kubeadm:index:Lifetime")
    assert {each.request.deletedWith for each in undone.values()} == {lifetime.urn}
    assert {each.inputs["stdin"].splitlines()[-1] for each in undone.values()} == {
        "run_step prepare reset",
        "run_step membership leave",
    }


def test_a_node_is_taken_out_of_the_cluster_before_its_machine_is_reset(run: Recording) -> None:
    """Deletion goes against dependencies: what drains depends on what resets."""
    urns = {each.name: each.urn for each in run.resources}
    for worker in ("node2", "node3"):
        assert urns[f"{worker}/prepare"] in run.commands[f"{worker}/membership"].request.dependencies


def test_only_init_and_join_verify_on_a_change(run: Recording) -> None:
    """They may never start over; the others do the same thing again."""
    updates = {name: each.inputs["update"] for name, each in run.commands.items() if "update" in each.inputs}
    assert updates == dict.fromkeys(["node1/init", "node2/join", "node3/join"], VERIFY)


def test_every_command_has_the_options_that_keep_secrets_and_machines_safe(run: Recording) -> None:
    """Standard output is not logged and not handed on; a replacement is refused before the old command is deleted."""
    for name, each in run.commands.items():
        assert each.inputs["logging"] == "stderr", name
        assert each.inputs["addPreviousOutputInEnv"] is False, name
        assert not each.request.deleteBeforeReplace, name
        assert list(each.request.hooks.on_error) == ["cluster/connection"]


def test_every_connection_checks_the_host_key_and_is_secret(run: Recording) -> None:
    """Each host has its own key."""
    addresses = {
        "node1": ("192.0.2.11", f"{KEY}1"),
        "node2": ("192.0.2.12", f"{KEY}12"),
        "node3": ("192.0.2.13", f"{KEY}13"),
    }
    for name, each in run.commands.items():
        host = "node1" if name.endswith(("/membership", "/kubeconfig")) else name.partition("/")[0]
        connection = each.inputs["connection"]
        assert (connection["host"], connection["hostKey"]) == addresses[host], name
        assert connection["user"] == "admin"
        assert connection["privateKey"] == recording.PRIVATE_KEY
        assert each.is_secret("connection"), name


@pytest.mark.parametrize("canary", CANARIES)
def test_no_secret_is_in_an_input_that_is_shown(run: Recording, canary: str) -> None:
    """Neither in commands nor in objects, nor in the provider."""
    assert [each.urn for each in run.resources if CANARIES[canary] in each.shown] == []


def test_the_secrets_are_there_where_they_belong(applied: Recording) -> None:
    """The test above would prove nothing if they had got lost on the way."""
    assert CANARIES["registry login"] in applied.commands["node2/images"].inputs["stdin"]
    assert recording.TOKEN in applied.commands["node2/join"].inputs["stdin"]
    (provider,) = applied.of_type("pulumi:providers:kubernetes")
    assert recording.ADMIN in provider.inputs["kubeconfig"]
    (secret,) = [each for each in applied.resources if each.name == "shop/registry-credentials"]
    assert recording.PASSWORD in secret.inputs["stringData"][".dockerconfigjson"]


def registries_of(settings: Settings, namespace: str) -> set[str]:
    """Registries whose passwords a namespace gets."""
    return set(json.loads(docker_config(settings, namespace, {"a.test": "x", "b.test": "y"}))["auths"])


def test_a_namespace_gets_the_passwords_of_the_registries_that_it_names() -> None:
    """Whoever may make pods in it reads them. A list of namespaces gives all of them to each."""
    stack = smallest() | {"containerd": {"registries": {f"{name}.test": {"username": "robot"} for name in "ab"}}}
    both = parse_settings(stack | {"images": {"pullSecretNamespaces": ["shop"]}})
    assert registries_of(both, "shop") == {"a.test", "b.test"}
    named = parse_settings(stack | {"images": {"pullSecretNamespaces": {"shop": ["a.test"], "ci": ["b.test"]}}})
    assert (registries_of(named, "shop"), registries_of(named, "ci")) == ({"a.test"}, {"b.test"})
    stack["containerd"]["registries"]["c.test"] = {}
    problem = only_problem(stack | {"images": {"pullSecretNamespaces": {"shop": ["c.test"]}}})
    assert problem.startswith("images.pullSecretNamespaces.shop: expected registries with a username")
    assert problem.endswith("which are a.test, b.test, found 'c.test'")


def test_what_token_and_kubeconfig_print_is_secret(run: Recording) -> None:
    """Of these two commands, and of no other that a person wants to read."""
    secret = {name for name, each in run.commands.items() if "stdout" in each.request.additionalSecretOutputs}
    assert secret == {"access/kubeconfig", "node2/membership", "node3/membership"}


def test_the_lines_of_prepared_files_are_shown(run: Recording) -> None:
    """Of shared files and of those of a host; their diff is what a person reviews."""
    (shared,) = [each for each in run.of_type("pulumi:index:Stash") if each.name == "host-files"]
    assert "net.ipv4.ip_forward = 1" in shared.shown
    assert "kind: JoinConfiguration" in run.commands["node2/prepare"].shown


def test_the_exported_kubeconfig_is_a_secret(applied: Recording) -> None:
    """`pulumi stack output` hides it."""

    async def secret() -> bool:
        return await applied.outputs["kubeconfig"].is_secret()

    assert pulumi.runtime.sync_await._sync_await(secret())


def test_the_provider_is_known_by_the_identity_of_the_cluster_and_not_by_its_kubeconfig(run: Recording) -> None:
    """A renewed certificate, or another name of the stack, would otherwise replace every object of the cluster."""
    (provider,) = run.of_type("pulumi:providers:kubernetes")
    (identity,) = [each for each in run.of_type("pulumi:index:Stash") if each.name == "identity"]
    assert provider.inputs["clusterIdentifier"] == identity.inputs["input"]


def test_objects_that_are_there_already_are_taken_over_with_every_sdk(run: Recording) -> None:
    """A namespace that stayed, a restored snapshot, a lost state: SDKs from 4.29 on refuse them by default."""
    (provider,) = run.of_type("pulumi:providers:kubernetes")
    sdk = tuple(int(number) for number in importlib.metadata.version("pulumi-kubernetes").split(".")[:2])
    assert ("upsertExistingObjects" in provider.inputs) == (sdk >= (4, 29))
    assert str(provider.inputs.get("upsertExistingObjects", "true")).lower() == "true"


def test_every_object_uses_the_provider_of_the_cluster(run: Recording) -> None:
    """The default provider would take the operator's own cluster."""
    (provider,) = run.of_type("pulumi:providers:kubernetes")
    objects = [each for each in run.resources if each.request.type.startswith("kubernetes:")]
    assert objects
    assert {each.request.provider.rpartition("::")[0] for each in objects} == {provider.urn}


def test_objects_of_manifests_have_a_field_manager_that_outlives_a_killed_update(run: Recording) -> None:
    """And keep the annotations that their manifest gives them."""
    objects = [each for each in run.resources if re.search(r":index:(Calico|Dashboard)\$kubernetes:", each.urn)]
    assert len(objects) > len(CALICO_OBJECTS)
    managers = {each.inputs["metadata"]["annotations"]["pulumi.com/patchFieldManager"] for each in objects}
    assert managers == {"pulumi-kubeadm"}


def test_a_join_waits_for_its_own_token_and_for_the_network(run: Recording) -> None:
    """And a token for a running control plane and a prepared machine."""
    urns = {each.name: each.urn for each in run.resources}
    (configured,) = [each for each in run.resources if each.name == "calico/configured"]
    assert urns["ConfigMap:kube-system/calico-config"] in configured.request.dependencies
    for worker, other in (("node2", "node3"), ("node3", "node2")):
        join = run.commands[f"{worker}/join"].request
        needed = {urns[f"{worker}/membership"], urns["access/kubeconfig"]}
        assert set(join.propertyDependencies["stdin"].urns) == needed
        token = run.commands[f"{worker}/membership"].request
        assert {urns["node1/init"], urns[f"{worker}/images"], urns["calico/configured"]} <= set(token.dependencies)
        assert not {urns[f"{other}/join"], urns[f"{other}/membership"]} & {*join.dependencies, *token.dependencies}


def test_workers_do_not_wait_for_calico_pods(run: Recording) -> None:
    """Its pods need nodes: each would wait for the other."""
    waited = set(run.commands["node2/join"].request.dependencies)
    assert not [urn for urn in waited if "DaemonSet" in urn or "Deployment" in urn]


def test_images_of_every_object_come_from_the_private_registry(applied: Recording) -> None:
    """Calico, metrics-server and the dashboard; kubeadm's own are in its configuration."""
    images = {
        container["image"]
        for each in applied.resources
        if each.request.type.startswith("kubernetes:apps/")
        for container in manifests.containers(each.inputs)
    }
    assert len(images) == 6
    assert {image.partition("/")[0] for image in images} == {"hub.example.com"}


def test_a_definition_that_a_newer_calico_lacks_stays(tmp_path: Path) -> None:
    """Deleting it would delete everything of its kind."""
    stack = stack_of(tmp_path)
    definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: tiers}\n"
    definition += "spec: {group: example.com, names: {kind: Tier}}\n"
    manifest = f"{(tmp_path / 'manifest.yaml').read_text()}---\n{definition}"
    (tmp_path / "manifest.yaml").write_text(manifest)
    stack["calico"]["manifestSha256"] = hashlib.sha256(manifest.encode()).hexdigest()
    run = record(stack, preview=False)
    (found,) = [each for each in run.resources if each.name == "CustomResourceDefinition:tiers"]
    assert found.request.retainOnDelete
    assert not any(each.request.retainOnDelete for each in run.of_type("kubernetes:apps/v1:DaemonSet"))


def test_the_state_holds_no_stack_trace(run: Recording) -> None:
    """The SDK would add some fifteen frames to each resource; a newer SDK may do it in another way."""
    assert not [each.name for each in run.resources if each.request.stackTrace.frames]


def test_services_are_not_waited_for(applied: Recording) -> None:
    """The provider would watch their endpoints for ten seconds; their deployments are waited for."""
    services = applied.of_type("kubernetes:core/v1:Service")
    assert services
    assert all(each.inputs["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true" for each in services)
    deployments = applied.of_type("kubernetes:apps/v1:Deployment")
    assert not any("pulumi.com/skipAwait" in each.inputs["metadata"]["annotations"] for each in deployments)


def test_calico_gets_the_pod_network_of_the_stack(applied: Recording) -> None:
    """A variable that the manifest sets otherwise is replaced, not repeated."""
    (daemon_set,) = applied.of_type("kubernetes:apps/v1:DaemonSet")
    node = next(each for each in manifests.containers(daemon_set.inputs) if each["name"] == "calico-node")
    assert {variable["name"]: variable["value"] for variable in node["env"]} == {
        "FELIX_HEALTHENABLED": "true",
        "CALICO_IPV4POOL_VXLAN": "Always",
        "CALICO_IPV4POOL_CIDR": "10.244.0.0/16",
        "IP_AUTODETECTION_METHOD": "kubernetes-internal-ip",
    }
    assert len(node["env"]) == 4


def test_what_a_login_prints_reaches_no_kubeconfig_and_no_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .bashrc that prints comes before whatever a step returns, also in the state of the last update."""
    first = record(stack_of(tmp_path, "node2"), preview=False)
    again = record(stack_of(tmp_path, "node2"), preview=False, before=first)
    printed = recording._Machines._printed
    monkeypatch.setattr(
        recording._Machines, "_printed", staticmethod(lambda name: f"Welcome!\n{RESULT}{printed(name)}{END}")
    )
    noisy = record(stack_of(tmp_path, "node2"), preview=False, before=first)
    assert noisy.changed_since(again) == set()


def test_a_host_registers_no_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi writes the whole state for each registration of outputs, which has to stay the cluster's alone."""
    registered: list[str] = []
    answer: Any = mocks.MockMonitor.RegisterResourceOutputs

    def registers(monitor: mocks.MockMonitor, request: Any) -> Any:
        registered.append(request.urn)
        return answer(monitor, request)

    monkeypatch.setattr(mocks.MockMonitor, "RegisterResourceOutputs", registers)
    record(stack_of(tmp_path, "node2"), preview=False)
    assert [urn for urn in registered if "Cluster::" in urn]
    assert not [urn for urn in registered if "Worker::" in urn or "PreparedHost::" in urn]
