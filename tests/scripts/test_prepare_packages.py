"""Parts of `prepare` that install containerd and Kubernetes."""

from __future__ import annotations

import pytest

from components.host_files import File
from components.steps.scripts import SCRIPTS
from tests.scripts.machine import Machine


@pytest.fixture
def with_packages(machine: Machine) -> Machine:
    """A machine whose package repository has Kubernetes 1.36.3 and an older one."""
    machine.stub(
        "dpkg-query",
        '[[ -e $ROOT/installed ]] || exit 1\nprintf "%s %s" "$(cat "$ROOT/status")" "$(cat "$ROOT/installed")"',
    )
    machine.write("/status", "installed")
    machine.stub("apt-cache", 'printf " %s | %s | repository\\n" "$2" 1.36.3-1.1 "$2" 1.36.2-1.1')
    machine.stub(
        "apt-get",
        '[[ " $* " != *" update "* ]] || { touch "$ROOT/updated"; exit 0; }\n'
        'printf 1.36.3-1.1 >"$ROOT/installed"; printf installed >"$ROOT/status"',
    )
    machine.stub(
        "apt-mark",
        'case $1 in\nhold) echo "$2" >>"$ROOT/held" ;;\nshowhold) [[ ! -e $ROOT/held ]] || cat "$ROOT/held" ;;\nesac',
    )
    machine.stub("systemctl")
    machine.stub("kubeadm")
    return machine


def test_a_field_that_kubernetes_does_not_know_is_refused(with_packages: Machine) -> None:
    """kubeadm warns of it, and kubelet does not start."""
    warning = 'W1125 strict.go:55] error unmarshaling KubeletConfiguration: unknown field "maxPodz"'
    with_packages.stub("kubeadm", f"echo '{warning}' >&2")
    finished = with_packages.run_part("kubernetes", VALUES, KUBEADM_FILES)
    assert finished.status == 1
    assert 'saw unknown field "maxPodz"\n' in finished.stderr


VALUES = {"KUBERNETES_VERSION": "1.36.3", "ROLE": "control-plane"}
LOCKED = "dpkg: error: dpkg frontend lock was locked by another process with pid 7009"
KUBEADM_FILES = [File("/etc/kubernetes/kubeadm/config.yaml", "kind: x\n", mode="0600")]


def test_kubernetes_is_installed_in_the_stack_s_version_and_held(with_packages: Machine) -> None:
    """The second time there is nothing to do."""
    first = with_packages.run_part("kubernetes", VALUES, KUBEADM_FILES)
    assert first.status == 0, first.stderr
    calls = with_packages.calls()
    assert any(call.endswith("kubeadm=1.36.3-* kubelet=1.36.3-* kubectl=1.36.3-*") for call in calls)
    assert with_packages.path("/held").read_text().split() == ["kubeadm", "kubelet", "kubectl"]
    assert with_packages.run_part("kubernetes", VALUES, KUBEADM_FILES).stderr == ""
    assert not [call for call in with_packages.calls() if call.startswith("apt-get") or " hold " in call]


def test_packages_are_held_once_another_package_manager_has_ended(with_packages: Machine) -> None:
    """Such as unattended-upgrades, which waited for this one to install: dpkg refuses, and apt-mark does not wait."""
    works = (with_packages.root / "stubs" / "apt-mark").read_text()
    busy = f'if [[ $1 == hold && ! -e $ROOT/tried ]]; then touch "$ROOT/tried"; echo "{LOCKED}" >&2; exit 100; fi\n'
    with_packages.stub("apt-mark", busy + works)
    finished = with_packages.run_part("kubernetes", VALUES, KUBEADM_FILES)
    assert finished.status == 0, finished.stderr
    assert with_packages.path("/held").read_text().split() == ["kubeadm", "kubelet", "kubectl"]


