"""A machine for each test."""

from pathlib import Path

import pytest

from tests.scripts.cluster import ETCD, NODE_IS_READY, OWNER, SAVES, SNAPSHOTS, STATE, VALUES
from tests.scripts.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which nothing was done yet."""
    root = tmp_path / "machine"
    root.mkdir()
    machine = Machine(root)
    machine.replace("lib/kubelet", "HEALTHY_SECONDS=15", "HEALTHY_SECONDS=1")
    return machine


@pytest.fixture
def control_plane(machine: Machine) -> Machine:
    """A prepared host whose kubeadm works; `up` says whether the cluster is complete."""
    machine.stub(
        "kubeadm",
        'case "$1 $2" in\n"init --config") mkdir -p "$ROOT/etc/kubernetes/pki/etcd"; cd "$ROOT/etc/kubernetes"\n'
        "mkdir -p manifests; echo old >manifests/kube-apiserver.yaml\n"
        "echo --initial-cluster-state=existing >manifests/etcd.yaml\n"
        "echo old | tee pki/apiserver.key >pki/apiserver.crt\n"
        'mkdir -p "$ROOT/var/lib/kubelet"; echo old >"$ROOT/var/lib/kubelet/config.yaml"\n'
        'touch admin.conf controller-manager.conf scheduler.conf pki/etcd/server.crt "$ROOT/up" ;;\n'
        'reset*) rm -f "$ROOT/up" ;;\nesac',
    )
    machine.stub("kubectl", f"[[ -e $ROOT/up ]] || exit 1\n{NODE_IS_READY}")
    machine.stub("crictl", ETCD)
    machine.stub("systemctl")
    machine.stub("openssl", 'cat >/dev/null; echo "notAfter=Nov 24 00:00:00 2027 GMT"')
    machine.write("/etc/kubernetes/kubeadm/config.yaml", "kind: InitConfiguration\n")
    machine.replace("lib/kube_proxies", "STAYS_SECONDS=15", "STAYS_SECONDS=0")
    return machine


@pytest.fixture
def running(control_plane: Machine) -> Machine:
    """A control plane whose kubelet starts the API server with any manifest that does not say `wrong`."""
    assert control_plane.run("init", VALUES).status == 0
    control_plane.stub(
        "kubeadm",
        'cd "$ROOT/etc/kubernetes"\ncase "$*" in\n'
        '*control-plane*) cat "$ROOT/wanted" >manifests/kube-apiserver.yaml ;;\n'
        '*"certs apiserver"*) [[ ! -e $ROOT/no-certificate ]] || exit 1\n'
        "echo new >pki/apiserver.key; cp pki/apiserver.key pki/apiserver.crt ;;\nesac",
    )
    control_plane.stub(
        "crictl",
        f"{ETCD}"
        'manifest=$ROOT/etc/kubernetes/manifests/kube-apiserver.yaml\ncase "$*" in\n'
        '*"ps --quiet"*apiserver*) grep --quiet wrong "$manifest" || sha256sum <"$manifest" ;;\n'
        '*logs*) echo "Error: unknown flag: --wrong" ;;\nesac',
    )
    control_plane.replace("lib/static_pods", "comes_true 180", "comes_true 1")
    control_plane.calls()
    return control_plane


@pytest.fixture
def saved(running: Machine) -> Machine:
    """A control plane whose etcd can be saved; files say that it is silent, or that its snapshots are corrupt."""
    running.write("/etc/kubernetes/backup/settings", f"directory={running.path(SNAPSHOTS)}\nkeep=2\n")
    running.write("/var/lib/etcd/member/snap/db", "data")
    running.write("/etc/kubernetes/kubeadm/config.yaml", "kind: InitConfiguration\n")
    running.write(f"{STATE}/cluster-name", "dev")
    running.write(f"{STATE}/owner", OWNER)
    running.stub("crictl", SAVES)
    return running


@pytest.fixture
def sound(machine: Machine) -> Machine:
    """A machine on which everything is as it has to be."""
    machine.write("/proc/meminfo", "MemTotal:        2097152 kB\nMemFree: 1 kB\n")
    machine.path("/var").mkdir(exist_ok=True)
    machine.path("/run/systemd/system").mkdir(parents=True)
    machine.write("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")
    machine.stub("nproc", "echo 2")
    machine.stub(
        "df", 'case "$*" in\n*avail\\ --block*) printf "Avail\\n 9000\\n" ;;\n*) printf "I F\\n 1 60000\\n" ;;\nesac'
    )
    machine.stub("stat", "echo cgroup2fs")
    machine.stub("apt-get")
    machine.stub("hostname", "echo 192.0.2.11")
    machine.stub("dpkg-query", "exit 1")
    machine.stub("apt-cache", 'echo "  Candidate: 1.7.24~ds1-6"')
    machine.stub(
        "ip",
        '[[ $* == *" to "* && $* != *" to 192.0.2.11/32" ]] ||'
        ' echo "2: eth0 inet 192.0.2.11/24 brd 192.0.2.255 scope global eth0"',
    )
    machine.stub("systemctl", "exit 3")
    machine.write("/etc/resolv.conf", "search example.com\nnameserver 192.0.2.53\n")
    machine.stub("getent", "exit 2")
    machine.stub("modprobe")
    machine.write("/dev/kmsg", "")
    return machine


@pytest.fixture
def worker(machine: Machine) -> Machine:
    """A prepared host whose kubeadm works, and a control plane that lets it in."""
    machine.stub(
        "kubeadm",
        'case "$1 $2" in\n"join --config") touch "$ROOT/etc/kubernetes/kubelet.conf" "$ROOT/joined" ;;\n'
        'reset*) rm -f "$ROOT/joined" "$ROOT/etc/kubernetes/kubelet.conf" ;;\nesac',
    )
    machine.stub("kubectl", f"[[ -e $ROOT/joined ]] || exit 1\n{NODE_IS_READY}")
    machine.stub("curl", "printf 200")
    machine.stub("crictl")
    machine.stub("systemctl")
    return machine
