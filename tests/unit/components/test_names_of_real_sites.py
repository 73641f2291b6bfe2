"""Names and patterns of all settings take what programs print and what pages of others say."""

from __future__ import annotations

from typing import Any

import pytest

from components.host_files.proxy import proxy_files, proxy_variables
from components.objects.access_rules import bindings
from components.settings.hosts import OF_KUBELET
from components.settings.stack_file import parse_settings
from tests.unit.support.stacks import Stack, only_problem, problems, with_setting, with_workers

KEY = "DE15B14486CD377B9E876E1A234654DA9A296436"


@pytest.mark.parametrize(
    "printed", [KEY, KEY.lower(), f"0x{KEY}", " ".join(KEY[n : n + 4] for n in range(0, 40, 4)).replace(" ", "  ", 5)]
)
def test_a_fingerprint_is_taken_as_it_is_printed(printed: str) -> None:
    """gpg and the pages of owners group its digits."""
    repository = {"url": "https://hub.example.com/apt", "keyring": "https://hub.example.com/key"}
    settings = parse_settings(with_setting("packages", repository=repository | {"fingerprint": printed}))
    assert settings.packages.repository.fingerprints == (KEY,)


@pytest.mark.parametrize("fingerprint", [KEY[:-1], f"{KEY}0", KEY[:8], "9A296436", f"{KEY[:-1]}G"])
def test_what_is_no_fingerprint_is_refused(fingerprint: str) -> None:
    """A short identifier of a key can be forged."""
    repository = {"url": "https://hub.example.com/apt", "keyring": "https://hub.example.com/key"}
    stack = with_setting("packages", repository=repository | {"fingerprint": fingerprint})
    assert problems(stack)


@pytest.mark.parametrize(
    "check",
    ["NumCPU", "Port-10250", "FileAvailable--etc-kubernetes-kubelet.conf", "FileContent--proc-sys-net-ipv4-ip_forward"],
)
def test_a_check_of_kubeadm_is_taken(check: str) -> None:
    """Some are named after a path, with its dots and underscores."""
    assert parse_settings(with_setting("cluster", ignorePreflightErrors=[check])).cluster.ignore_preflight_errors


def test_a_module_is_taken_under_either_of_its_names() -> None:
    """modprobe takes both; the kernel lists it with underscores."""
    modules = parse_settings(with_setting("system", modules=["vfio-pci", "iTCO_wdt"])).modules
    assert list(modules)[-2:] == ["vfio_pci", "iTCO_wdt"]


@pytest.mark.parametrize(
    "name", ["net.ipv4.conf.eth0/100.rp_filter", "net.ipv4.conf.enP2p1s0.rp_filter", "net.ipv6.conf.br-lan.accept_ra"]
)
def test_a_sysctl_of_a_network_card_is_taken(name: str) -> None:
    """Of a VLAN, whose dot is a `/` in the name, and of a card in capitals."""
    assert parse_settings(with_setting("system", sysctl={name: 1})).system.sysctl[name] == 1


@pytest.mark.parametrize("name", ["net/ipv4/ip_forward", "net..ipv4", "net.ipv4/", "../a", "a b"])
def test_a_sysctl_that_would_lead_elsewhere_is_refused(name: str) -> None:
    """sysctl reads a name that has a slash first in another way."""
    assert only_problem(with_setting("system", sysctl={name: 1})).startswith("system.sysctl.")


@pytest.mark.parametrize("method", ["interface=^(eth|ens).*$", "skip-interface=docker.*,br-[0-9a-f]+", "can-reach=a.b"])
def test_a_detection_of_addresses_by_an_expression_is_taken(method: str) -> None:
    """As Calico's pages have them."""
    assert parse_settings(with_setting("calico", ipAutodetectionMethod=method)).calico.ip_autodetection_method == method


