"""Names and values that sites have are taken, or refused in one line before anything is touched."""

from __future__ import annotations

import base64
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.host_files import apt, containerd, effect_of
from components.objects.access_rules import role_object
from components.settings.stack_file import parse_settings
from components.steps.connection import host_key_of, is_same_machine
from tests.unit.components.test_hostile_stack_file import HOSTILE
from tests.unit.support.files import prepared_files
from tests.unit.support.stacks import CA, KEY, Stack, only_problem, problems, smallest, with_setting, with_workers


@pytest.mark.parametrize("user", ["robot$lab+puller", "org+puller", "$oauthtoken", "<token>"])
def test_a_machine_account_of_a_registry_is_taken(user: str) -> None:
    """Of Harbor, Quay, NGC and ECR."""
    stack = with_setting("containerd", registries={"hub.example.com": {"username": user}})
    assert parse_settings(stack).containerd.registries["hub.example.com"].username == user


@pytest.mark.parametrize("user", ["a b", "a:b", "a\n"])
def test_a_user_that_a_header_cannot_carry_is_refused(user: str) -> None:
    """A `:` ends the user of a login."""
    stack = with_setting("containerd", registries={"hub.example.com": {"username": user}})
    assert only_problem(stack).startswith("containerd.registries.hub.example.com.username: ")


@pytest.mark.parametrize("user", ["john.doe", "John", "john@corp.example.com", "CORP\\john", "1234567", "vm01$"])
def test_a_user_of_a_directory_service_is_taken(user: str) -> None:
    """On the machines, on one machine, and on the bastion."""
    stack = with_setting("ssh", user=user, bastion={"address": "192.0.2.1", "hostKey": f"{KEY}1", "user": user})
    stack["hosts"]["node2"]["user"] = user
    settings = parse_settings(stack)
    assert settings.ssh.bastion
    assert {settings.ssh.user, settings.ssh.bastion.user, settings.hosts["node2"].user} == {user}


@pytest.mark.parametrize("user", [*(each for each in HOSTILE if each != "a\\b"), "-oProxyCommand=x", "a%h", "a\\"])
def test_a_user_that_ssh_would_misread_is_refused(user: str) -> None:
    """OpenSSH takes the first for an option, and expands `%h`."""
    assert only_problem(with_setting("ssh", user=user)).startswith("ssh.user: ")


@pytest.mark.parametrize("line", ["{} root@node2", "192.0.2.12 {}", "{}\tin row 3", "[192.0.2.12]:22 {} x"])
def test_a_host_key_is_taken_as_the_programs_print_it(line: str) -> None:
    """ssh-keyscan begins with the address, and a `.pub` file ends with a comment."""
    stack = with_setting("ssh", bastion={"address": "192.0.2.1", "hostKey": line.format(f"{KEY}1")})
    stack["hosts"]["node2"]["hostKey"] = line.format(f"{KEY}12")
    settings = parse_settings(stack)
    assert settings.hosts["node2"].host_key == f"{KEY}12"
    assert settings.ssh.bastion
    assert settings.ssh.bastion.host_key == f"{KEY}1"


def test_the_comment_of_a_host_key_makes_no_other_machine(tmp_path: Path) -> None:
    """It was recorded with the line of a known_hosts file, and is gone from the line."""
    (tmp_path / "known_hosts").write_text(f"192.0.2.12 {KEY}12 root@node2\n")
    stack = with_setting("ssh", knownHostsFile=str(tmp_path / "known_hosts"))
    del stack["hosts"]["node2"]["hostKey"]
    settings = parse_settings(stack)
    for recorded_key in (f"{KEY}12", f"{KEY}12 root@node2"):
        recorded = {"host": "192.0.2.12", "user": "root", "port": 22, "hostKey": recorded_key}
        assert is_same_machine(recorded, settings.hosts["node2"], settings.ssh)
        assert not is_same_machine(recorded | {"hostKey": f"{KEY}13"}, settings.hosts["node2"], settings.ssh)
    assert host_key_of(settings.hosts["node2"], settings.ssh) == f"{KEY}12 root@node2"