def test_a_package_that_cannot_be_held_is_an_error_at_once(with_packages: Machine) -> None:
    """With what dpkg says."""
    works = (with_packages.root / "stubs" / "apt-mark").read_text()
    refuses = '[[ $1 != hold ]] || { echo "dpkg: error: no space left on device" >&2; exit 100; }\n'
    with_packages.stub("apt-mark", refuses + works)
    finished = with_packages.run_part("kubernetes", VALUES, KUBEADM_FILES)
    assert finished.status == 1
    assert "expected package kubeadm to be held,\n  saw dpkg: error: no space left on device" in finished.stderr


def test_packages_that_were_removed_are_installed_again(with_packages: Machine) -> None:
    """Where their configuration was kept, dpkg still knows a version of them."""
    with_packages.write("/installed", "1.36.3-1.1")
    with_packages.write("/status", "config-files")
    assert with_packages.run_part("kubernetes", VALUES, KUBEADM_FILES).status == 0
    assert with_packages.path("/status").read_text() == "installed"


def test_a_long_list_of_versions_is_read_to_its_end(with_packages: Machine) -> None:
    """Whoever stops reading at the first match breaks the pipe, and finds nothing."""
    with_packages.stub(
        "apt-cache",
        'printf " %s | 1.36.3-1.1 | repository\\n" "$2"; for i in {1..20000}; do echo " $2 | 1.35.$i-1.1 | x"; done',
    )
    finished = with_packages.run_part("kubernetes", VALUES, KUBEADM_FILES)
    assert finished.status == 0, finished.stderr


def test_a_version_that_the_repository_lacks_is_refused_with_those_it_has(with_packages: Machine) -> None:
    """1.36.30 is not 1.36.3."""
    finished = with_packages.run_part("kubernetes", {"KUBERNETES_VERSION": "1.36.30"}, KUBEADM_FILES)
    assert finished.status == 1
    assert "saw 1.36.3-1.1 1.36.2-1.1\n" in finished.stderr
    assert not with_packages.path("/installed").exists()


def test_a_patch_that_is_newer_than_the_package_lists_is_found(with_packages: Machine) -> None:
    """Its repository is the one that was named for the patch before, so nothing else reads the lists anew."""
    with_packages.stub(
        "apt-cache", '[[ ! -e $ROOT/updated ]] || echo " $2 | 1.36.3-1.1 | x"; echo " $2 | 1.36.2-1.1 | x"'
    )
    finished = with_packages.run_part("kubernetes", VALUES, KUBEADM_FILES)
    assert finished.status == 0, finished.stderr
    assert sum(" update" in call for call in with_packages.calls()) == 1


def test_packages_of_a_node_that_runs_are_left_to_its_upgrade(with_packages: Machine) -> None:
    """It is drained first."""
    with_packages.write("/installed", "1.36.2-1.1")
    with_packages.write("/etc/kubernetes/kubelet.conf", "x")
    finished = with_packages.run_part("kubernetes", VALUES, KUBEADM_FILES)
    assert finished.status == 0, finished.stderr
    assert with_packages.path("/etc/kubernetes/kubeadm/config.yaml").exists()
    assert not [call for call in with_packages.calls() if call.startswith("apt-get")]


@pytest.fixture
def with_containerd(machine: Machine) -> Machine:
    """A machine with containerd 1.7 from its distribution."""
    machine.stub("dpkg-query", "echo installed")
    machine.stub("containerd", 'echo "containerd github.com/containerd/containerd 1.7.24~ds1 1.7.24~ds1-6"')
    machine.stub(
        "systemctl", 'case "$*" in *restart*) touch "$ROOT/running" ;; *is-active*) [[ -e $ROOT/running ]] ;; esac'
    )
    return machine


CONTAINERD_VALUES = {
    "CONTAINERD_PACKAGE": "containerd",
    "KUBERNETES_VERSION": "1.36.3",
    "OLDEST_CONTAINERD": "1.6",
}
CONTAINERD_FILES = [
    File("/etc/containerd/config.toml.1", "version = 2\n"),
    File("/etc/containerd/config.toml.2", "version = 3\n"),
    File("/etc/containerd/config.toml.1.4", "imports = []\n"),
    File("/etc/crictl.yaml", "timeout: 10\n"),
]


