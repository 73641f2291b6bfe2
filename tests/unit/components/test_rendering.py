"""Every file of a host, as it is rendered."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from components.host_files import File, apt, containerd, effect_of, kubeadm
from components.host_files.containerd_1_4 import CRI_WITH_PASSWORDS
from components.host_files.effects import EFFECTS
from components.host_files.proxy import proxy_files
from components.settings import Images, Settings
from components.settings.stack_file import SettingsError, parse_settings
from tests.unit.support.files import prepared_files
from tests.unit.support.golden import as_text, assert_golden
from tests.unit.support.stacks import CA, full, smallest, with_workers

VERSIONS = ["1.24.3", "1.34.4", "1.36.3"]


def settings_for(version: str) -> Settings:
    """One control plane, one worker with a label and a taint."""
    stack = with_workers("node2", version=version)
    stack["hosts"]["node2"] |= {
        "nodeIp": "198.51.100.12",
        "labels": {"zone": "a", "disk": "fast"},
        "taints": [{"key": "only", "value": "batch", "effect": "NoSchedule"}],
    }
    return parse_settings(stack)


def test_each_keyring_comes_with_the_fingerprints_of_its_keys() -> None:
    """One, or those of a rotation; the host trusts no other key."""
    old, new = "A" * 40, "B" * 40
    repository = {"url": "https://example.com/apt", "keyring": "https://example.com/key", "fingerprint": [old, new]}
    settings = parse_settings(smallest() | {"packages": {"repository": repository}})
    (line,) = [each.keyring_line for each in apt.repositories(settings)]
    assert line == f"/etc/apt/keyrings/kubernetes.asc {old},{new} https://example.com/key"
    repository["fingerprint"] = []
    with pytest.raises(SettingsError, match=r"packages\.repository\.fingerprint: expected .* a list of at least 1"):
        parse_settings(smallest() | {"packages": {"repository": repository}})


def content_of(files: list[File], path: str) -> str:
    """The one file with this path."""
    (found,) = [file.content for file in files if file.path == path]
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["node1", "node2"])
def test_a_host_gets_exactly_these_files(version: str, name: str) -> None:
    """Golden: node1 is the control plane, node2 a worker."""
    settings = settings_for(version)
    files = prepared_files(settings.hosts[name], settings)
    assert_golden(f"{settings.hosts[name].role}-{version}.txt", as_text(files))


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        (None, "https://api.dev.internal:6443"),
        ("api.example.com", "https://api.example.com:6443"),
        ("api.example.com:8443", "https://api.example.com:8443"),
    ],
)
def test_a_join_finds_the_api_server_where_kubeadm_does(endpoint: str | None, url: str) -> None:
    """kubeadm takes its own port for an endpoint without one."""
    stack = smallest()
    stack["cluster"] |= {"controlPlaneEndpoint": endpoint} if endpoint else {}
    assert kubeadm.api_server(parse_settings(stack)) == url


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["node1", "node2"])
def test_no_path_is_written_twice(version: str, name: str, tmp_path: Path) -> None:
    """The second would silently win."""
    settings = parse_settings(full(tmp_path, "node2", version=version))
    paths = [file.path for file in prepared_files(settings.hosts[name], settings)]
    paths += [file.path for file in containerd.credential_files(settings, {"hub.example.com": "x"})]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize("version", VERSIONS)
def test_both_roles_write_yaml_that_kubeadm_can_tell_apart(version: str) -> None:
    """Each document has a kind, and the worker has the join alone."""
    settings = settings_for(version)
    kinds = {
        name: [
            document["kind"]
            for document in yaml.safe_load_all(
                content_of(prepared_files(settings.hosts[name], settings), "/etc/kubernetes/kubeadm/config.yaml")
            )
        ]
        for name in settings.hosts
    }
    assert kinds == {
        "node1": ["InitConfiguration", "ClusterConfiguration", "KubeletConfiguration", "KubeProxyConfiguration"],
        "node2": ["JoinConfiguration"],
    }


def test_kubeadm_configuration_of_the_stack_is_merged_mapping_by_mapping() -> None:
    """What is not named stays, what is named wins."""
    stack = smallest()
    stack["cluster"]["clusterConfiguration"] = {"apiServer": {"certSANs": ["a"]}}
    stack["cluster"]["kubeProxyConfiguration"] = {"conntrack": {"min": 1}, "mode": "ipvs"}
    settings = parse_settings(stack)
    text = content_of(prepared_files(settings.control_planes[0], settings), "/etc/kubernetes/kubeadm/config.yaml")
    _, cluster, _, kube_proxy = yaml.safe_load_all(text)
    assert cluster["apiServer"]["certSANs"] == ["a"]
    assert cluster["clusterName"] == "dev"
    assert kube_proxy["conntrack"] == {"maxPerCore": 0, "min": 1}
    assert kube_proxy["mode"] == "ipvs"


def test_containerd_configuration_follows_the_stack() -> None:
    """Golden: formats of containerd 1 and 2 with a rewritten pause image."""
    stack = smallest() | {
        "images": {"rewrite": {"registry.k8s.io": "hub.example.com/k8s"}},
        "containerd": {"restrictOomScoreAdj": True},
    }
    assert_golden("containerd.txt", as_text(containerd.configuration_files(parse_settings(stack))))


def test_a_proxy_is_set_for_apt_and_containerd_and_for_nothing_else() -> None:
    """Golden; apt gets single hosts that are reached directly, for its configuration knows no networks."""
    stack = smallest() | {
        "proxy": {
            "http": "http://proxy.example.com:3128",
            "https": "http://proxy.example.com:3128",
            "noProxy": ["hub.example.com", ".example.org", "192.0.2.0/24"],
        }
    }
    settings = parse_settings(stack)
    assert_golden("proxy.txt", as_text(proxy_files(settings)))
    paths = [
        file.path
        for file in prepared_files(settings.control_planes[0], settings)
        if "proxy.example.com" in file.content
    ]
    assert paths == [file.path for file in proxy_files(settings)]
    assert proxy_files(parse_settings(smallest())) == []


def test_a_password_in_the_address_of_a_proxy_is_refused() -> None:
    """It would stand in plain files."""
    with pytest.raises(SettingsError, match=r"proxy.http: "):
        parse_settings(smallest() | {"proxy": {"http": "http://jo:secret@proxy.example.com:3128"}})


def test_registries_get_certificate_mirrors_and_credentials(tmp_path: Path) -> None:
    """Golden: a registry with CA and password, one with mirrors, one with neither."""
    stack = full(tmp_path)
    stack["containerd"]["registries"]["registry.example.com:5000"] = {}
    settings = parse_settings(stack)
    files = containerd.registry_files(settings)
    secret = containerd.credential_files(settings, {"hub.example.com": 'sword "fish'})
    assert_golden("registries.txt", as_text([*files, *secret]))
    assert content_of(files, "/etc/containerd/certs.d/hub.example.com/ca.crt") == CA
    assert [file.mode for file in secret] == ["0600"]


def test_containerd_1_4_gets_registries_in_its_own_form(tmp_path: Path) -> None:
    """Golden: mirrors with and without a path, a host that is a registry and a mirror, a password with a quote."""
    stack = full(tmp_path, version="1.24.3")
    stack["containerd"]["registries"]["docker.io"] = {
        "mirrors": ["https://hub.example.com", "https://mirror.example.com/docker"]
    }
    settings = parse_settings(stack)
    without_password = [file for file in containerd.configuration_files(settings) if file.path.endswith(".1.4")]
    secret = containerd.credential_files(settings, {"hub.example.com": 'sword "fish'})
    (with_password,) = [file for file in secret if file.path == CRI_WITH_PASSWORDS]
    assert_golden("containerd-1.4.txt", as_text([*without_password, with_password]))
    assert with_password.mode == "0600"
    read = tomllib.loads(with_password.content)["plugins"]["io.containerd.grpc.v1.cri"]["registry"]
    assert read["configs"]["hub.example.com"]["auth"] == {"username": "robot", "password": 'sword "fish'}
    assert "fish" not in without_password[0].content


def test_a_kubernetes_that_refuses_containerd_1_4_puts_nothing_for_it(tmp_path: Path) -> None:
    """Neither on disk nor in previews."""
    settings = parse_settings(full(tmp_path))
    paths = {file.path for file in prepared_files(settings.control_planes[0], settings)}
    paths |= {file.path for file in containerd.credential_files(settings, {"hub.example.com": "x"})}
    assert not paths & {CRI_WITH_PASSWORDS, "/etc/containerd/config.toml.1.4"}


@pytest.mark.parametrize(
    ("image", "pulled"),
    [
        ("registry.k8s.io/pause:3.10", "hub.test:5000/k8s/pause:3.10"),
        ("registry.k8s.io/coredns/coredns:v1", "hub.test:5000/k8s/coredns/coredns:v1"),
        ("docker.io/calico/node:v3", "hub.test:5000/docker/calico/node:v3"),
        ("calico/node:v3", "hub.test:5000/docker/calico/node:v3"),
        ("nginx", "hub.test:5000/docker/library/nginx"),
        ("nginx:1.27", "hub.test:5000/docker/library/nginx:1.27"),
        ("localhost/tool", "hub.test:5000/local/tool"),
        ("registry.test:8443/a/b@sha256:0", "hub.test:5000/port/a/b@sha256:0"),
        ("registry:5000/a/b", "hub.test:5000/bare/a/b"),
        ("registry.test/a/b", "registry.test/a/b"),
        ("quay.io/a/b:1", "quay.io/a/b:1"),
        ("sub.registry.k8s.io/a", "sub.registry.k8s.io/a"),
    ],
)
def test_an_image_is_pulled_from_where_its_registry_is_rewritten_to(image: str, pulled: str) -> None:
    """Names without a registry are Docker Hub's; a port belongs to the registry."""
    rewrite = {
        "registry.k8s.io": "hub.test:5000/k8s",
        "docker.io": "hub.test:5000/docker",
        "localhost": "hub.test:5000/local",
        "registry.test:8443": "hub.test:5000/port",
        "registry:5000": "hub.test:5000/bare",
    }
    assert Images(rewrite=rewrite).rewritten(image) == pulled


def test_without_rewriting_an_image_keeps_its_name() -> None:
    """Not even a library name is completed."""
    assert Images().rewritten("nginx") == "nginx"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_file_of_a_host_has_an_effect_of_its_own(version: str, tmp_path: Path) -> None:
    """A plan that knows nothing of a file would have to guess what restarts."""
    stack = full(tmp_path, "node2", version=version) | {"proxy": {"http": "http://proxy.example.com:3128"}}
    settings = parse_settings(stack)
    files = [file for host in settings.hosts.values() for file in prepared_files(host, settings)]
    files += containerd.credential_files(settings, {"hub.example.com": "x"})
    assert [file.path for file in files if not any(effect.covers(file.path) for effect in EFFECTS)] == []
    assert "its effect is not known" in effect_of("/etc/of-an-older-version.conf").text
