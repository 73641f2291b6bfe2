"""A stack file is taken whole, or refused with everything that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components.settings import Settings
from components.settings._patterns import WORDS
from components.settings.stack_file import SECTIONS, SettingsError, load_settings, parse_settings
from local.paths import REPOSITORY
from tests.unit.support.stacks import full, only_problem, problems, smallest, with_workers


def test_the_smallest_stack_needs_a_name_and_one_control_plane() -> None:
    """Everything else has a default."""
    settings = parse_settings(smallest())
    assert settings.control_planes[0].name == "node1"
    assert settings.workers == []
    assert settings.pause_image == "registry.k8s.io/pause:3.10.2"


@pytest.mark.parametrize("section", ["cluster", "hosts"])
def test_a_stack_without_a_needed_section_is_refused(section: str) -> None:
    """Cluster and hosts have no default."""
    stack = smallest()
    del stack[section]
    assert only_problem(stack) == f"{section}: missing"


def test_all_problems_are_reported_at_once_each_with_its_path() -> None:
    """Nobody has to mend a stack file one problem at a time."""
    stack = with_workers("node2")
    stack["cluster"]["kubernetesVersion"] = "1.99.0"
    stack["hosts"]["node2"]["address"] = "192.0.2.300"
    stack["calico"] = {"mtu": "large"}
    stack["dashboards"] = {}
    found = problems(stack)
    paths = [problem.partition(": ")[0] for problem in found]
    assert paths == ["cluster.kubernetesVersion", "hosts.node2.address", "calico.mtu", "dashboards"]
    with pytest.raises(SettingsError) as error:
        parse_settings(stack)
    assert all(problem in str(error.value) for problem in found)
    assert "nothing was touched" in str(error.value)


def test_contradictions_are_reported_at_once_too() -> None:
    """Those that no field can tell alone."""
    stack = with_workers("node2", "node3")
    stack["hosts"]["node1"]["role"] = "worker"
    stack["hosts"]["node3"]["address"] = stack["hosts"]["node2"]["address"]
    stack["calico"] = {"manifestUrl": "https://example.com/calico.yaml"}
    found = problems(stack)
    assert any("at least one host needs `role: control-plane`, found none" in problem for problem in found)
    assert any("node2 and node3 have the same address 192.0.2.12" in problem for problem in found)
    assert "calico: manifestUrl and manifestSha256 go together" in found


def test_no_hosts_at_all_are_refused() -> None:
    """An empty mapping is not the same as a missing one."""
    assert "found none" in only_problem({**smallest(), "hosts": {}})


@pytest.mark.parametrize("name", ["missing", "x" * 5000, "nul\0"])
def test_a_file_that_cannot_be_there_is_refused(tmp_path: Path, name: str) -> None:
    """Too long a name raises in the operating system, not in the validation."""
    stack = {**smallest(), "ssh": {"knownHostsFile": f"{tmp_path}/{name}"}}
    assert only_problem(stack).startswith("ssh.knownHostsFile: ")


@pytest.mark.parametrize("version", ["1.23.17", "1.38.0", "v1.36.3", "1.36", "2.36.3", "1.36.3-1.1", "1.3\u0666.3"])
def test_an_unknown_version_is_refused(version: str) -> None:
    """Digits of other scripts are no digits here."""
    stack = smallest()
    stack["cluster"]["kubernetesVersion"] = version
    assert only_problem(stack).startswith("cluster.kubernetesVersion: ")


@pytest.mark.parametrize("version", ["1.24.3", "1.31.0", "1.36.3", "1.37.0"])
def test_a_known_version_is_taken(version: str) -> None:
    """From the oldest to the newest."""
    stack = smallest()
    stack["cluster"]["kubernetesVersion"] = version
    assert parse_settings(stack).cluster.kubernetes_version == version


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ((), "clutser"),
        (("cluster",), "kubernetesversion"),
        (("cluster", "networking"), "podsubnet"),
        (("hosts", "node1"), "ip"),
    ],
)
def test_an_unknown_key_is_refused_where_it_stands(place: tuple[str, ...], key: str) -> None:
    """A misspelt key would otherwise be a default that nobody asked for."""
    stack = smallest()
    stack["cluster"]["networking"] = {}
    inner = stack
    for part in place:
        inner = inner[part]
    inner[key] = "x"
    assert only_problem(stack).startswith(f"{'.'.join((*place, key))}: unknown key; ")


@pytest.mark.parametrize(
    ("place", "key", "meant"),
    [
        ((), "calcio", "calico"),
        (("cluster",), "kubernetesversion", "kubernetesVersion"),
        (("cluster", "networking"), "podSubnets", "podSubnet"),
        (("hosts", "node1"), "nodeIP", "nodeIp"),
        (("packages", "repository"), "fingerprnt", "fingerprint"),
    ],
)
def test_a_misspelt_key_is_answered_with_the_nearest_known_one(place: tuple[str, ...], key: str, meant: str) -> None:
    """At every depth, whatever the case of its letters."""
    stack = smallest()
    inner = stack
    for part in place:
        inner = inner.setdefault(part, {})
    inner[key] = "x"
    path = ".".join((*place, key))
    assert f"{path}: unknown key; did you mean `{meant}`?" in problems(stack)


def test_a_key_like_no_other_is_answered_with_the_known_ones() -> None:
    """So that nobody has to look for the reference."""
    stack = {**smallest(), "images": {"zzz": 1}}
    assert only_problem(stack) == "images.zzz: unknown key; known are pullSecretNamespaces, rewrite"


def test_a_number_in_place_of_a_text_is_answered_with_the_form_of_the_text() -> None:
    """In quotes alone it would be refused again."""
    stack = smallest()
    stack["cluster"]["kubernetesVersion"] = 1.36
    assert only_problem(stack) == (
        "cluster.kubernetesVersion: expected a version such as 1.36.3, without a leading v, as text; a number or a word"
        " such as yes becomes text in quotes, found 1.36"
    )


def test_a_host_key_that_a_page_cut_short_is_answered_with_its_form() -> None:
    """As the tutorials print it."""
    stack = smallest()
    stack["hosts"]["node1"]["hostKey"] = "ssh-ed25519 AAAA..."
    assert only_problem(stack).startswith("hosts.node1.hostKey: expected a whole public key")


def test_the_project_leaves_each_section_to_the_program() -> None:
    """The engine would stop at a missing one, and say nothing of its misspelt name."""
    declared = yaml.safe_load((REPOSITORY / "Pulumi.yaml").read_text())["config"]
    sections = {name: value for name, value in declared.items() if ":" not in name}
    assert sections.keys() == set(SECTIONS)
    assert {name for name, value in sections.items() if value["type"] != "object" or value["default"] != {}} == set()


def test_a_misspelt_section_is_refused() -> None:
    """As the engine hands it over: by name only."""
    with pytest.raises(SettingsError) as error:
        parse_settings(smallest(), others={"calcio"})
    assert error.value.problems == ["calcio: unknown key; did you mean `calico`?"]


def test_a_path_that_was_set_as_a_name_is_answered_with_the_option() -> None:
    """Pulumi takes the dots of `pulumi config set` for a part of the name, but with `--path`."""
    with pytest.raises(SettingsError) as error:
        parse_settings(smallest(), others={"hosts.node1.labels.rack"})
    (problem,) = error.value.problems
    assert problem == (
        "hosts.node1.labels.rack: unknown key; it was set without --path: pulumi config rm hosts.node1.labels.rack,"
        " then pulumi config set --path 'hosts.node1.labels.rack' with its value"
    )


def test_a_misspelt_section_is_named_beside_what_is_missing_without_it() -> None:
    """As the engine hands it over; a secret may have any name."""
    stack = smallest()
    del stack["cluster"]
    with pytest.raises(SettingsError) as error:
        parse_settings(stack, others={"clutser", "hostsKey"}, secrets={"hostsKey"})
    assert error.value.problems == ["cluster: missing", "clutser: unknown key; did you mean `cluster`?"]


@pytest.mark.parametrize(
    ("others", "secrets", "problem"),
    [
        (set(), set(), "registryPassword: missing, the password of image registry hub.example.com; set it: "),
        ({"registryPassword"}, set(), "registryPassword: in plain text; encrypt it: "),
    ],
)
def test_a_registry_password_has_to_be_there_and_encrypted(
    tmp_path: Path, others: set[str], secrets: set[str], problem: str
) -> None:
    """Pulumi.yaml cannot demand it: `secret: true` would make it obligatory for stacks without a login too."""
    with pytest.raises(SettingsError) as error:
        parse_settings(full(tmp_path), others=others, secrets=secrets)
    (found,) = error.value.problems
    assert found.startswith(problem + "pulumi config set --secret registryPassword")
    parse_settings(full(tmp_path), others={"registryPassword"}, secrets={"registryPassword"})


@pytest.mark.parametrize("section", ["cluster", "hosts", "ssh", "calico"])
def test_an_encrypted_section_is_refused_without_its_values(section: str) -> None:
    """Pulumi hands it over in clear; every other problem would repeat what was found."""
    stack = smallest() | {"ssh": {"user": "Canary!"}, "calico": {"mtu": "Canary!"}}
    stack["cluster"]["clusterConfiguration"] = {"apiServer": {"extraArgs": "Canary!"}}
    with pytest.raises(SettingsError) as error:
        parse_settings(stack, secrets={section})
    (found,) = error.value.problems
    assert found.startswith(f"{section}: encrypted, or a setting in it is, found `secure:`; ")
    assert "Canary" not in str(error.value)


def test_an_encrypted_setting_in_a_plain_section_is_refused() -> None:
    """As Pulumi hands it over, and as it stands in the file, which operations read."""
    stack = smallest()
    stack["cluster"]["clusterConfiguration"] = {"apiServer": {"extraVolumes": [{"name": "canary"}]}}
    parse_settings(stack, secrets=set())
    with pytest.raises(SettingsError, match="cluster: encrypted"):
        parse_settings(stack, secrets={"cluster"})
    stack["cluster"]["clusterConfiguration"] = {"apiServer": {"extraVolumes": [{"name": {"secure": "v1:x:y"}}]}}
    assert only_problem(stack).startswith("cluster: encrypted")


def test_the_engine_says_which_sections_are_encrypted() -> None:
    """The name of each secret comes beside the settings in clear."""
    config = {f"{pulumi.get_project()}:{section}": json.dumps(value) for section, value in smallest().items()}
    pulumi.runtime.set_all_config(config)
    assert load_settings().cluster.name == "dev"
    pulumi.runtime.set_all_config(config, [f"{pulumi.get_project()}:hosts"])
    with pytest.raises(SettingsError, match="hosts: encrypted"):
        load_settings()


def test_a_password_in_the_wrong_place_is_not_repeated() -> None:
    """It is a likely mistake, and messages end up in logs."""
    stack = {**smallest(), "containerd": {"registries": {"hub.example.com": {"password": "swordfish"}}}}
    problem = only_problem(stack)
    assert problem.startswith("containerd.registries.hub.example.com.password: ")
    assert "swordfish" not in problem


def test_the_home_directory_of_nobody_is_refused() -> None:
    """In any file name."""
    stack = {**smallest(), "ssh": {"privateKeyFile": "~nobody-of-this-name/key"}}
    assert only_problem(stack).startswith("ssh.privateKeyFile: there is no such user")


def test_every_pattern_of_a_setting_is_said_in_words() -> None:
    """An error never shows a regular expression."""
    assert set(patterns_of(Settings.model_json_schema())) == set(WORDS)


@pytest.mark.parametrize(
    ("section", "value", "problem"),
    [
        ("hosts", 5, "hosts: expected a mapping of names to values, found 5"),
        ("hosts", {"node1": []}, "hosts.node1: expected a mapping of names to values, found []"),
        ("hosts", ["node1"], "hosts: expected a mapping of names to values, found ['node1']"),
        ("cluster", {"name": "dev", "kubernetesVersion": 1.36}, "quotes, found 1.36"),
        (
            "cluster",
            {"name": "dev", "networking": {"podSubnet": "10.1.0.0"}},
            "a network has a length, such as 10.1.0.0/16",
        ),
        ("cluster", {"name": "dev", "controlPlaneEndpoint": "api.example.com:65536"}, "found 'api.example.com:65536'"),
        ("system", {"sysctl": {"vm.swappiness": []}}, "system.sysctl.vm.swappiness: expected a whole number or text"),
        ("policy", {"drainTimeoutSeconds": "5m"}, "policy.drainTimeoutSeconds: expected a whole number, found '5m'"),
        ("dashboard", {"nodePort": 80}, "dashboard.nodePort: expected 30000 to 32767, the API server's"),
        (
            "calico",
            {"version": "3.99.0"},
            (
                "calico.version: expected 3.26.5 or 3.28.5 or 3.29.7 or 3.30.7 or 3.31.0 or 3.31.7 or 3.32.1,"
                " found '3.99.0'"
            ),
        ),
        (
            "packages",
            {"repository": {"url": "https://x", "keyring": 1, "fingerprint": "A" * 40}},
            "packages.repository.keyring: ",
        ),
    ],
)
def test_a_value_that_is_wrong_is_answered_in_words(section: str, value: object, problem: str) -> None:
    """Once, with what is expected and what was found."""
    assert problem in only_problem({**smallest(), section: value})


def test_a_host_name_that_is_wrong_is_one_problem() -> None:
    """It is a key and a field."""
    stack = smallest()
    stack["hosts"]["Node1"] = stack["hosts"].pop("node1")
    assert "lower-case letters" in only_problem(stack)
    stack["hosts"] = {"a." + "b" * 63: next(iter(stack["hosts"].values()))}
    assert "at most 64 characters" in only_problem(stack)


def patterns_of(schema: Any) -> Iterator[str]:
    """Every pattern in a schema, of values and of keys."""
    if isinstance(schema, list):
        schema = dict(enumerate(schema))
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "pattern":
                yield value
            elif key == "patternProperties":
                yield from value
            if not isinstance(value, str):
                yield from patterns_of(value)
