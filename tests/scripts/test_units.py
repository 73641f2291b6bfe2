"""How systemd starts kubelet and containerd where the owner of a machine wrote units, drop-ins and arguments."""

from __future__ import annotations

import pytest

from components.host_files import File
from tests.scripts.cluster import STATE
from tests.scripts.drift import KUBELET, OF_PACKAGE, drift
from tests.scripts.machine import Finished, Machine
from tests.scripts.preparation import MACHINE_VALUES

CONTAINERD = "/etc/systemd/system/containerd.service.d"
START = "ExecStart=\nExecStart=/usr/bin/kubelet"
IN_VARIABLES = "$KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS"


def prepared(machine: Machine, *files: tuple[str, str]) -> Finished:
    """The checks of a new host with these files of its owner."""
    for path, content in files:
        machine.write(path, machine.relocated(content))
    return machine.run_part("machine", MACHINE_VALUES)


@pytest.mark.parametrize(
    ("setting", "seen"),
    [
        ('Environment="KUBELET_EXTRA_ARGS=--v=4 --node-ip 192.0.2.9"', "--node-ip=192.0.2.9"),
        ("Environment = A=b 'KUBELET_EXTRA_ARGS=--node-ip=192.0.2.9'", "--node-ip=192.0.2.9"),
        ('Environment="KUBELET_CONFIG_ARGS=--config=/opt/x.yaml"', "--config=/opt/x.yaml"),
        ('Environment="KUBELET_KUBECONFIG_ARGS=--kubeconfig=/opt/x"', "--kubeconfig=/opt/x"),
        ("Environment=KUBELET_EXTRA_ARGS=--container-runtime-endpoint=/x.sock", "--container-runtime-endpoint=/x.sock"),
        (f"{START} {IN_VARIABLES} \\\n  --hostname-override template", "--hostname-override=template"),
        (f"{START} $KUBELET_CONFIG_ARGS ${{KUBELET_KUBEADM_ARGS}}", "no $KUBELET_KUBECONFIG_ARGS"),
        (f"ExecStart=\nExecStart=-/opt/bin/kubelet {IN_VARIABLES}", "/opt/bin/kubelet"),
        ('Environment="KUBELET_EXTRA_ARGS=--config-dir=/etc/kubelet.d"', "--config-dir=/etc/kubelet.d"),
        ('Environment="KUBELET_CONFIG_ARGS="', "an empty $KUBELET_CONFIG_ARGS"),
        ("EnvironmentFile=", "an empty $KUBELET_KUBEADM_ARGS"),
    ],
)
def test_a_drop_in_that_overrides_the_arguments_of_the_stack_is_found_before_anything_is_changed(
    sound: Machine, setting: str, seen: str
) -> None:
    """On a clone, or where a guide was followed: the node has another address, or the kubelet no configuration."""
    sound.write("/etc/kubelet.d/more/50-hers.conf", "cgroupDriver: cgroupfs\n")
    finished = prepared(sound, (f"{KUBELET}/20-x.conf", f"[Service]\n{setting}\n"))
    assert finished.status == 1
    expected = (
        f"no start of the kubelet that overrides the arguments of the stack,\n  saw {seen} in {KUBELET}/20-x.conf\n"
    )
    assert expected in finished.stderr.replace(str(sound.root), "")
    sound.write("/etc/kubernetes/kubelet.conf", "")
    assert prepared(sound).status == 0, "a node runs with it: drift names it"


