"""Settings of a running cluster: each test is one edit of the stack file, its preview, and `pulumi up`."""

from __future__ import annotations

import re
import subprocess

import pytest

from local import cluster
from local.errors import StepError
from tests.e2e.conftest import CREDENTIALS, E2E, STACK, Cluster, configure, failure, machine_names, operation, setting
from tests.e2e.watching import logins, node_names, pod_uids, previewed, touched, until, visits

FIRST, SECOND, THIRD = machine_names()


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


def test_a_change_that_the_cluster_cannot_follow_is_refused_in_the_preview(live: Cluster) -> None:
    """With the way out."""
    with setting("cluster.networking.podSubnet", "10.9.0.0/16"), pytest.raises(StepError) as error:
        live.stack.preview()
    assert "cluster.networking: cannot be changed once the cluster exists" in str(error.value)