@pytest.mark.parametrize("name", ["Team-A", "secret_reader", "system:node", "oidc:shop"])
def test_a_role_has_any_name_that_the_api_takes(name: str) -> None:
    """Names of roles are parts of paths, and may be in capitals."""
    rules = [{"resources": ["pods"], "verbs": ["get"]}]
    role = {"name": name, "rules": rules, "serviceAccounts": ["ci/build.robot"], "groups": ["oidc:Team A"]}
    assert parse_settings(with_setting("access", roles=[role])).access.roles[0].name == name


@pytest.mark.parametrize("printed", ["a" * 64, "A" * 64, f"sha256:{'a' * 64}", f"{'a' * 64}  -", f"{'a' * 64} *m.yaml"])
def test_a_checksum_is_taken_as_programs_and_pages_have_it(printed: str) -> None:
    """`curl URL | sha256sum` ends with the name of a file, which is `-`."""
    stack = with_setting("metallb", manifestUrl="https://example.com/m.yaml", manifestSha256=printed)
    assert parse_settings(stack).metallb.manifest_sha256 == "a" * 64


@pytest.mark.parametrize("printed", ["a" * 63, "a" * 65, "g" * 64, f"sha512:{'a' * 64}", f"-{'a' * 64}"])
def test_what_is_no_checksum_is_refused(printed: str) -> None:
    """Also one that is cut off, or of another kind."""
    stack = with_setting("metallb", manifestUrl="https://example.com/m.yaml", manifestSha256=printed)
    assert "64 hexadecimal digits" in only_problem(stack)


@pytest.mark.parametrize(
    ("path", "taken"), [("/mnt/backup/", "/mnt/backup"), ("/srv/_b/a+b@c", "/srv/_b/a+b@c"), ("/a", "/a")]
)
def test_a_directory_is_taken_with_a_slash_at_its_end(path: str, taken: str) -> None:
    """As shells complete it."""
    assert parse_settings(with_setting("backup", directory=path)).backup.directory == taken
    assert parse_settings(with_setting("localPath", directory=path)).local_path.directory == taken


@pytest.mark.parametrize("path", ["/", "//a", "/a//b", "/a/../b", "/a/.b", "a", "/a b", "/a\n", "/-a"])
def test_what_is_no_directory_of_its_own_is_refused(path: str) -> None:
    """The whole disk, and a path that leads elsewhere."""
    assert only_problem(with_setting("backup", directory=path)).startswith("backup.directory: expected the absolute")


def test_a_component_below_another_one_is_taken() -> None:
    """Large mirrors sort packages of others so."""
    repository: Stack = {
        "url": "https://hub.example.com/apt",
        "keyring": "https://hub.example.com/key",
        "fingerprint": KEY,
    }
    repository |= {"suite": "bookworm", "components": ["thirdparty/k8s", "updates/main"]}
    assert parse_settings(with_setting("packages", repository=repository)).packages.repository.components


@pytest.mark.parametrize(
    "image",
    [
        "pause",
        "Hub.example.com:5000/a/b_c/d--e.f:v1.0_X-2",
        "localhost/a__b:3.10",
        f"hub.example.com/pause:3.10@sha256:{'0' * 64}",
        "192.0.2.1:5000/pause",
    ],
)
def test_a_name_of_an_image_is_taken(image: str) -> None:
    """With what containerd takes in it."""
    assert parse_settings(with_setting("containerd", pauseImage=image)).containerd.pause_image == image


@pytest.mark.parametrize(
    "image",
    [
        "https://hub.example.com/pause:3.10",
        "hub.example.com/Pause",
        "hub/pause:3:10",
        "hub/pause/",
        "a//b",
        "hub/a:",
        "-a",
    ],
)
def test_a_name_that_no_image_has_is_refused(image: str) -> None:
    """Each pull on each host would fail of it."""
    assert only_problem(with_setting("containerd", pauseImage=image)).startswith(
        "containerd.pauseImage: expected an image"
    )


@pytest.mark.parametrize("name", ["index.docker.io", "registry-1.docker.io", "hub.docker.com"])
def test_a_server_of_docker_hub_is_no_registry(name: str) -> None:
    """No image is of it: login, mirrors and rewriting would do nothing, and nobody would say so."""
    assert "docker.io" in only_problem(with_setting("containerd", registries={name: {}})).partition(": ")[2]
    assert "docker.io" in only_problem(with_setting("images", rewrite={name: "hub.example.com/x"})).partition(": ")[2]