@pytest.mark.parametrize(
    "files",
    [
        {f"{KUBELET}/10-kubeadm.conf": OF_PACKAGE},
        {"/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf": OF_PACKAGE},
        {f"{KUBELET}/http-proxy.conf": "[Service]\nEnvironment=HTTP_PROXY=http://192.0.2.9:3128\n"},
        {f"{KUBELET}/x.conf": "[Service]\nSlice=kube.slice\nCPUAccounting=true\n[Unit]\nAfter=containerd.service\n"},
        {f"{KUBELET}/x.conf": f"[Service]\n{START} {IN_VARIABLES} $KUBELET_EXTRA_ARGS --v=2\n"},
        {f"{KUBELET}/x.conf": '[Service]\nEnvironment="KUBELET_EXTRA_ARGS=--node-ip=192.0.2.11 --max-pods=90"\n'},
        {f"{KUBELET}/x.conf": '[Service]\n#Environment="KUBELET_EXTRA_ARGS=--node-ip=192.0.2.9"\n'},
        {f"{KUBELET}/x.conf.old": '[Service]\nEnvironment="KUBELET_EXTRA_ARGS=--node-ip=192.0.2.9"\n'},
        {f"{KUBELET}/x.conf": '[Service]\nEnvironment="KUBELET_EXTRA_ARGS=--node-ip=${ADDRESS}"\n'},
        {
            f"{KUBELET}/x.conf": '[Service]\nEnvironment="KUBELET_EXTRA_ARGS=--node-ip=192.0.2.9"\n',
            "/etc/default/kubelet": "KUBELET_EXTRA_ARGS=--node-ip=192.0.2.11\n",
        },
        {
            f"{KUBELET}/05-x.conf": '[Service]\nEnvironment="KUBELET_EXTRA_ARGS=--node-ip=192.0.2.9"\n',
            f"{KUBELET}/06-x.conf": "[Service]\nEnvironment=\n",
        },
        {
            f"{KUBELET}/x.conf": '[Service]\nEnvironment="KUBELET_EXTRA_ARGS=--config-dir=/etc/kubelet.d"\n',
            "/etc/kubelet.d/50-ours.yaml": "maxPods: 90\n",
        },
        {
            f"{KUBELET}/x.conf": "",
            "/usr/lib/systemd/system/kubelet.service.d/x.conf": f"[Service]\n{START} --config=/opt/x.yaml\n",
        },
        {f"{CONTAINERD}/http-proxy.conf": "[Service]\nEnvironment=HTTPS_PROXY=http://192.0.2.9:3128\n"},
        {f"{CONTAINERD}/x.conf": "[Service]\nExecStart=\nExecStart=containerd -c /etc/containerd/config.toml\n"},
        {f"{CONTAINERD}/x.conf": "[Service]\nExecStart=\nExecStart=/usr/bin/containerd --log-level debug\n"},
    ],
)
def test_a_drop_in_that_overrides_nothing_of_the_stack_stays(sound: Machine, files: dict[str, str]) -> None:
    """A proxy, a slice, the drop-in that kubeadm's own documentation has; what another file takes back."""
    finished = prepared(sound, *files.items())
    assert finished.status == 0, finished.stderr


def test_a_file_that_hides_the_drop_in_of_kubeadm_is_found_before_anything_is_changed(sound: Machine) -> None:
    """A line for the drop-in of kubeadm, in the directory that it had once: the kubelet starts without arguments."""
    content = '[Service]\nEnvironment="KUBELET_EXTRA_ARGS=--v=2"\n'
    finished = prepared(sound, (f"{KUBELET}/10-kubeadm.conf", content))
    assert finished.status == 1
    assert f"saw no $KUBELET_KUBECONFIG_ARGS in {sound.path(KUBELET)}/10-kubeadm.conf\n" in finished.stderr


@pytest.mark.parametrize("is_there", [True, False])
def test_variables_of_kubeadm_that_a_file_takes_away_are_found(sound: Machine, is_there: bool) -> None:
    """Before the package has brought its drop-in, too: the kubelet would start without kubeconfig and configuration."""
    if is_there:
        sound.write("/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", sound.relocated(OF_PACKAGE))
    finished = prepared(
        sound,
        (f"{KUBELET}/20-x.conf", "[Service]\nEnvironment=\n"),
        ("/etc/default/kubelet", 'KUBELET_KUBEADM_ARGS="--v=2"\n'),
    )
    assert finished.status == 1
    names = ["an empty $KUBELET_KUBECONFIG_ARGS", "an empty $KUBELET_CONFIG_ARGS"]
    seen = [f"{name} in {KUBELET}/20-x.conf" for name in names]
    seen.append("another $KUBELET_KUBEADM_ARGS in /etc/default/kubelet")
    assert "saw " + "\n    ".join(seen) + "\n" in finished.stderr.replace(str(sound.root), "")