@pytest.mark.parametrize(
    ("version", "config"),
    [
        ("github.com/containerd/containerd 1.4.13~ds1 1.4.13~ds1-1~deb11u6", "imports = []\n"),
        ("github.com/containerd/containerd 1.7.24~ds1 1.7.24~ds1-6", "version = 2\n"),
        ("containerd.io 1.7.27 05044ec0a9a75232cad458027ca83437aae3f4da", "version = 2\n"),
        ("github.com/containerd/containerd/v2 v2.1.4 75cb2b7193e4e490e9fbdc236c0e811ccaba3376", "version = 3\n"),
    ],
)
def test_containerd_is_configured_in_the_format_of_its_version(
    with_containerd: Machine, version: str, config: str
) -> None:
    """Debian's and Docker's packages spell their version differently."""
    with_containerd.stub("containerd", f"echo 'containerd {version}'")
    finished = with_containerd.run_part(
        "containerd", CONTAINERD_VALUES | {"OLDEST_CONTAINERD": "1.4"}, CONTAINERD_FILES
    )
    assert finished.status == 0, finished.stderr
    assert with_containerd.path("/etc/containerd/config.toml").read_text() == config


def test_a_containerd_that_kubernetes_refuses_is_refused_before_it_is_installed(machine: Machine) -> None:
    """Debian 11's, for one; with the way out."""
    machine.stub("apt-cache", "printf 'containerd:\\n  Installed: (none)\\n  Candidate: 1.4.13~ds1-1~deb11u4\\n'")
    machine.stub("apt-get")
    machine.stub("dpkg-query", "exit 1")
    # Of another package, whose place it would take.
    machine.stub("containerd", "echo containerd containerd.io v2.1.4 x")
    finished = machine.run_part("containerd", CONTAINERD_VALUES, CONTAINERD_FILES)
    assert finished.status == 1
    assert "expected containerd 1.6 or newer, for Kubernetes 1.36.3,\n  saw 1.4.13" in finished.stderr
    assert "containerd.repository" in finished.stderr
    assert not [call for call in machine.calls() if call.startswith("apt-get")]


def test_containerd_restarts_for_a_changed_configuration_and_for_nothing_else(with_containerd: Machine) -> None:
    """A restart is not for free on a node that works."""
    second = with_containerd.run_part_twice("containerd", CONTAINERD_VALUES, CONTAINERD_FILES)
    assert second.stderr == ""
    assert "systemctl restart containerd" not in with_containerd.calls()
    changed = [File("/etc/containerd/config.toml.1", "version = 2 #\n"), *CONTAINERD_FILES[1:]]
    assert with_containerd.run_part("containerd", CONTAINERD_VALUES, changed).status == 0
    assert "systemctl restart containerd" in with_containerd.calls()


def test_containerd_restarts_with_our_configuration_after_somebody_else_gave_it_another(
    with_containerd: Machine,
) -> None:
    """It runs with theirs, although the last thing that we started it with is ours."""
    assert with_containerd.run_part("containerd", CONTAINERD_VALUES, CONTAINERD_FILES).status == 0
    with_containerd.calls()
    with_containerd.write("/etc/containerd/config.toml", "disabled_plugins = []\n")
    assert with_containerd.run_part("containerd", CONTAINERD_VALUES, CONTAINERD_FILES).status == 0
    assert "systemctl restart containerd" in with_containerd.calls()


CONTAINERD_PROXY = "/etc/systemd/system/containerd.service.d/pulumi-kubeadm-proxy.conf"


