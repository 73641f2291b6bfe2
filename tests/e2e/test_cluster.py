"""A cluster on three machines is what the guide promises. The tests run in the order of this file."""

from __future__ import annotations

import json
import re
import ssl
import time
import urllib.error
import urllib.request
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cell import CELL
from tests.e2e.conftest import (
    E2E,
    Cluster,
    last_login_is_from,
    machine_names,
    operation,
    reboot,
    through_bastion,
    worker_names,
)

VERSION = CELL.kubernetes


def test_every_node_is_ready_at_the_pinned_version_and_with_its_own_address(live: Cluster) -> None:
    """Nodes, versions and InternalIPs are those of the stack file."""
    seen = {}
    for node in live.get("nodes")["items"]:
        conditions = {each["type"]: each["status"] for each in node["status"]["conditions"]}
        address = next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")
        version = node["status"]["nodeInfo"]["kubeletVersion"]
        seen[node["metadata"]["name"]] = (conditions["Ready"], version, address)
    assert seen == {name: ("True", f"v{VERSION}", E2E.address(name)) for name in machine_names()}


def test_no_join_token_outlives_its_join(live: Cluster) -> None:
    """Each join deletes its own, and the permission to do so goes with it. What kubeadm init made expires."""
    tokens = live.get("secrets", "--namespace=kube-system", "--field-selector=type=bootstrap.kubernetes.io/token")
    described = [b64decode(each["data"]["description"]).decode() for each in tokens["items"]]
    assert not [description for description in described if description.startswith("join of ")]
    names = live.kubectl("get", "roles,rolebindings", "--namespace=kube-system", "--output=name")
    assert "bootstrap-token-" not in names


@pytest.mark.parametrize(
    "pod",
    [
        {"volumes": [{"name": "host", "hostPath": {"path": "/etc/kubernetes"}}]},
        {"hostPID": True},
        {"containers": [{"name": "c", "image": "x", "securityContext": {"privileged": True}}]},
    ],
    ids=["path of the host", "processes of the host", "privileged"],
)
def test_a_pod_that_would_be_root_on_its_node_is_refused(live: Cluster, pod: dict[str, Any]) -> None:
    """Whoever may make pods in a namespace of the stack would have the control plane."""
    spec = {"containers": [{"name": "c", "image": "x"}], "nodeName": machine_names()[0]} | pod
    metadata = {"name": "root", "namespace": "kubernetes-dashboard"}
    made = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    refusal = live.kubectl("create", "--dry-run=server", "--filename=-", standard_input=made, check=False)
    assert 'violates PodSecurity "baseline' in refusal


def test_the_control_plane_keeps_pods_away_only_where_it_can(live: Cluster) -> None:
    """The taint is the guide's: PreferNoSchedule."""
    taints = live.get("node", machine_names()[0])["spec"]["taints"]
    assert taints == [{"key": "node-role.kubernetes.io/control-plane", "effect": "PreferNoSchedule"}]


@pytest.mark.parametrize("machine", machine_names())
def test_the_machine_is_prepared_as_the_guide_asks(live: Cluster, machine: str) -> None:
    """Sysctls, modules, swap, holds, names and the pause image."""
    sysctls = "net.bridge.bridge-nf-call-ip6tables net.bridge.bridge-nf-call-iptables net.ipv4.ip_forward"
    assert live.on(machine, f"sysctl --values {sysctls} vm.swappiness").split() == ["1", "1", "1", "0"]
    assert (
        live.on(machine, "swapon --noheadings --show; grep -cE '^[^#].*\\sswap\\s' /etc/fstab || true").strip() == "0"
    )
    assert live.on(machine, "cat /etc/modules-load.d/kubernetes.conf").split() == ["overlay", "br_netfilter"]
    assert live.on(machine, "apt-mark showhold").split() == ["kubeadm", "kubectl", "kubelet"]
    assert live.on(machine, "hostname").strip() == machine
    for name in machine_names():
        assert live.on(machine, f"getent hosts {name}").split()[0] == E2E.address(name)
    assert "DefaultTimeoutStopUSec=5s" in live.on(machine, "systemctl show --property DefaultTimeoutStopUSec")
    assert f"hub.example.test/gcr/pause:{CELL.release.pause}" in live.on(machine, "containerd config dump")