def test_drift_names_a_drop_in_of_kubeadm_that_is_gone(machine: Machine) -> None:
    """Once a file in /etc, which apt does not write again by itself. A restarted kubelet has no arguments."""
    machine.write("/etc/kubernetes/kubelet.conf", "")
    assert drift(machine, "look_at_units") == (
        "start of the kubelet: expected 10-kubeadm.conf of package kubeadm or kubelet among its drop-ins, saw none:"
        " without it the kubelet has no configuration; apt-get install --reinstall --allow-change-held-packages"
        " -o Dpkg::Options::=--force-confmiss kubeadm kubelet; apt-mark hold kubeadm kubelet\n"
    )
    machine.write(f"{KUBELET}/10-kubeadm.conf", machine.relocated(OF_PACKAGE))
    assert drift(machine, "look_at_units") == ""


def test_a_file_of_variables_that_a_drop_in_names_is_read(sound: Machine) -> None:
    """Its variables override those of the unit."""
    finished = prepared(
        sound,
        (f"{KUBELET}/x.conf", "[Service]\nEnvironmentFile=-/etc/kubernetes/x.env\nEnvironmentFile=-/etc/none.env\n"),
        ("/etc/kubernetes/x.env", "# hers\nKUBELET_EXTRA_ARGS='--cgroup-driver=cgroupfs'\n"),
    )
    assert finished.status == 1
    assert f"saw --cgroup-driver=cgroupfs in {sound.path('/etc/kubernetes/x.env')}\n" in finished.stderr


@pytest.mark.parametrize(
    "start", ["/usr/bin/containerd --config /opt/config.toml", "/usr/bin/containerd -c=/opt/x", "/opt/bin/containerd"]
)
def test_another_start_of_containerd_is_found_before_anything_is_changed(sound: Machine, start: str) -> None:
    """The configuration of the stack would have no effect."""
    finished = prepared(sound, (f"{CONTAINERD}/override.conf", f"[Service]\nExecStart=\nExecStart={start}\n"))
    assert finished.status == 1
    path = sound.path(CONTAINERD) / "override.conf"
    assert f"saw {sound.relocated(start)} in {path}\n  Next: take ExecStart out of {path}" in finished.stderr
    sound.write("/etc/kubernetes/kubelet.conf", "")
    assert prepared(sound).status == 0, "a node runs with it: drift names it"


OURS = """\
imports = ["/etc/containerd/conf.d/*.toml"]
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = true
"""
DUMP = """\
imports = ["/etc/containerd/conf.d/gpu.toml", "/etc/containerd/config.toml"]
version = 2

[plugins]

  [plugins."io.containerd.grpc.v1.cri"]
    enable_cdi = false
    sandbox_image = "registry.k8s.io/pause:{pause}"

    [plugins."io.containerd.grpc.v1.cri".containerd]

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes]

        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{runtime}]
          runtime_type = "io.containerd.runc.v2"

          [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{runtime}.options]
            SystemdCgroup = true
"""
"""Of containerd 1.6.20, in short."""


@pytest.fixture
def with_gpu(machine: Machine) -> Machine:
    """A machine whose containerd reads a file of a GPU's runtime, which has taken the place of the stack's settings."""
    machine.write("/etc/containerd/conf.d/gpu.toml", "version = 2\n")
    machine.stub("dpkg-query", "echo installed")
    machine.stub("systemctl")
    reads(machine, DUMP.format(pause="3.6", runtime="nvidia"))
    return machine