def test_containerd_restarts_for_another_proxy_also_when_the_run_before_ended_too_early(
    with_containerd: Machine,
) -> None:
    """The file is in place by then, and would hide it."""
    assert with_containerd.run_part("containerd", CONTAINERD_VALUES, CONTAINERD_FILES).status == 0
    files = [*CONTAINERD_FILES, File(CONTAINERD_PROXY, "[Service]\n")]
    with_containerd.stub("systemctl", '[[ "$*" != *restart* ]]')
    assert with_containerd.run_part("containerd", CONTAINERD_VALUES, files).status == 1
    with_containerd.stub("systemctl")
    with_containerd.calls()
    assert with_containerd.run_part("containerd", CONTAINERD_VALUES, files).status == 0
    calls = with_containerd.calls()
    assert calls.index("systemctl daemon-reload") < calls.index("systemctl restart containerd")
    assert with_containerd.run_part("containerd", CONTAINERD_VALUES, files).stderr == ""


def test_an_unknown_containerd_is_refused(with_containerd: Machine) -> None:
    """Rather than left with a configuration that it does not read."""
    with_containerd.stub("containerd", "echo 'containerd github.com/containerd/containerd/v3 v3.0.0 x'")
    finished = with_containerd.run_part("containerd", CONTAINERD_VALUES, CONTAINERD_FILES)
    assert finished.status == 1
    assert "expected containerd 1 or 2" in finished.stderr


DOCKERS_CONFIG = 'disabled_plugins = ["cri"]\n'


def test_the_configuration_of_a_containerd_that_was_there_is_kept(with_containerd: Machine) -> None:
    """It comes back with a reset; a second run keeps no second one."""
    with_containerd.write("/etc/containerd/config.toml", DOCKERS_CONFIG)
    second = with_containerd.run_part_twice("containerd", CONTAINERD_VALUES, CONTAINERD_FILES)
    assert second.stderr == ""
    kept = with_containerd.path("/etc/containerd/config.toml.before-kubernetes")
    assert kept.read_text() == DOCKERS_CONFIG
    changed = [File("/etc/containerd/config.toml.1", "version = 2 #\n"), *CONTAINERD_FILES[1:]]
    with_containerd.write("/var/lib/pulumi-kubeadm/prepared", "yes")
    assert with_containerd.run_part("containerd", CONTAINERD_VALUES, changed).status == 0
    assert kept.read_text() == DOCKERS_CONFIG


def test_a_containerd_that_was_installed_now_leaves_no_copy(with_containerd: Machine) -> None:
    """Nobody else ran with a configuration."""
    assert with_containerd.run_part("containerd", CONTAINERD_VALUES, CONTAINERD_FILES).status == 0
    assert not with_containerd.path("/etc/containerd/config.toml.before-kubernetes").exists()


def test_a_package_that_would_take_the_place_of_another_one_is_not_installed(machine: Machine) -> None:
    """Debian's containerd removes Docker's, and Docker with all its containers."""
    machine.stub("apt-cache", "printf 'containerd:\\n  Installed: (none)\\n  Candidate: 1.7.24\\n'")
    machine.stub("dpkg-query", "exit 1")
    machine.stub(
        "apt-get",
        '[[ " $* " == *" --no-remove "* ]] || { touch "$ROOT/removed"; exit 0; }\n'
        "printf 'The following packages will be REMOVED:\\n  containerd.io docker-ce\\n  docker-ce-cli\\n'\n"
        "printf 'The following NEW packages will be installed:\\n  containerd\\n'\n"
        "echo 'E: Packages need to be removed but remove is disabled.'; exit 100",
    )
    finished = machine.run_part("containerd", CONTAINERD_VALUES, CONTAINERD_FILES)
    assert finished.status == 1
    assert not machine.path("/removed").exists()
    assert "saw it would remove containerd.io docker-ce docker-ce-cli\n" in finished.stderr
    assert "containerd.package: containerd.io" in finished.stderr
    assert "docs/how-to/containerd-package.md" in finished.stderr


