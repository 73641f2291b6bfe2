"""A cluster that changes: each test is one edit of the stack file and one `pulumi up`, on machines that began anew.

The tests run in the order of this file.
"""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from local import cluster, machines
from local.errors import StepError
from local.paths import REPOSITORY
from local.stack import LocalStack
from local.toolchain import environment as tool_environment
from operations._preview import Preview, Selection, preview
from tests.e2e.conftest import E2E, STACK, Cluster, configure, failure, machine_names, setting

FIRST, SECOND, THIRD = machine_names()


@pytest.fixture(scope="module")
def live() -> Iterator[Cluster]:
    """A control plane and one worker."""
    cluster.take_down(STACK)
    access = cluster.prepare_machines(E2E)
    STACK.configure(access)
    configure("rm", "--path", f"hosts.{THIRD}")
    cluster.bring_up(STACK, access)
    yield Cluster(access)
    cluster.take_down(STACK)


def logins(live: Cluster) -> dict[str, int]:
    """SSH logins that each machine has seen."""
    return {machine: live.logins(machine) for machine in machine_names()}


def visits(live: Cluster, before: dict[str, int]) -> dict[str, int]:
    """SSH logins since."""
    now = logins(live)
    return {machine: now[machine] - before[machine] for machine in before}


def node_names(live: Cluster) -> list[str]:
    """Nodes of the cluster that are Ready."""
    return sorted(
        node["metadata"]["name"]
        for node in live.get("nodes")["items"]
        for condition in node["status"]["conditions"]
        if condition["type"] == "Ready" and condition["status"] == "True"
    )


def add_third() -> None:
    """Its line in the stack file."""
    configure("set", "--path", f"hosts.{THIRD}.address", E2E.address(THIRD))


def test_a_join_whose_token_expired_is_made_up_for_by_a_plain_up(live: Cluster) -> None:
    """The machine cannot reach the API server at first; then its token is gone."""
    add_third()
    live.on(THIRD, f"ip route add unreachable {E2E.address(FIRST)}")
    seen = failure()
    assert f"{THIRD}: join: expected the API server at https://{E2E.address(FIRST)}:6443 to answer" in seen
    live.on(THIRD, f"ip route del unreachable {E2E.address(FIRST)}")
    live.on(FIRST, "kubeadm token list -o jsonpath='{.token}{\"\\n\"}' | xargs --no-run-if-empty kubeadm token delete")
    before = logins(live)
    live.stack.up()
    assert node_names(live) == [FIRST, SECOND, THIRD]
    assert visits(live, before) == {FIRST: 1, SECOND: 0, THIRD: 1}


def test_a_worker_that_is_removed_is_drained_deleted_and_reset(live: Cluster) -> None:
    """A drain that cannot finish says which pod, and the next `pulumi up` goes on. Nobody else is touched."""
    live.kubectl("apply", "--filename=-", standard_input=json.dumps(guarded(live.access.probe_image)))
    live.kubectl("rollout", "status", "deployment/guarded", "--timeout=120s")
    configure("rm", "--path", f"hosts.{THIRD}")
    configure("set", "--path", "policy.drainTimeoutSeconds", "15")
    seen = failure()
    assert f"membership: expected node {THIRD} to drain within" in seen
    assert "pods that stay: default/guarded-" in seen
    assert node_names(live) == [FIRST, SECOND, THIRD]
    live.kubectl("delete", "poddisruptionbudget/guarded", "deployment/guarded")
    before = logins(live)
    live.stack.up()
    assert node_names(live) == [FIRST, SECOND]
    assert visits(live, before)[SECOND] == 0
    for look in (
        "find /etc/kubernetes /etc/cni/net.d -mindepth 1",
        "ls /var/lib/pulumi-kubeadm 2>/dev/null || true",
        "iptables-save | grep -E 'KUBE|cali' || true",
        "ip -brief link show | grep -E 'cali|vxlan' || true",
        "apt-mark showhold",
        "grep pulumi /etc/hosts || true",
    ):
        assert live.on(THIRD, look) == "", look


def test_a_worker_that_is_added_costs_one_visit_to_the_control_plane_and_none_to_others(live: Cluster) -> None:
    """The machine that was reset joins as any other."""
    add_third()
    before = logins(live)
    live.stack.up()
    assert node_names(live) == [FIRST, SECOND, THIRD]
    assert visits(live, before)[FIRST] == 1
    assert visits(live, before)[SECOND] == 0
    assert live.on(THIRD, f"getent hosts {SECOND}").split()[0] == E2E.address(SECOND)