def reads(machine: Machine, dump: str) -> None:
    """Let containerd say that it reads this configuration."""
    machine.write("/dump", dump)
    machine.stub(
        "containerd",
        '[[ $* != *dump ]] || { echo "level=warning" >&2; exec cat "$ROOT/dump"; }\necho "containerd x 1.6.20 x"',
    )


def prepared_containerd(machine: Machine) -> Finished:
    """The part of a preparation that configures containerd."""
    values = {"CONTAINERD_PACKAGE": "containerd", "KUBERNETES_VERSION": "1.36.3", "OLDEST_CONTAINERD": "1.6"}
    files = [File("/etc/containerd/config.toml.1", machine.relocated(OURS)), File("/etc/crictl.yaml", "")]
    return machine.run_part("containerd", values, files)


def test_a_file_that_takes_the_place_of_the_configuration_of_containerd_is_named(with_gpu: Machine) -> None:
    """containerd would start no pod, or not with the cgroups of systemd, and pull from no private registry."""
    finished = prepared_containerd(with_gpu)
    assert finished.status == 1
    lost = [
        "[plugins.io.containerd.grpc.v1.cri] sandbox_image=registry.k8s.io/pause:3.10",
        "[plugins.io.containerd.grpc.v1.cri.containerd.runtimes.runc.options] SystemdCgroup=true",
    ]
    seen = f"saw other files in {with_gpu.path('/etc/containerd/conf.d')}, without\n    {lost[0]}\n    {lost[1]}\n"
    assert seen in finished.stderr
    assert "systemctl restart containerd" not in with_gpu.calls()
    reads(with_gpu, DUMP.format(pause="3.10", runtime="runc"))
    assert prepared_containerd(with_gpu).status == 0
    reads(with_gpu, DUMP.format(pause="3.6", runtime="nvidia"))
    with_gpu.write(f"{STATE}/prepared", "yes")
    assert prepared_containerd(with_gpu).status == 0, "drift names it"
    assert drift(with_gpu, "look_at_drop_ins") == (
        "what containerd reads: expected the settings of /etc/containerd/config.toml,"
        f" saw other files in /etc/containerd/conf.d, without {lost[0]}, {lost[1]}\n"
    )
    with_gpu.path("/etc/containerd/conf.d/gpu.toml").unlink()
    assert drift(with_gpu, "look_at_drop_ins") == "", "without other files containerd is not asked"


@pytest.mark.parametrize(
    "disabled", ["['io.containerd.grpc.v1.cri']", '["aufs", "cri"]', "['io.containerd.cri.v1.runtime', 'x']"]
)
def test_a_file_that_disables_the_cri_is_named(with_gpu: Machine, disabled: str) -> None:
    """As of a machine that had Docker alone. Other plugins may be disabled: nothing of the stack needs zfs."""
    dump = DUMP.format(pause="3.10", runtime="runc")
    reads(with_gpu, f"disabled_plugins = ['io.containerd.snapshotter.v1.zfs', 'criu.x']\n{dump}")
    assert prepared_containerd(with_gpu).status == 0
    reads(with_gpu, f"disabled_plugins = {disabled}\n{dump}")
    with_gpu.path(f"{STATE}/prepared").unlink(missing_ok=True)
    finished = prepared_containerd(with_gpu)
    assert finished.status == 1
    conf = "/etc/containerd/conf.d"
    assert f"{with_gpu.path(conf)}, without\n    the CRI: disabled_plugins = {disabled}\n" in finished.stderr
    assert drift(with_gpu, "look_at_drop_ins").endswith(f"without the CRI: disabled_plugins = {disabled}\n")


def test_a_unit_that_is_masked_until_the_next_boot_is_found_before_anything_is_changed(sound: Machine) -> None:
    """No step starts it."""
    path = sound.path("/run/systemd/system/kubelet.service")
    path.symlink_to("/dev/null")
    finished = prepared(sound)
    assert finished.status == 1
    assert f"saw {path}, which takes its place\n" in finished.stderr