def test_a_pod_with_an_image_of_the_private_registry_starts_on_every_node(pods: dict[str, str]) -> None:
    """Containerd has the credentials of the registry."""
    assert sorted(pods) == sorted(machine_names())


def test_without_its_password_the_registry_refuses(live: Cluster) -> None:
    """The test above would prove nothing against an open registry."""
    seen = live.on(
        machine_names()[0],
        "curl --silent --insecure --output /dev/null --write-out '%{http_code}' https://hub.example.test/v2/",
    )
    assert seen == "401"


@pytest.mark.parametrize("worker", worker_names())
def test_a_pod_resolves_names(live: Cluster, pods: dict[str, str], worker: str) -> None:
    """Cluster DNS answers on each worker."""
    assert live.kubectl(
        "--namespace=shop",
        "exec",
        pod_on(live, worker),
        "--",
        "/probe",
        "resolve",
        "kubernetes.default.svc.cluster.local",
    ).strip()


def test_pods_reach_each_other_across_nodes_and_through_a_service(live: Cluster, pods: dict[str, str]) -> None:
    """HTTP between every pair of nodes, and through the ClusterIP."""
    for source in pods:
        name = pod_on(live, source)
        for target, address in pods.items():
            answer = live.kubectl("--namespace=shop", "exec", name, "--", "/probe", "get", f"http://{address}:8080/")
            assert pod_on(live, target) in answer
        assert "probe-" in live.kubectl("--namespace=shop", "exec", name, "--", "/probe", "get", "http://probe.shop/")


def test_the_pull_secret_is_there_and_attached(live: Cluster) -> None:
    """The namespace for which the stack file has a pull secret."""
    account = live.get("--namespace=shop", "serviceaccount", "default")
    assert account["imagePullSecrets"] == [{"name": "registry-credentials"}]
    assert live.get("--namespace=shop", "secret", "registry-credentials")["type"] == "kubernetes.io/dockerconfigjson"


@pytest.mark.parametrize("machine", machine_names())
def test_the_dashboard_answers_on_every_node_and_lets_nobody_in_without_a_token(live: Cluster, machine: str) -> None:
    """NodePort 30009 with TLS: refused without a token and with a wrong one, open to admin-user."""
    url = f"https://{E2E.address(machine)}:30009/api/v1/namespaces"
    assert status_of(url, None) == 401
    assert status_of(url, "wrong") == 401
    token = live.kubectl(*live.stack.output("loginTokenCommand").split()[1:]).strip()
    assert status_of(url, token) == 200


def test_the_example_role_allows_its_verbs_and_nothing_else(live: Cluster) -> None:
    """get, watch, list, create secrets."""
    user = ("--as=secret-operator", "--all-namespaces")
    allowed = {
        verb: live.kubectl("auth", "can-i", verb, "secrets", *user, check=False).splitlines()[-1]
        for verb in ("get", "watch", "list", "create", "delete", "update")
    }
    assert [verb for verb, answer in allowed.items() if answer == "yes"] == ["get", "watch", "list", "create"]
    assert live.kubectl("auth", "can-i", "get", "pods", *user, check=False).splitlines()[-1] == "no"


def test_status_says_that_all_is_well(live: Cluster) -> None:
    """Of this version and these systems too."""
    code, output = operation("status", E2E.name, "--kubeconfig", str(live.kubeconfig))
    assert (code, "all is well" in output) == (0, True), output


def test_status_looks_at_machines_through_a_bastion(live: Cluster) -> None:
    """With the SSH of this host, and the same settings as Pulumi's."""
    first, second = machine_names()[:2]
    assert last_login_is_from(second) != E2E.address(first)
    with through_bastion(first):
        code, output = operation("status", E2E.name, "--kubeconfig", str(live.kubeconfig))
    assert (code, "all is well" in output) == (0, True), output
    assert last_login_is_from(second) == E2E.address(first)


def test_a_login_token_of_the_reader_opens_what_it_may_read(live: Cluster) -> None:
    """`make token`: pods of its namespace, and of no other."""
    code, output = operation("token", E2E.name, "reader", "--duration", "10m")
    assert code == 0, output
    token = output.splitlines()[0]
    assert "default/reader: valid for 10 min" in output
    assert [status_of(pods_of(namespace), token) for namespace in ("default", "kube-system")] == [200, 403]
    assert status_of(pods_of("default"), f"{token}x") == 401