def test_programs_that_scripts_need_are_installed_before_anything_needs_them(machine: Machine) -> None:
    """A small installation has no curl: a join would end with the advice to open a port."""
    machine.stub("apt-get")
    for program in ("curl", "gpg", "modprobe", "openssl", "sysctl", "update-ca-certificates"):
        machine.stub(program)
    assert machine.run_part("programs").status == 0
    assert machine.calls() == []
    machine.replace("parts/prepare/programs", "curl curl\n", "no-such-curl curl\n")
    machine.replace("parts/prepare/programs", "openssl openssl\n", "no-such-openssl openssl\n")
    proxy = "/etc/apt/apt.conf.d/90pulumi-kubeadm-proxy"
    machine.stub("apt-get", f"[[ -s $ROOT{proxy} ]]")
    finished = machine.run_part("programs", files=[File(proxy, "x\n")])
    assert finished.status == 0, finished.stderr
    assert [call.split(" install ")[-1] for call in machine.calls()][-1] == "--no-install-recommends curl openssl"
    assert "curl openssl installed, which scripts need" in finished.stderr


def test_every_program_that_a_package_brings_is_installed_first() -> None:
    """Every script may rely on those that a small Debian lacks."""
    brought = {"curl", "gpg", "modprobe", "openssl", "sysctl"}
    text = (SCRIPTS / "parts/prepare/programs.sh").read_text()
    assert brought <= {line.split()[0] for line in text.partition("PROGRAMS'\n")[2].splitlines() if " " in line}
    parts = (SCRIPTS / "steps/prepare.sh").read_text().partition("for part in ")[2].partition(";")[0].split()
    assert parts.index("programs") < min(parts.index(part) for part in ("kernel", "repositories", "containerd"))


def with_apparmor(machine: Machine, profiles: str = "") -> None:
    """A kernel that confines programs, as of Ubuntu and Debian."""
    machine.write("/sys/module/apparmor/parameters/enabled", "Y\n")
    machine.write("/sys/kernel/security/apparmor/profiles", profiles)


@pytest.mark.parametrize(
    ("kernel", "is_prepared", "is_installed"),
    [(True, False, True), (False, False, False), (True, True, False)],
    ids=["AppArmor", "no AppArmor", "a prepared host"],
)
def test_a_kernel_with_apparmor_gets_the_program_that_confines_pods(
    machine: Machine, kernel: bool, is_prepared: bool, is_installed: bool
) -> None:
    """Without it containerd starts no container, or all of them unconfined. A prepared host stays as it is."""
    machine.stub("apt-get")
    for program in ("curl", "gpg", "modprobe", "openssl", "sysctl", "update-ca-certificates"):
        machine.stub(program)
    machine.replace("parts/prepare/programs", "command -v apparmor_parser", "command -v no-such-parser")
    if kernel:
        with_apparmor(machine)
    if is_prepared:
        machine.write("/var/lib/pulumi-kubeadm/prepared", "yes")
    finished = machine.run_part("programs")
    assert finished.status == 0, finished.stderr
    assert ("apparmor installed, which scripts need" in finished.stderr) == is_installed


@pytest.mark.parametrize(
    ("profiles", "rule", "is_prepared", "is_fine"),
    [
        ("runc (unconfined)\n", "", False, False),
        ("runc (unconfined)\n", "signal (receive) peer=runc,", False, True),
        ("crun (unconfined)\n", "", False, True),
        ("runc (unconfined)\n", "", True, True),
    ],
    ids=["an older containerd", "a newer containerd", "no profile of runc", "a prepared host"],
)
def test_a_containerd_whose_pods_would_never_end_under_apparmor_is_named(
    with_containerd: Machine, profiles: str, rule: str, is_prepared: bool, is_fine: bool
) -> None:
    """Of Ubuntu 24.04 as it came out: the profile of its containers takes no signal of a runc that has a profile."""
    with_containerd.stub("containerd", f"# {rule}\necho containerd github.com/containerd/containerd 1.7.12 x")
    with_apparmor(with_containerd, profiles)
    if is_prepared:
        with_containerd.write("/var/lib/pulumi-kubeadm/prepared", "yes")
    finished = with_containerd.run_part("containerd", CONTAINERD_VALUES, CONTAINERD_FILES)
    assert (finished.status == 0) == is_fine, finished.stderr
    assert is_fine or "expected a containerd whose containers runc may end" in finished.stderr
    assert is_fine or "apt-get install --only-upgrade containerd" in finished.stderr
