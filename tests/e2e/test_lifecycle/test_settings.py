"""Settings of a running cluster: each test is one edit of the stack file, its preview, and `pulumi up`."""

from __future__ import annotations

import re
import subprocess

import pytest

from problem import StepError
from tests.e2e.conftest import (
    CREDENTIALS,
    E2E,
    Cluster,
    configure,
    failure,
    machine_names,
    operation,
    probe_pods,
    setting,
)
from tests.e2e.watching import logins, pod_uids, previewed, running_since, touched, until, visits

FIRST, SECOND, THIRD = machine_names()


def test_a_preview_shows_the_lines_that_change_and_connects_to_no_host(live: Cluster) -> None:
    """With the real engine: the plan, the lines of a file, and no resource that need not be looked at."""
    before = logins(live)
    with setting(f'hosts.{THIRD}.sysctl["vm.dirty_ratio"]', "34"):
        seen = previewed()
    assert touched(seen) == {f"{THIRD}/prepare"}
    assert re.search(r"^\s*\+.*vm\.dirty_ratio = 34$", seen.diff, re.MULTILINE)
    assert seen.plan.splitlines()[1:] == [
        f"  {THIRD}: /etc/sysctl.d/99-kubernetes.conf changes: holds at once, nothing restarts"
    ]
    with setting('containerd.registries["docker.io"].mirrors[0]', "https://mirror.example.test"):
        seen = previewed()
    assert touched(seen) == {"host-files", *(f"{machine}/prepare" for machine in machine_names())}
    assert re.search(r'^\s*\+.*\[host\.\\?"https://mirror\.example\.test\\?"\]', seen.diff, re.MULTILINE)
    assert visits(live, before) == dict.fromkeys(machine_names(), 0)


def test_a_preview_of_another_ssh_key_or_password_frightens_nobody(live: Cluster) -> None:
    """What may appear, and that no secret does."""
    other = E2E.directory / "another_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    images = {f"{machine}/images" for machine in machine_names()}
    with setting("ssh.privateKeyFile", str(other)):
        seen = previewed()
    undone = {f"{worker}/{step}" for worker in (SECOND, THIRD) for step in ("prepare", "membership")}
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
    """Files, passwords, sysctls, holds and services; the look itself changes nothing and shows no password."""
    as_it_should_be = "".join(f"{machine}: as it should be\n" for machine in machine_names())
    assert operation("drift", E2E.name) == (0, as_it_should_be)
    live.on(THIRD, "sysctl --quiet vm.dirty_ratio=20; apt-mark unhold kubelet; echo '# by hand' >>/etc/crictl.yaml")
    live.on(SECOND, "systemctl disable --quiet kubelet; echo '192.0.2.9 node9' >>/etc/hosts")
    live.on(SECOND, f"sed --in-place '/Authorization/s/Basic ./Basic x/' {CREDENTIALS}; chmod 644 {CREDENTIALS}")
    live.on(THIRD, f"rm {CREDENTIALS}")
    before = logins(live)
    status, seen = operation("drift", E2E.name)
    assert status == 1
    assert visits(live, before) == dict.fromkeys(machine_names(), 1)
    assert f"{FIRST}: as it should be\n" in seen
    assert "sysctl vm.dirty_ratio: expected 33, saw 20" in seen
    assert "package kubelet: expected it to be held, saw it not held" in seen
    assert "+# by hand" in seen
    assert "service kubelet: expected it to start at boot, saw disabled" in seen
    assert f"{CREDENTIALS}: expected what the last update wrote, saw something else" in seen
    assert f"{CREDENTIALS}: expected the file, saw none" in seen
    assert "Basic" not in seen
    assert "node9" not in seen, "lines of others in /etc/hosts are theirs"
    for machine in (SECOND, THIRD):
        assert operation("repair", E2E.name, machine)[0] == 0
    assert operation("drift", E2E.name) == (0, as_it_should_be)


def test_what_a_failed_update_did_is_undone_by_a_repair_when_the_edit_is_taken_back(live: Cluster) -> None:
    """The state knows the last update that succeeded, so a further update has nothing to do."""
    with setting(f'hosts.{THIRD}.sysctl["vm.dirty_ratio"]', "21"):
        configure("set", "--path", "containerd.package", "no-such-package")
        assert f"{THIRD}: prepare: expected containerd" in failure()
    live.stack.up(None, "--expect-no-changes")
    status, seen = operation("drift", E2E.name)
    assert (status, "sysctl vm.dirty_ratio: expected 33, saw 21" in seen) == (1, True)
    assert operation("repair", E2E.name, THIRD)[0] == 0
    assert operation("drift", E2E.name)[0] == 0


@pytest.mark.parametrize(
    ("path", "value", "refusal"),
    [
        (
            "cluster.networking.podSubnet",
            "10.9.0.0/16",
            "cluster.networking: cannot be changed once the cluster exists",
        ),
        (f"hosts.{THIRD}.nodeIp", "10.0.0.9", f"hosts.{THIRD}.nodeIp: a node keeps its address in the cluster"),
    ],
)
def test_a_change_that_the_cluster_cannot_follow_is_refused_in_the_preview(
    live: Cluster, path: str, value: str, refusal: str
) -> None:
    """With the way out."""
    with setting(path, value), pytest.raises(StepError) as error:
        live.stack.preview()
    assert refusal in str(error.value)


def test_a_field_that_kubernetes_does_not_know_is_refused_before_anything_restarts(live: Cluster) -> None:
    """kubeadm warns of it, and kubelet would not start again."""
    before = running_since(live)
    with setting("cluster.kubeletConfiguration.maxPodz", "5"):
        assert 'saw unknown field "maxPodz"' in failure()
    live.stack.up()
    assert running_since(live) == before


def test_the_pod_network_follows_its_settings(live: Cluster) -> None:
    """Also those that Calico reads when it is made, and never again."""
    pods = probe_pods(live)
    configure("set", "--path", "calico.vxlanMode", "CrossSubnet")
    configure("set", "--path", "calico.mtu", "1400")
    live.stack.up()
    assert live.get("ippools.crd.projectcalico.org", "default-ipv4-ippool")["spec"]["vxlanMode"] == "CrossSubnet"
    live.kubectl("--namespace=kube-system", "rollout", "status", "daemonset/calico-node", "--timeout=180s")
    assert "mtu 1400" in live.on(THIRD, "ip link show vxlan.calico")
    for machine in (SECOND, THIRD):
        for address in pods.values():
            assert live.on(machine, f"curl --silent --fail --max-time 20 http://{address}:8080/")
    live.kubectl("--namespace=shop", "delete", "daemonset/probe", "service/probe")
    live.stack.up(None, "--expect-no-changes")


def test_a_namespace_that_no_setting_names_any_more_stays(live: Cluster) -> None:
    """With what others keep in it."""
    configure("set", "--path", "images.pullSecretNamespaces[1]", "kept")
    live.stack.up()
    live.kubectl("--namespace=kept", "create", "configmap", "somebody-elses")
    configure("rm", "--path", "images.pullSecretNamespaces[1]")
    live.stack.up()
    assert live.get("--namespace=kept", "configmap", "somebody-elses")
    assert "NotFound" in live.kubectl("--namespace=kept", "get", "secret", "registry-credentials", check=False)
