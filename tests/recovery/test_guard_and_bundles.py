"""An etcd whose data are gone serves no empty cluster, and bundles are taken whatever happens."""

from __future__ import annotations

import subprocess
import time

import pytest

from local.paths import REPOSITORY
from tests.ha.machines import HA, HaCluster, on_machine
from tests.recovery.commands import power_off, power_on
from tests.recovery.conftest import ONLY

WAIT_SECONDS = 100
SERVES = (
    "curl --silent --insecure --max-time 3 --output /dev/null --write-out '%{http_code}' https://127.0.0.1:6443/readyz"
)
BUNDLES = "/var/lib/pulumi-kubeadm/etcd-snapshots"
SERVICE = "kubernetes-backup.service"


def answers_while_data_are_gone(seconds: int) -> set[str]:
    """Statuses of the API server of a machine that starts without the data of etcd; they come back afterwards."""
    on_machine(ONLY, "mv /var/lib/etcd/member /var/lib/etcd-away")
    subprocess.run(["podman", "restart", "--time", "20", HA.container(ONLY)], check=True, capture_output=True)
    seen, end = set(), time.monotonic() + seconds
    while time.monotonic() < end:
        seen.add(on_machine(ONLY, f"{SERVES} || true"))
        time.sleep(1)
    on_machine(ONLY, "rm -rf /var/lib/etcd/member; mv -T /var/lib/etcd-away /var/lib/etcd/member")
    return seen


def test_a_machine_that_starts_without_the_data_of_etcd_serves_no_empty_cluster(one: HaCluster) -> None:
    """As with a disk that is not mounted. With its data it goes on."""
    manifest = on_machine(ONLY, "cat /etc/kubernetes/manifests/etcd.yaml")
    assert manifest.count("--initial-cluster-state=existing") == 1
    one.kubectl("create", "configmap", "known")
    assert "200" not in answers_while_data_are_gone(WAIT_SECONDS)
    end = time.monotonic() + 300
    while on_machine(ONLY, f"{SERVES} || true") != "200":
        assert time.monotonic() < end
        time.sleep(2)
    assert "known" in one.kubectl("get", "configmaps", "--output", "name")


def test_the_timer_saves_etcd(one: HaCluster) -> None:
    """Its service works, and others on the machine do not read what it writes."""
    on_machine(ONLY, "systemctl is-enabled kubernetes-backup.timer; systemctl start kubernetes-backup.service")
    listed = on_machine(ONLY, f"stat --format '%a %s %n' {BUNDLES}/*")
    mode, size, name = listed.splitlines()[-1].split()
    assert mode == "600"
    assert int(size) > 100_000
    owner = on_machine(ONLY, "cat /var/lib/pulumi-kubeadm/owner")
    assert f"/{HA.name}-{owner.strip()}-{ONLY}-" in name


def test_status_has_nothing_to_say_of_etcd(one: HaCluster) -> None:
    """Members, leader, size and the age of the bundle are as they should be."""
    command = ["make", "--silent", "status", f"STACK={HA.name}"]
    printed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout
    assert "etcd" not in printed, printed


MOMENTS = {"etcd is read": "/var/lib/etcd/bundle.db*", "the bundle is packed": f"{BUNDLES}/*.bundle.new"}
"""Files that are there while a snapshot is taken."""
FREEZE = f"""
systemctl start --no-block {SERVICE}
end=$((SECONDS + 60))
until compgen -G 'PATTERN' >/dev/null || ((SECONDS > end)); do :; done
systemctl kill --signal=STOP {SERVICE} || true
if compgen -G 'PATTERN' >/dev/null; then
  echo frozen
else
  systemctl kill --signal=CONT {SERVICE} || true
  systemctl start {SERVICE}
fi
"""
"""The service stands still in the middle of its work, unless it was faster."""
EACH_IS_WHOLE = f"""
for bundle in {BUNDLES}/*.bundle; do
  content=$(mktemp --directory)
  tar --extract --gzip --file "$bundle" --directory "$content"
  (cd "$content" && sha256sum --check --quiet --strict SHA256SUMS)
  rm -r "$content"
done
"""


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_power_cut_during_a_snapshot_leaves_no_half_bundle(one: HaCluster, moment: str) -> None:
    """The next one is whole, and nothing of the half one is left."""
    before = on_machine(ONLY, f"ls {BUNDLES}").split()
    attempts = 5
    while "frozen" not in on_machine(ONLY, FREEZE.replace("PATTERN", MOMENTS[moment])):
        attempts -= 1
        assert attempts
    assert on_machine(ONLY, f"compgen -G '{MOMENTS[moment]}'")
    power_off(ONLY)
    power_on(ONLY)
    wait_until_it_serves()
    on_machine(ONLY, EACH_IS_WHOLE)
    on_machine(ONLY, f"systemctl start {SERVICE}\n{EACH_IS_WHOLE}")
    after = on_machine(ONLY, f"ls {BUNDLES}").split()
    assert max(after) > max(before)
    assert all(name.endswith(".bundle") for name in after)
    assert on_machine(ONLY, "ls /var/lib/etcd") == "member\n"


def wait_until_it_serves() -> None:
    """The API server of the control plane is ready within five minutes."""
    end = time.monotonic() + 300
    while on_machine(ONLY, f"{SERVES} || true") != "200":
        assert time.monotonic() < end
        time.sleep(2)


MANIFEST = "/etc/kubernetes/manifests/etcd.yaml"
LISTS = "kubectl --kubeconfig /etc/kubernetes/super-admin.conf get configmaps --output name"
STOP = """
systemctl stop kubelet
# An API server that runs on serves what it remembers of the etcd before.
crictl ps --quiet --name '^(etcd|kube-apiserver)$' | xargs --no-run-if-empty crictl stop
"""
PUT_BACK = f"""{STOP}
rm -rf /var/lib/etcd/member
mv -T /var/lib/etcd-away /var/lib/etcd/member
cp /var/lib/etcd-manifest.yaml {MANIFEST}
systemctl start kubelet
"""


def test_the_manifest_of_kubeadm_itself_serves_an_empty_cluster(one: HaCluster) -> None:
    """It is the argument that prevents it: without it the cluster seems to be there, and has no object."""
    one.kubectl("create", "configmap", "not-lost")
    on_machine(
        ONLY,
        f"cp {MANIFEST} /var/lib/etcd-manifest.yaml; sed --in-place '/--initial-cluster-state=existing/d' {MANIFEST}",
    )
    wait_until_it_serves()
    on_machine(ONLY, f"{STOP} mv /var/lib/etcd/member /var/lib/etcd-away; systemctl start kubelet")
    try:
        wait_until_it_serves()
        # The groups of an empty cluster have no rights yet, but for that of this kubeconfig.
        assert "not-lost" not in on_machine(ONLY, LISTS)
    finally:
        on_machine(ONLY, PUT_BACK)
    wait_until_it_serves()
    assert "not-lost" in on_machine(ONLY, LISTS)
    assert "not-lost" in one.kubectl("get", "configmaps", "--output", "name")