@pytest.mark.parametrize("key", ["zone", "example.com/zone", "a-b.c/Zone_1.x", "node.kubernetes.io/instance-type"])
def test_the_key_of_a_label_is_taken(key: str) -> None:
    """With a prefix, and without."""
    stack = with_workers("node2")
    stack["hosts"]["node2"] |= {"labels": {key: ""}, "taints": [{"key": key, "effect": "NoSchedule"}]}
    parse_settings(stack)


@pytest.mark.parametrize("key", sorted(OF_KUBELET))
def test_a_label_of_the_kubelet_is_no_label_of_the_stack(key: str) -> None:
    """Kubelet and stack would take it from each other, and a local volume would not find its node. A taint is free."""
    stack = with_workers("node2")
    stack["hosts"]["node2"]["taints"] = [{"key": key, "effect": "NoSchedule"}]
    parse_settings(stack)
    stack["hosts"]["node2"]["labels"] = {key: "x"}
    assert "the kubelet sets this label" in only_problem(stack)


@pytest.mark.parametrize("name", ["robot", "build.robot", "a-1.b.c2", "a" * 253, "0"])
def test_the_name_of_a_service_account_is_taken(name: str) -> None:
    """As Kubernetes takes it, of an account of the stack and of one of somebody else."""
    accounts = [{"name": name, "namespace": "ci", "clusterRole": "view", "longLivedToken": False}]
    role = {"name": "deployer", "rules": [{"resources": ["pods"], "verbs": ["get"]}], "serviceAccounts": [f"ci/{name}"]}
    parsed = parse_settings(with_setting("access", serviceAccounts=accounts, roles=[role]))
    assert [each.name for each in parsed.access.service_accounts] == [name]
    assert {subject.name for each in bindings(parsed) for subject in each.subjects} == {name}


@pytest.mark.parametrize("name", ["a..b", ".a", "a.", "-a", "a-", "A", "a_b", "a/b", "", "a\n"])
def test_what_is_no_name_of_a_service_account_is_refused(name: str) -> None:
    """The API server would refuse it, when the cluster is there already."""
    assert only_problem(with_setting("access", serviceAccounts=[{"name": name}])).startswith("access.serviceAccounts.0")
    role = {"name": "deployer", "rules": [{"resources": ["pods"], "verbs": ["get"]}], "serviceAccounts": [f"ci/{name}"]}
    assert problems(with_setting("access", roles=[role]))


@pytest.mark.parametrize("key", ["a..b/zone", "a.-b/zone", "a-/zone", ".a/zone", "A/zone", "/zone", "a/b/c", "zone/"])
def test_a_prefix_that_is_no_name_of_a_domain_is_refused(key: str) -> None:
    """The API server would refuse it, once the node is in the cluster."""
    stack = with_workers("node2")
    stack["hosts"]["node2"]["labels"] = {key: "x"}
    assert problems(stack)


@pytest.mark.parametrize(
    "part",
    [
        {"rules": [{"resources": ["pods"], "verbs": []}]},
        {"rules": [{"resources": ["pods"], "apiGroups": [], "verbs": ["get"]}]},
        {"users": [""]},
        {"groups": ["a", ""]},
    ],
)
def test_a_role_that_the_api_refuses_is_refused_first(part: dict[str, Any]) -> None:
    """It wants a verb and a group in each rule, and a name of each subject."""
    role = {"name": "x", "rules": [{"resources": ["pods"], "verbs": ["get"]}]} | part
    assert only_problem(with_setting("access", roles=[role])).startswith("access.roles.0.")


def test_a_hashed_line_of_known_hosts_is_taken_as_a_host_key() -> None:
    """Debian and Ubuntu hash the addresses there."""
    stack = with_workers("node2")
    stack["hosts"]["node2"]["hostKey"] = (
        "|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-ed25519 AAAAC3Nz"
    )
    assert parse_settings(stack).hosts["node2"].host_key == "ssh-ed25519 AAAAC3Nz"


