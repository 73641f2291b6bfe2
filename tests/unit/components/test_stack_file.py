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
from components.settings.known_hosts import known_host_key
from components.settings.stack_file import SECTIONS, SettingsError, load_settings, parse_settings
from local.paths import REPOSITORY
from tests.unit.support.stacks import KEY, Stack, full, only_problem, problems, smallest, with_workers


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


def test_two_hosts_with_the_same_node_ip_are_refused() -> None:
    """Their SSH addresses may differ all the same."""
    stack = with_workers("node2", "node3")
    for name in ("node2", "node3"):
        stack["hosts"][name]["nodeIp"] = "198.51.100.7"
    assert only_problem(stack) == "hosts.node3.nodeIp: 198.51.100.7 is the address of node2"


def test_pod_and_service_networks_that_overlap_are_refused() -> None:
    """The first address of each is not all there is."""
    stack = smallest()
    stack["cluster"]["networking"] = {"podSubnet": "10.96.0.0/16", "serviceSubnet": "10.96.128.0/20"}
    assert only_problem(stack).endswith("podSubnet 10.96.0.0/16 overlaps serviceSubnet 10.96.128.0/20")


@pytest.mark.parametrize(("network", "subnet"), [("podSubnet", "192.0.2.0/24"), ("serviceSubnet", "192.0.0.0/16")])
def test_a_host_in_the_pod_or_service_network_is_refused(network: str, subnet: str) -> None:
    """Its packets would never leave the node."""
    stack = smallest()
    stack["cluster"]["networking"] = {network: subnet}
    expected = f"hosts.node1: its address 192.0.2.11 lies in cluster.networking.{network} {subnet}"
    assert only_problem(stack) == expected


def test_a_host_without_a_host_key_is_refused_with_the_command_that_reads_it() -> None:
    """No machine is trusted on first use."""
    stack = with_workers("node2")
    del stack["hosts"]["node2"]["hostKey"]
    problem = only_problem(stack)
    assert problem.startswith("hosts.node2.hostKey: missing")
    assert "ssh-keyscan -t ed25519 -p 22 192.0.2.12" in problem


def test_a_known_hosts_file_stands_for_a_missing_host_key(tmp_path: Path) -> None:
    """Only for a host that it has a line for."""
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"192.0.2.12 {KEY}12\n")
    stack = with_workers("node2")
    del stack["hosts"]["node2"]["hostKey"]
    stack["ssh"] = {"knownHostsFile": str(tmp_path / "known_hosts")}
    assert problems(stack) == []
    known_hosts.write_text(f"192.0.2.1 {KEY}12\n")
    assert only_problem(stack).startswith(f"hosts.node2.hostKey: missing, and {known_hosts} has no line for 192.0.2.12")


@pytest.mark.parametrize("names", ["192.0.2.12", "*", "|1|c2FsdA==|aGFzaA==", "other.example.com"])
def test_a_revoked_host_key_is_refused(tmp_path: Path, names: str) -> None:
    """As sshd(8) says: never to be accepted, whichever host shows it."""
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"192.0.2.12 {KEY}12 old\n@revoked {names}\t{KEY}12 stolen\n")
    stack = with_workers("node2") | {"ssh": {"knownHostsFile": str(known_hosts)}}
    expected = f"hosts.node2.hostKey: {known_hosts} marks it as revoked, found '{KEY}12'"
    assert only_problem(stack) == expected
    del stack["hosts"]["node2"]["hostKey"]
    assert only_problem(stack).startswith("hosts.node2.hostKey: missing, and ")
    known_hosts.write_text(f"{known_hosts.read_text()}192.0.2.12 {KEY}13\n")
    assert known_host_key(known_hosts, "192.0.2.12", 22) == f"{KEY}13"
    stack["ssh"]["bastion"] = {"address": "192.0.2.1", "hostKey": f"{KEY}12"}
    assert only_problem(stack).startswith("ssh.bastion.hostKey: ")


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


def test_what_has_a_setting_of_its_own_is_refused_in_documents_of_kubeadm() -> None:
    """Two places for one thing would sooner or later disagree."""
    stack = smallest()
    stack["cluster"]["clusterConfiguration"] = {"networking": {"podSubnet": "10.1.0.0/16"}}
    assert "networking is not set here, use cluster.networking" in only_problem(stack)


def test_a_node_ip_that_is_the_address_of_another_host_is_refused() -> None:
    """A slip of copying."""
    stack = with_workers("node2")
    stack["hosts"]["node2"]["nodeIp"] = "192.0.2.11"
    assert "hosts.node2.nodeIp: 192.0.2.11 is the address of node1" in problems(stack)


def test_a_password_in_the_wrong_place_is_not_repeated() -> None:
    """It is a likely mistake, and messages end up in logs."""
    stack = {**smallest(), "containerd": {"registries": {"hub.example.com": {"password": "swordfish"}}}}
    problem = only_problem(stack)
    assert problem.startswith("containerd.registries.hub.example.com.password: ")
    assert "swordfish" not in problem