@pytest.mark.parametrize(
    ("rule", "made"),
    [
        (
            {"resources": ["secrets"], "verbs": ["get"], "resourceNames": ["x"]},
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["x"]},
        ),
        (
            {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
            {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
        ),
    ],
)
def test_every_kind_of_rule_of_a_role_is_taken(rule: Stack, made: Stack) -> None:
    """Single objects, and paths of the API server."""
    settings = parse_settings(with_setting("access", roles=[{"name": "a", "rules": [rule]}]))
    assert role_object(settings.access.roles[0]).inputs["rules"] == [made]


@pytest.mark.parametrize(
    ("rule", "namespace", "problem"),
    [
        ({"verbs": ["get"]}, None, "access.roles.0.rules.0: a rule has `resources`, or else `nonResourceURLs`"),
        (
            {"verbs": ["get"], "nonResourceURLs": ["/a"], "resources": ["pods"]},
            None,
            "access.roles.0.rules.0: a rule has `resources`, or else `nonResourceURLs`",
        ),
        ({"verbs": ["get"], "nonResourceURLs": ["/a"]}, "shop", "access: role a has nonResourceURLs"),
        ({"verbs": ["get"], "resourcNames": ["x"], "resources": ["a"]}, None, "access.roles.0.rules.0.resourcNames: "),
    ],
)
def test_a_rule_that_the_api_would_refuse_is_one_problem(rule: Stack, namespace: str | None, problem: str) -> None:
    """And no second message that counts the rules."""
    role = {"name": "a", "rules": [rule]} | ({"namespace": namespace} if namespace else {})
    assert only_problem(with_setting("access", roles=[role])).startswith(problem)


def files_of(stack: Stack, name: str) -> dict[str, str]:
    """The files of a host by path."""
    settings = parse_settings(stack)
    return {file.path: file.content for file in prepared_files(settings.hosts[name], settings)}


def test_a_sysctl_of_the_stack_comes_to_those_of_the_guide() -> None:
    """Without ip_forward kubeadm refuses the machine; `null` takes one away, for all hosts or for one."""
    stack = with_setting("system", sysctl={"vm.max_map_count": 262144, "user.max_user_namespaces": None})
    stack["hosts"]["node2"]["sysctl"] = {"vm.swappiness": None, "vm.overcommit_memory": 1}
    lines = [
        "fs.inotify.max_user_instances = 8192",
        "net.bridge.bridge-nf-call-ip6tables = 1",
        "net.bridge.bridge-nf-call-iptables = 1",
        "net.ipv4.ip_forward = 1",
        "vm.swappiness = 0",
        "vm.max_map_count = 262144",
    ]
    path = "/etc/sysctl.d/99-kubernetes.conf"
    assert files_of(stack, "node1")[path].splitlines() == lines
    assert files_of(stack, "node2")[path].splitlines() == [*lines[:4], lines[5], "vm.overcommit_memory = 1"]


def test_a_node_of_many_pods_runs_into_no_limit_of_inotify() -> None:
    """Of Debian it is 128 for all programs of root: kubelet, kube-proxy and logs then say `too many open files`."""
    content = files_of(smallest(), "node1")["/etc/sysctl.d/99-kubernetes.conf"]
    assert "fs.inotify.max_user_instances = 8192\n" in content


def test_numbers_of_a_sysctl_may_have_the_tabs_that_the_kernel_prints() -> None:
    """As copied from `sysctl --all`: hosts compare the value with one that has spaces, and would never find it set."""
    stack = with_setting("system", sysctl={"net.ipv4.tcp_rmem": "4096\t131072\t6291456"})
    content = files_of(stack, "node1")["/etc/sysctl.d/99-kubernetes.conf"]
    assert "net.ipv4.tcp_rmem = 4096 131072 6291456\n" in content


def test_modules_of_the_stack_come_to_those_of_the_guide_and_of_what_needs_them() -> None:
    """A sysctl of a module that is not loaded would end the preparation, at each boot too."""
    path = "/etc/modules-load.d/kubernetes.conf"
    stack = with_setting("system", modules=["br_netfilter", "wireguard"], sysctl={"net.netfilter.nf_conntrack_max": 1})
    assert files_of(stack, "node2")[path].split() == ["overlay", "br_netfilter", "wireguard", "nf_conntrack"]
    stack = with_setting("cluster", kubeProxyConfiguration={"mode": "ipvs"})
    stack["hosts"]["node2"]["sysctl"] = {"net.ipv4.vs.conn_reuse_mode": 0, "net.bridge.bridge-nf-call-iptables": None}
    assert files_of(stack, "node1")[path].split() == ["overlay", "br_netfilter", "ip_vs", "ip_vs_rr"]


def test_a_kube_proxy_setting_of_the_stack_comes_to_that_of_the_guide() -> None:
    """The system's conntrack table stays as it is, unless the stack has the setting."""
    for own, wanted in ({"mode": "iptables"}, 0), ({"conntrack": {"maxPerCore": 32768}}, 32768):
        stack = with_setting("cluster", kubeProxyConfiguration=own)
        documents = yaml.safe_load_all(files_of(stack, "node1")["/etc/kubernetes/kubeadm/config.yaml"])
        (found,) = [each for each in documents if each["kind"] == "KubeProxyConfiguration"]
        assert found["conntrack"] == {"maxPerCore": wanted}
        assert found.get("mode") == own.get("mode")


def hosts_toml(registries: Stack, name: str) -> tuple[dict[str, Any], str]:
    """What containerd reads for a registry, and the mode of the file."""
    settings = parse_settings(with_workers() | {"containerd": {"registries": registries}})
    passwords = {each: f"password of {each}" for each in containerd.registries_with_password(settings)}
    files = [*containerd.registry_files(settings), *containerd.credential_files(settings, passwords)]
    (found,) = [file for file in files if file.path == f"/etc/containerd/certs.d/{name}/hosts.toml"]
    return tomllib.loads(found.content)["host"], found.mode


@pytest.mark.parametrize(
    ("url", "overrides"),
    [
        ("https://hub.example.com/v2/dockerhub", True),
        ("https://hub.example.com/v2/dockerhub/", True),
        ("https://hub.example.com/artifactory/api/docker/v2/x", True),
        ("https://hub.example.com/v2", False),
        ("https://hub.example.com/v2/", False),
        ("https://hub.example.com/dockerhub", False),
        ("https://hub.example.com", False),
    ],
)
def test_a_path_of_a_mirror_is_asked_once(url: str, overrides: bool) -> None:
    """containerd appends `/v2` to a path, and requested `/v2/dockerhub/v2/...` from a proxy cache of Harbor."""
    found, _ = hosts_toml({"docker.io": {"mirrors": [url]}}, "docker.io")
    assert found[url].get("override_path", False) == overrides
    settings = parse_settings(
        with_workers(version="1.24.3") | {"containerd": {"registries": {"docker.io": {"mirrors": [url]}}}}
    )
    files = containerd.configuration_files(settings)
    (old,) = [tomllib.loads(file.content) for file in files if file.path.endswith(".1.4")]
    mirrors = old["plugins"]["io.containerd.grpc.v1.cri"]["registry"]["mirrors"]["docker.io"]["endpoint"]
    assert mirrors[0].count("/v2") == (url != "https://hub.example.com")


def test_a_mirror_gets_the_authority_and_the_password_of_its_own_registry(tmp_path: Path) -> None:
    """As documented; a mirror at a host that is no registry of the stack gets no password."""
    for name in ("hub", "other"):
        (tmp_path / name).write_text(CA)
    mirrors = ["https://HUB.example.com:443/v2/dockerhub", "https://mirror.example.com"]
    registries = {
        "docker.io": {"mirrors": mirrors, "username": "jo", "passwordKey": "other", "caFile": str(tmp_path / "other")},
        "hub.example.com": {"username": "robot", "caFile": str(tmp_path / "hub")},
        "quay.io": {"mirrors": ["https://hub.example.com/v2/quay"]},
        "ghcr.io": {"mirrors": ["https://mirror.example.com"]},
    }
    found, mode = hosts_toml(registries, "docker.io")
    headers = {
        url: base64.b64decode(each["header"]["Authorization"][0][6:]) for url, each in found.items() if "header" in each
    }
    assert headers == {
        mirrors[0]: b"robot:password of hub.example.com",
        "https://registry-1.docker.io": b"jo:password of docker.io",
    }
    assert [each["ca"].split("/")[4] for each in found.values()] == ["hub.example.com", "docker.io", "docker.io"]
    assert mode == "0600"
    found, mode = hosts_toml(registries, "quay.io")
    assert "header" in found["https://hub.example.com/v2/quay"]
    assert mode == "0600"
    found, mode = hosts_toml(registries, "ghcr.io")
    assert not [each for each in found.values() if "header" in each]
    assert mode == "0644"


def test_a_password_never_travels_over_plain_http() -> None:
    """A registry without TLS has no login, or the stack is refused."""
    registries: Stack = {"hub.test:5000": {"mirrors": ["http://hub.test:5000"]}}
    assert problems(with_setting("containerd", registries=registries)) == []
    registries["hub.test:5000"]["username"] = "robot"
    problem = only_problem(with_setting("containerd", registries=registries))
    assert problem.startswith("containerd.registries.hub.test:5000.mirrors: the password of hub.test:5000 would travel")


def test_a_runtime_that_others_add_to_containerd_stays() -> None:
    """Such as that of a GPU, in a file of its own: the main file is ours."""
    files = containerd.configuration_files(parse_settings(with_workers()))
    read = [tomllib.loads(file.content) for file in files if file.path.endswith((".1", ".2"))]
    assert [each.get("imports") for each in read] == [["/etc/containerd/conf.d/*.toml"]] * 2


def repository_with_authority(directory: Path, url: str, certificate: str) -> Stack:
    """An apt repository behind an authority of its own."""
    path = directory / f"{certificate}.crt"
    path.write_text(f"{certificate}\n")
    return {"url": url, "keyring": f"{url}/key", "fingerprint": "A" * 40, "caFile": str(path)}


def test_apt_trusts_the_authority_of_a_repository_for_its_server_alone(tmp_path: Path) -> None:
    """Two repositories of one server have both authorities; another server has its own."""
    stack = smallest()
    stack["packages"] = {
        "repository": repository_with_authority(tmp_path, "https://Hub.example.com:8443/{minor}", "one")
    }
    stack["containerd"] = {"repository": repository_with_authority(tmp_path, "https://hub.example.com/docker", "two")}
    files = {file.path: file for file in apt.repository_files(apt.repositories(parse_settings(stack)))}
    assert files["/etc/apt/authorities/hub.example.com.crt"].content == "one\ntwo\n"
    assert files["/etc/apt/apt.conf.d/90pulumi-kubeadm-authorities"].content == (
        'Acquire::https::hub.example.com::CaInfo "/etc/apt/authorities/hub.example.com.crt";\n'
    )
    stack["containerd"] = {"repository": repository_with_authority(tmp_path, "https://192.0.2.9/docker", "two")}
    files = {file.path: file for file in apt.repository_files(apt.repositories(parse_settings(stack)))}
    assert files["/etc/apt/authorities/hub.example.com.crt"].content == "one\n"
    assert files["/etc/apt/authorities/192.0.2.9.crt"].content == "two\n"
    assert not [path for path in files if "older version" in effect_of(path).text], "the plan knows each file"
    stack["packages"]["repository"].pop("caFile")
    stack["containerd"] = {}
    assert not [
        file for file in apt.repository_files(apt.repositories(parse_settings(stack))) if "authorities" in file.path
    ]


def test_a_repository_that_is_named_twice_has_both_authorities(tmp_path: Path) -> None:
    """apt wants one entry for both, and the server may show a certificate of either."""
    one, two = (repository_with_authority(tmp_path, "https://hub.example.com/apt", name) for name in ("one", "two"))
    stack = smallest() | {"packages": {"repository": one}, "containerd": {"repository": two}}
    files = {file.path: file.content for file in apt.repository_files(apt.repositories(parse_settings(stack)))}
    assert len([path for path in files if path.startswith("/etc/apt/sources.list.d/")]) == 1
    assert files["/etc/apt/authorities/hub.example.com.crt"] == "one\ntwo\n"


@pytest.mark.parametrize("url", ["http://hub.example.com/apt", "https://[2001:db8::1]/apt"])
def test_an_authority_of_a_server_that_apt_cannot_name_is_refused(tmp_path: Path, url: str) -> None:
    """Without TLS nothing is checked, and a colon would end the name in the setting."""
    stack = smallest() | {"packages": {"repository": repository_with_authority(tmp_path, url, "one")}}
    assert "caFile is for an address that begins with https://" in only_problem(stack)