@pytest.mark.parametrize("path", ["/tmp/bundles", "/run/x", "/var/lib/etcd/bundles", "/etc/kubernetes/bundles"])
def test_bundles_of_etcd_lie_in_no_directory_that_a_boot_or_a_reset_empties(path: str) -> None:
    """Nor in the data that they are made of."""
    problem = only_problem(with_setting("backup", directory=path))
    assert problem.startswith("backup.directory: a directory for bundles outside of ")
    assert problem.endswith(f"found {path!r}")
    parse_settings(with_setting("backup", directory="/var/lib/pulumi-kubeadm/etcd-snapshots"))


@pytest.mark.parametrize(
    ("direct", "is_direct"),
    [
        (".example.com", True),
        ("*.example.com", True),
        ("*.Example.com", True),
        ("*", True),
        ("hub.example.com", True),
        ("example.com", False),
        (".other.example.com", False),
        ("192.0.2.0/24", False),
    ],
)
def test_apt_asks_a_repository_directly_that_a_domain_of_the_proxy_names(direct: str, is_direct: bool) -> None:
    """apt knows single hosts alone: with a domain of its own the repository was asked through the proxy."""
    repository = {"url": "https://hub.example.com/apt", "keyring": "https://hub.example.com/key", "fingerprint": KEY}
    stack = with_setting("packages", repository=repository) | {
        "proxy": {"https": "http://proxy.example.com:3128", "noProxy": [direct]}
    }
    apt, _ = proxy_files(parse_settings(stack))
    assert ('Acquire::https::Proxy::hub.example.com "DIRECT";' in apt.content) == is_direct


def test_apt_asks_a_repository_directly_that_lies_in_a_network_of_the_proxy() -> None:
    """Written with bits of a host, too."""
    repository = {"url": "http://192.0.2.7:8081/apt", "keyring": "http://192.0.2.7/key", "fingerprint": KEY}
    for network, is_direct in (("192.0.2.1/24", True), ("198.51.100.0/24", False)):
        stack = with_setting("packages", repository=repository) | {
            "proxy": {"http": "http://proxy.example.com:3128", "noProxy": [network]}
        }
        apt, _ = proxy_files(parse_settings(stack))
        assert ('Acquire::http::Proxy::192.0.2.7 "DIRECT";' in apt.content) == is_direct


def test_a_domain_with_a_wildcard_is_told_to_curl_as_it_knows_it() -> None:
    """curl takes `*.example.com` for the name of a host."""
    stack = with_setting("proxy", http="http://proxy.example.com:3128", noProxy=["*.example.com", "*", ".a", "b"])
    assert proxy_variables(parse_settings(stack))["no_proxy"].endswith(",.example.com,*,.a,b")


@pytest.mark.parametrize(
    ("part", "name", "value", "lacking"),
    [
        ("apiServer", "enable-admission-plugins", "PodNodeSelector", "NodeRestriction"),
        ("apiServer", "enable-admission-plugins", "NodeRestriction, PodNodeSelector", None),
        ("apiServer", "authorization-mode", "RBAC", "Node"),
        ("apiServer", "authorization-mode", "Node,RBAC,Webhook", None),
        ("controllerManager", "controllers", "*,-ttl", "bootstrapsigner and tokencleaner"),
        ("controllerManager", "controllers", "*,bootstrapsigner,-tokencleaner", None),
        ("scheduler", "authorization-mode", "RBAC", None),
    ],
)
def test_a_list_that_replaces_that_of_kubeadm_has_what_that_has(
    part: str, name: str, value: str, lacking: str | None
) -> None:
    """People add a plug-in, and lose the one that keeps a kubelet from changing other nodes."""
    stack = with_setting("cluster", clusterConfiguration={part: {"extraArgs": [{"name": name, "value": value}]}})
    replaces = f"cluster.clusterConfiguration.{part}.extraArgs: {name} replaces the list of kubeadm"
    assert problems(stack) == ([f"{replaces}; name {lacking} too, found {value!r}"] if lacking else [])