def test_a_preview_shows_the_lines_that_change_and_connects_to_no_host(live: Cluster) -> None:
    """With the real engine: the plan, the lines of a file, and no resource that need not be looked at."""
    before = logins(live)
    with setting(f'hosts.{THIRD}.sysctl["vm.dirty_ratio"]', "34"):
        seen = previewed()
    assert touched(seen) == {f"{THIRD}-prepare"}
    assert re.search(r"^\s*\+.*vm\.dirty_ratio = 34$", seen.diff, re.MULTILINE)
    assert seen.plan.splitlines()[1:] == [
        f"  {THIRD}: /etc/sysctl.d/99-kubernetes.conf changes: holds at once, nothing restarts"
    ]
    with setting('containerd.registries["docker.io"].mirrors[0]', "https://mirror.example.test"):
        seen = previewed()
    assert touched(seen) == {f"{machine}-prepare" for machine in machine_names()}
    assert re.search(r'^\s*\+.*\[host."https://mirror.example.test"\]$', seen.diff, re.MULTILINE)
    assert visits(live, before) == dict.fromkeys(machine_names(), 0)


def test_a_preview_of_another_ssh_key_or_password_frightens_nobody(live: Cluster) -> None:
    """What may appear, and that no secret does."""
    other = E2E.directory / "another_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    images = {f"{machine}-images" for machine in machine_names()}
    with setting("ssh.privateKeyFile", str(other)):
        seen = previewed()
    undone = {f"{worker}-{step}" for worker in (SECOND, THIRD) for step in ("prepare", "membership")}
    assert touched(seen) == undone | images
    assert "PRIVATE KEY" not in seen.diff
    with setting("registryPassword", "a-rotated-password", kind="--secret"):
        seen = previewed()
    assert touched(seen) == images | {"shop/registry-credentials"}
    assert "a-rotated-password" not in seen.diff


def test_settings_of_a_running_cluster_are_applied_where_they_belong(live: Cluster) -> None:
    """Label, taint, kubelet, API server and sysctl in one edit; pods keep running."""
    pods = pod_uids(live)
    for path, value in {
        f"hosts.{SECOND}.labels.zone": "a",
        f'hosts.{SECOND}.labels["node-role.kubernetes.io/worker"]': "yes",
        f"hosts.{SECOND}.taints[0].key": "dedicated",
        f"hosts.{SECOND}.taints[0].effect": "PreferNoSchedule",
        f'hosts.{THIRD}.sysctl["vm.dirty_ratio"]': "33",
        "cluster.kubeletConfiguration.maxPods": "77",
        "cluster.clusterConfiguration.apiServer.extraArgs[0].name": "tls-min-version",
        "cluster.clusterConfiguration.apiServer.extraArgs[0].value": "VersionTLS13",
    }.items():
        configure("set", "--path", path, value)
    live.stack.up()
    node = live.get("node", SECOND)
    assert node["metadata"]["labels"]["zone"] == "a"
    assert "node-role.kubernetes.io/worker" in node["metadata"]["labels"]
    assert {"key": "dedicated", "effect": "PreferNoSchedule"} in node["spec"]["taints"]
    until(lambda: {each["status"]["capacity"]["pods"] for each in live.get("nodes")["items"]} == {"77"})
    assert live.on(THIRD, "sysctl --values vm.dirty_ratio").strip() == "33"
    command = live.get("--namespace=kube-system", "pod", f"kube-apiserver-{FIRST}")["spec"]["containers"][0]["command"]
    assert "--tls-min-version=VersionTLS13" in command
    assert pods.items() <= pod_uids(live).items()
    live.stack.up(None, "--expect-no-changes")


def test_labels_and_taints_that_are_taken_away_go(live: Cluster) -> None:
    """Those of others stay."""
    live.kubectl("label", "node", SECOND, "by-hand=yes")
    live.kubectl("taint", "node", SECOND, "by-hand=yes:PreferNoSchedule")
    configure("rm", "--path", f"hosts.{SECOND}.labels.zone")
    configure("rm", "--path", f"hosts.{SECOND}.taints")
    live.stack.up()
    node = live.get("node", SECOND)
    assert "zone" not in node["metadata"]["labels"]
    assert node["metadata"]["labels"]["by-hand"] == "yes"
    assert [taint["key"] for taint in node["spec"]["taints"]] == ["by-hand"]


def test_drift_is_found_in_one_visit_to_each_host_and_repaired(live: Cluster) -> None:
    """Files, sysctls, holds and services; the look itself changes nothing."""
    as_it_should_be = "".join(f"{machine}: as it should be\n" for machine in machine_names())
    assert operation("drift") == (0, as_it_should_be)
    live.on(THIRD, "sysctl --quiet vm.dirty_ratio=20; apt-mark unhold kubelet; echo '# by hand' >>/etc/crictl.yaml")
    live.on(SECOND, "systemctl disable --quiet kubelet; echo '192.0.2.9 node9' >>/etc/hosts")
    before = logins(live)
    status, seen = operation("drift")
    assert status == 1
    assert visits(live, before) == dict.fromkeys(machine_names(), 1)
    assert f"{FIRST}: as it should be\n" in seen
    assert "sysctl vm.dirty_ratio: expected 33, saw 20" in seen
    assert "package kubelet: expected it to be held, saw it not held" in seen
    assert "+# by hand" in seen
    assert "service kubelet: expected it to start at boot, saw disabled" in seen
    assert "node9" not in seen, "lines of others in /etc/hosts are theirs"
    for machine in (SECOND, THIRD):
        assert operation("repair", machine)[0] == 0
    assert operation("drift") == (0, as_it_should_be)