def test_a_long_lived_token_is_made_by_the_cluster_and_opens_what_its_account_may(live: Cluster) -> None:
    """From 1.24 on only for those who ask for one."""
    secrets = {secret["metadata"]["name"]: secret for secret in live.get("--namespace=default", "secrets")["items"]}
    assert "reader-token" not in secrets
    token = b64decode(secrets["robot-token"]["data"]["token"]).decode()
    assert [status_of(pods_of(namespace), token) for namespace in ("default", "kube-system")] == [200, 403]


def test_a_kubeconfig_of_the_reader_joins_the_stacks_own(live: Cluster, tmp_path: Path) -> None:
    """`make kubeconfig` twice, into one file that only its owner reads; without a user it is the stack's own."""
    file = tmp_path / "kubeconfig"
    for user in ([], ["--user", "reader"]):
        code, output = operation("kubeconfig", E2E.name, *user, "--file", str(file))
        assert code == 0, output
    assert file.stat().st_mode & 0o777 == 0o600
    query = ("auth", "can-i", "delete", "nodes", "--kubeconfig", str(file), "--context")
    answers = [
        live.kubectl(*query, f"{user}@{E2E.name}", check=False).split()[0]  # a warning follows
        for user in ("pulumi-kubeadm", "reader")
    ]
    assert answers == ["yes", "no"]


def test_no_secret_is_in_the_state_in_clear(live: Cluster) -> None:
    """Password, keys and join tokens are encrypted in Pulumi's state and absent from its output."""
    exported = live.stack.pulumi("stack", "export", "--stack", E2E.name, step="export the state")
    key = re.search("client-key-data: (.+)", live.kubeconfig.read_text())
    assert key
    printed = "".join(path.read_text() for path in (E2E.directory.parent / "logs").glob(f"pulumi-{E2E.name}*.log"))
    for canary in (live.access.password, key[1], "BEGIN OPENSSH PRIVATE KEY"):
        assert canary not in exported
        assert canary not in printed


@pytest.mark.parametrize("machine", machine_names())
def test_the_node_is_ready_again_after_a_reboot(live: Cluster, machine: str) -> None:
    """Each machine is rebooted once; swap stays off, and what its cloud does at each boot takes no name away."""
    before = live.get("node", machine)["status"]["nodeInfo"]["bootID"], live.on(machine, "stat --format %Y /run")
    reboot(machine)
    assert live.on(machine, "stat --format %Y /run") != before[1]
    wait_until_ready(live)
    assert live.on(machine, "swapon --noheadings --show") == ""
    assert live.on(machine, "systemctl show --property Result cloud-names; hostname").split() == [
        "Result=success",
        machine,
    ]
    for name in machine_names():
        assert live.on(machine, f"getent hosts {name}").split()[0] == E2E.address(name)


def test_a_second_up_changes_nothing_and_opens_no_connection(live: Cluster) -> None:
    """Counted in the log of every sshd."""
    before = {machine: live.logins(machine) for machine in machine_names()}
    assert all(count > 0 for count in before.values()), "the log counts nothing"
    live.stack.up(None, "--expect-no-changes")
    assert {machine: live.logins(machine) for machine in machine_names()} == before


def pod_on(live: Cluster, node: str) -> str:
    """Name of the probe's pod on a node."""
    found = live.get("--namespace=shop", "pods", "--selector=app=probe", f"--field-selector=spec.nodeName={node}")
    return str(found["items"][0]["metadata"]["name"])


def pods_of(namespace: str) -> str:
    """Where the API server lists the pods of a namespace."""
    return f"https://{E2E.address(machine_names()[0])}:6443/api/v1/namespaces/{namespace}/pods"


def status_of(url: str, token: str | None) -> int:
    """HTTP status of a request with a bearer token; the dashboard's certificate is its own."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def wait_until_ready(live: Cluster) -> None:
    """All nodes Ready and all pods of the system available, within four minutes of a reboot."""
    deadline = time.monotonic() + 240
    while True:
        seen = live.kubectl("get", "nodes", "--output=json", check=False)
        try:
            nodes = json.loads(seen)["items"]
        except ValueError:
            nodes = []
        ready = [n for n in nodes for c in n["status"]["conditions"] if c["type"] == "Ready" and c["status"] == "True"]
        if len(ready) == len(machine_names()):
            return
        assert time.monotonic() < deadline, seen
        time.sleep(2)  # polls the API server