def test_a_host_cannot_have_another_name_than_its_key() -> None:
    """Two names would make two machines of one."""
    stack = smallest()
    stack["hosts"]["node1"]["name"] = "node9"
    assert only_problem(stack).startswith("hosts.node1.name: ")


def test_a_kubelet_setting_that_the_version_does_not_know_is_refused() -> None:
    """The kubelet would not start."""
    stack = with_workers(version="1.24.3")
    stack["cluster"]["kubeletConfiguration"] = {"failCgroupV1": False}
    assert only_problem(stack).startswith("cluster.kubeletConfiguration.failCgroupV1: the kubelet of 1.24.3")
    stack["cluster"]["kubernetesVersion"] = "1.36.3"
    assert problems(stack) == []


@pytest.mark.parametrize(
    ("version", "arguments", "problem"),
    [
        ("1.36.3", [{"name": "v", "value": "4"}], None),
        ("1.36.3", [{"name": "v", "value": 4}], "name and value are strings"),
        ("1.36.3", ["v=4"], "name and value are strings"),
        ("1.36.3", {"v": "4"}, "a list of"),
        ("1.24.3", {"v": "4"}, None),
        ("1.24.3", {"v": 4}, "values are strings"),
        ("1.24.3", [{"name": "v", "value": "4"}], "a mapping of names to values"),
        ("1.24.3", "v=4", "a mapping of names to values"),
    ],
)
def test_extra_arguments_have_the_form_of_their_kubeadm(version: str, arguments: object, problem: str | None) -> None:
    """kubeadm's own message comes when the control plane is already being changed."""
    stack = with_workers(version=version)
    stack["cluster"]["clusterConfiguration"] = {"apiServer": {"extraArgs": arguments}}
    found = problems(stack)
    assert bool(found) == (problem is not None)
    assert problem is None or (problem in found[0] and "apiServer.extraArgs" in found[0])


@pytest.mark.parametrize(
    ("part", "flag", "last_minor"),
    [
        ("scheduler", "logtostderr", 25),
        ("controllerManager", "pod-eviction-timeout", 26),
        ("apiServer", "cloud-provider", 32),
    ],
)
def test_a_flag_that_kubernetes_no_longer_knows_is_refused(part: str, flag: str, last_minor: int) -> None:
    """The program would end at once, in an upgrade the one of a control plane that ran."""
    for minor, refused in ((24, False), (last_minor, False), (last_minor + 1, True), (36, True)):
        stack = with_workers(version=f"1.{minor}.0")
        arguments = [{"name": flag, "value": "x"}] if minor >= 31 else {flag: "x"}
        stack["cluster"]["clusterConfiguration"] = {part: {"extraArgs": arguments}}
        found = problems(stack)
        assert bool(found) == refused, found
        assert not refused or f"{part}.extraArgs: Kubernetes has no --{flag} since 1.{last_minor + 1}" in found[0]


@pytest.mark.parametrize(
    ("part", "flag", "reason"),
    [
        ("apiServer", "secure-port", "at port 6443"),
        ("etcd.local", "data-dir", "its data would be gone with its container"),
        ("etcd.local", "initial-cluster-state", "the program sets it"),
        ("etcd.local", "force-new-cluster", "forget its other members"),
    ],
)
def test_a_flag_that_leads_away_from_what_scripts_rely_on_is_refused(part: str, flag: str, reason: str) -> None:
    """In place of the setting of kubeadm, which is refused, too."""
    content: Any = {"extraArgs": [{"name": flag, "value": "x"}]}
    for name in reversed(part.split(".")):
        content = {name: content}
    (problem,) = problems(with_clusters_configuration(content))
    assert problem.startswith(f"cluster.clusterConfiguration.{part}.extraArgs: remove {flag}: ")
    assert reason in problem


@pytest.mark.parametrize("arguments", [{"quota-backend-bytes": "9"}, [{"name": "quota-backend-bytes", "value": 9}]])
def test_arguments_of_etcd_have_the_form_that_kubeadm_reads(arguments: Any) -> None:
    """It would say so on the machine, where packages are installed already."""
    (problem,) = problems(with_clusters_configuration({"etcd": {"local": {"extraArgs": arguments}}}))
    assert problem.startswith("cluster.clusterConfiguration.etcd.local.extraArgs: ")


def with_clusters_configuration(content: dict[str, Any]) -> Stack:
    """A stack with a part of kubeadm's ClusterConfiguration."""
    stack = smallest()
    stack["cluster"]["clusterConfiguration"] = content
    return stack


def test_what_upgrades_and_resets_could_not_follow_is_refused() -> None:
    """Such as etcd's data in a place that nobody saves."""
    stack = smallest()
    stack["cluster"]["clusterConfiguration"] = {
        "certificatesDir": "/pki",
        "etcd": {"local": {"dataDir": "/data/etcd", "extraArgs": [{"name": "quota-backend-bytes", "value": "1"}]}},
        "dns": {"disabled": True},
    }
    assert [problem.partition(": ")[0].rpartition("Configuration.")[2] for problem in problems(stack)] == [
        "certificatesDir",
        "etcd.local.dataDir",
        "dns.disabled",
    ]


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