def test_certificates_are_renewed_by_one_setting(live: Cluster) -> None:
    """The new kubeconfig works, and the API with it."""
    serial = "openssl x509 -noout -serial -in /etc/kubernetes/pki/apiserver.crt"
    before = live.on(FIRST, serial)
    old = live.kubeconfig.read_text()
    configure("set", "--path", "cluster.certificateGeneration", "1")
    cluster.bring_up(STACK, live.access)
    assert live.on(FIRST, serial) != before
    assert live.kubeconfig.read_text() != old
    assert node_names(live) == [FIRST, SECOND, THIRD]
    assert set(live.stack.output("certificateExpiry")) >= {"apiserver", "admin.conf", "ca", "etcd/server"}


def test_a_machine_that_is_gone_leaves_the_cluster_without_a_visit(live: Cluster) -> None:
    """And another one comes back under its name and address."""
    machines.delete_machine(E2E, THIRD)
    configure("set", "--path", f"hosts.{THIRD}.gone", "true")
    live.stack.up()
    assert [node["metadata"]["name"] for node in live.get("nodes")["items"]] == [FIRST, SECOND]
    live.stack.up(None, "--expect-no-changes")
    machines.create(E2E)
    configure("rm", "--path", f"hosts.{THIRD}.gone")
    live.stack.up()
    assert node_names(live) == [FIRST, SECOND, THIRD]


def test_a_second_stack_on_the_same_machines_is_refused_with_the_name_of_the_first(live: Cluster) -> None:
    """Before anything is changed."""
    second = LocalStack(dataclasses.replace(E2E, name="second"), STACK.source)
    second.environment.directory.mkdir(exist_ok=True, mode=0o700)
    second.configure(live.access)
    with pytest.raises(StepError) as error:
        second.up()
    assert f"{FIRST}: prepare: expected a machine of stack kubeadm/second, or of none" in str(error.value)
    assert "the machine belongs to stack kubeadm/e2e" in str(error.value)
    second.pulumi("stack", "rm", "--yes", "--force", "--preserve-config", "second", step="remove the stack")
    assert node_names(live) == [FIRST, SECOND, THIRD]


def test_a_change_that_the_cluster_cannot_follow_is_refused_in_the_preview(live: Cluster) -> None:
    """With the way out."""
    with setting("cluster.networking.podSubnet", "10.9.0.0/16"), pytest.raises(StepError) as error:
        live.stack.preview()
    assert "cluster.networking: cannot be changed once the cluster exists" in str(error.value)


def test_machines_are_reset_by_a_destroy_that_may_and_carry_a_new_cluster_afterwards(live: Cluster) -> None:
    """Without a drain."""
    configure("set", "--path", "policy.resetOnDestroy", "true")
    live.stack.up()
    live.stack.destroy()
    for machine in machine_names():
        assert live.on(machine, "find /etc/kubernetes /var/lib/etcd -mindepth 1") == ""
        assert live.on(machine, "ls /var/lib/pulumi-kubeadm 2>/dev/null || true") == ""
    cluster.bring_up(STACK, live.access)
    assert node_names(live) == [FIRST, SECOND, THIRD]


def previewed() -> Preview:
    """What the real engine says that an update would do."""
    arguments = ("--stack", E2E.name, "--config-file", str(STACK.file))
    seen = preview(Selection(REPOSITORY, arguments, tool_environment()))
    assert not seen.errors
    return seen


def touched(seen: Preview) -> set[str]:
    """Names of the resources that would be created, updated, replaced or deleted."""
    return {urn.rpartition("::")[2] for urn in seen.touched}


def operation(command: str, *arguments: str) -> tuple[int, str]:
    """Exit status and standard output of `python -m operations`."""
    full = [sys.executable, "-m", "operations", command, E2E.name, *arguments]
    finished = subprocess.run(full, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=300)
    return finished.returncode, finished.stdout


def guarded(image: str) -> dict[str, object]:
    """A pod on the third node that its disruption budget keeps there."""
    labels = {"app": "guarded"}
    pod = {
        "nodeSelector": {"kubernetes.io/hostname": THIRD},
        "containers": [{"name": "probe", "image": image}],
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "guarded", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "guarded", "namespace": "default"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}},
    }
    return {"apiVersion": "v1", "kind": "List", "items": [deployment, budget]}


def pod_uids(live: Cluster) -> dict[str, str]:
    """Identity of each pod of the pod network and the dashboard, by name."""
    found = live.get("pods", "--all-namespaces")["items"]
    kept = ("calico", "kubernetes-dashboard", "coredns")
    return {p["metadata"]["name"]: p["metadata"]["uid"] for p in found if p["metadata"]["name"].startswith(kept)}


def until(condition: object, seconds: int = 60) -> None:
    """Wait until something is so; fails after a while."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(1)  # polls the API server
