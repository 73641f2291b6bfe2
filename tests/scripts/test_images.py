"""Images: pulled once, and explained where they cannot be."""

from __future__ import annotations

import pytest

from components.host_files import File
from tests.scripts.machine import Machine

IMAGES = {
    "ROLE": "worker",
    "IMAGES": "hub.test/a:1\nhub.test/b:2",
    "KUBERNETES_VERSION": "1.36.3",
    "KUBEADM_PAUSE_IMAGE": "hub.test/pause:3.10.2",
    "PASSWORD_KEYS": "hub.test:5000 otherPassword\nhub.test hubPassword",
}


@pytest.fixture
def pulling(machine: Machine) -> Machine:
    """A host that can pull everything; `pulled` lists what it has."""
    machine.stub("containerd", 'echo "containerd github.com/containerd/containerd/v2 v2.2.0 x"')
    machine.stub("systemctl")
    machine.stub(
        "crictl",
        "case $1 in\n"
        'inspecti) grep --quiet --line-regexp "$3" "$ROOT/pulled" ;;\n'
        'pull) echo "$2" >>"$ROOT/pulled" ;;\nesac',
    )
    machine.stub(
        "kubeadm",
        "if [[ $1 == version ]]; then echo v1.36.3; else printf 'hub.test/pause:3.10.2\\nhub.test/etcd:3\\n'; fi",
    )
    return machine


def pulls(machine: Machine) -> list[str]:
    """Images of the pulls since the last call of this function."""
    return sorted(call.removeprefix("crictl pull ") for call in machine.calls() if call.startswith("crictl pull"))


def test_images_are_pulled_once(pulling: Machine) -> None:
    """A run that changes nothing needs no registry."""
    assert pulling.run("images", IMAGES).stderr == "node1: images are pulled\n"
    assert pulls(pulling) == ["hub.test/a:1", "hub.test/b:2"]
    assert pulling.run("images", IMAGES).stderr == ""
    assert pulls(pulling) == []


def test_a_containerd_without_its_cri_is_one_error_and_not_one_for_each_image(pulling: Machine) -> None:
    """It may be disabled, or have failed to load."""
    pulling.stub("crictl", "echo 'unknown service runtime.v1.ImageService' >&2; exit 1")
    pulling.replace("lib/containerd", "wait_for 60", "wait_for 0")
    finished = pulling.run("images", IMAGES)
    assert finished.status == 1
    assert finished.stderr.count("expected") == 1
    assert "expected containerd to serve its CRI within 0 s,\n  saw unknown service" in finished.stderr


def test_a_control_plane_also_pulls_what_kubeadm_names(pulling: Machine) -> None:
    """The pause image among it, which has to be containerd's."""
    assert pulling.run("images", IMAGES | {"ROLE": "control-plane"}).status == 0
    assert pulls(pulling) == ["hub.test/a:1", "hub.test/b:2", "hub.test/etcd:3", "hub.test/pause:3.10.2"]


def test_a_pause_image_that_kubeadm_does_not_name_is_an_error(pulling: Machine) -> None:
    """The kubelet would delete the one that containerd uses."""
    finished = pulling.run("images", IMAGES | {"ROLE": "control-plane", "KUBEADM_PAUSE_IMAGE": "hub.test/pause:3.9"})
    assert finished.status == 1
    assert "saw hub.test/pause:3.10.2" in finished.stderr
    assert pulls(pulling) == []


def test_a_pause_image_of_the_stack_need_not_be_kubeadms(pulling: Machine) -> None:
    """Whoever names one knows why."""
    assert pulling.run("images", IMAGES | {"ROLE": "control-plane", "KUBEADM_PAUSE_IMAGE": ""}).status == 0


def test_images_of_a_new_version_are_left_to_the_upgrade(pulling: Machine) -> None:
    """The old kubeadm does not know their tags."""
    values = IMAGES | {"ROLE": "control-plane", "KUBERNETES_VERSION": "1.37.1"}
    assert pulling.run("images", values).status == 0
    assert pulls(pulling) == ["hub.test/a:1", "hub.test/b:2"]


@pytest.mark.parametrize(
    ("error", "tries", "advice"),
    [
        ("401 Unauthorized", 1, "pulumi config set --secret hubPassword"),
        ("403 Forbidden", 1, "pulumi config set --secret hubPassword"),
        ("x509: certificate signed by unknown authority", 1, "caFile"),
        ("manifest not found", 1, "images.rewrite"),
        ("http: server gave HTTP response to HTTPS client", 1, 'mirrors: ["http://hub.test"]'),
        ("dial tcp: connection refused", 3, "curl -v https://hub.test/v2/"),
    ],
)
def test_every_image_that_cannot_be_pulled_is_explained(pulling: Machine, error: str, tries: int, advice: str) -> None:
    """All of them at once; only what may pass is tried again."""
    pulling.stub("crictl", f'[[ $1 == info ]] && exit 0\n[[ $1 == pull ]] && echo "{error}" >&2\nexit 1')
    finished = pulling.run("images", IMAGES)
    assert finished.status == 1
    for image in ("hub.test/a:1", "hub.test/b:2"):
        assert f"expected image {image} to be pullable,\n  saw {error}\n" in finished.stderr
    assert finished.stderr.count(advice) == 2
    assert finished.stderr.count("expected") == 2
    assert len(pulls(pulling)) == 2 * tries


def test_coredns_of_a_registry_that_is_a_cache_is_explained(pulling: Machine) -> None:
    """kubeadm leaves a part of its path out, and nothing can be copied to a cache."""
    pulling.stub("crictl", '[[ $1 == info ]] && exit 0\n[[ $1 == pull ]] && echo "manifest: not found" >&2\nexit 1')
    finished = pulling.run("images", IMAGES | {"IMAGES": "hub.test:5000/k8s/coredns:v1.14.2\nhub.test/etcd:3"})
    assert finished.status == 1
    assert finished.stderr.count("dns: {imageRepository: hub.test:5000/k8s/coredns}; or copy the image") == 1


def test_a_pull_whose_shell_is_killed_is_none(pulling: Machine) -> None:
    """By the lack of memory, for one; the parent of crictl is a substitution of that shell."""
    pulling.stub(
        "crictl",
        'case "$*" in "pull hub.test/a:1") kill -9 $(cut -d " " -f 4 /proc/$PPID/stat) ;; inspecti*) exit 1 ;; esac',
    )
    finished = pulling.run("images", IMAGES)
    assert finished.status == 1
    assert "expected image hub.test/a:1 to be pulled,\n  saw its pull ended with status 137\n" in finished.stderr
    assert "images are pulled" not in finished.stderr


def test_a_registry_that_wants_a_login_and_has_none_in_the_stack_file_is_distinguished(pulling: Machine) -> None:
    """No password is missing there, but a user."""
    pulling.stub("crictl", "[[ $1 == info ]] && exit 0\n[[ $1 == pull ]] && echo '401 Unauthorized' >&2\nexit 1")
    finished = pulling.run("images", IMAGES | {"PASSWORD_KEYS": ""})
    assert 'Next: give it a username in the stack file: containerd.registries["hub.test"]; then: ' in finished.stderr


HOSTS = "/etc/containerd/certs.d/hub.test/hosts.toml"
CRI_WITH_PASSWORDS = "/etc/containerd/cri-with-passwords.toml"


def login_files(password: str) -> list[File]:
    """As components/host_files/containerd.py makes them for a host that may have containerd 1.4."""
    return [File(path, f"password = {password}\n", mode="0600") for path in (HOSTS, CRI_WITH_PASSWORDS)]


def test_a_registry_with_a_login_is_asked_for_images_that_are_there(pulling: Machine) -> None:
    """A wrong password of a host that works is met by every update with it, and the right one stays in place."""
    assert pulling.run("images", IMAGES, login_files("right")).status == 0
    pulling.stub("crictl", '[[ $1 != pull ]] || { echo "401 Unauthorized" >&2; exit 1; }')
    for _ in range(2):
        finished = pulling.run("images", IMAGES, login_files("wrong"))
        assert finished.status == 1
        assert "expected image hub.test/a:1 to be pullable,\n  saw 401" in finished.stderr
        assert pulling.path(HOSTS).read_text() == "password = right\n"
        assert pulling.path(HOSTS).stat().st_mode & 0o777 == 0o600


def test_only_containerd_1_4_has_passwords_in_its_configuration_and_restarts_for_them(pulling: Machine) -> None:
    """Once for each password. What it no longer needs goes."""
    assert pulling.run("images", IMAGES, login_files("one")).status == 0
    assert not pulling.path(CRI_WITH_PASSWORDS).exists()
    assert "systemctl restart containerd" not in pulling.calls()

    pulling.stub("containerd", 'echo "containerd github.com/containerd/containerd 1.4.13~ds1 1.4.13~ds1-1~deb11u6"')
    for password, restarts in (("one", 1), ("one", 0), ("two", 1)):
        assert pulling.run("images", IMAGES, login_files(password)).status == 0
        assert pulling.calls().count("systemctl restart containerd") == restarts
    assert pulling.path(CRI_WITH_PASSWORDS).read_text() == "password = two\n"
    assert pulling.path(CRI_WITH_PASSWORDS).stat().st_mode & 0o777 == 0o600

    works = (pulling.root / "stubs" / "crictl").read_text()
    pulling.stub("crictl", '[[ $1 != pull ]] || { echo "401 Unauthorized" >&2; exit 1; }')
    assert pulling.run("images", IMAGES, login_files("wrong")).status == 1
    assert pulling.path(CRI_WITH_PASSWORDS).read_text() == "password = two\n"
    assert pulling.calls().count("systemctl restart containerd") == 2, "for the wrong one, and back"

    (pulling.root / "stubs" / "crictl").write_text(works)
    assert pulling.run("images", IMAGES).status == 0
    assert not pulling.path(CRI_WITH_PASSWORDS).exists()
    assert pulling.calls().count("systemctl restart containerd") == 1


@pytest.mark.parametrize("error", ["connect: connection refused", "dial tcp 192.0.2.9:443: i/o timeout"])
def test_a_proxy_of_apt_alone_is_named_where_containerd_finds_no_way_out(pulling: Machine, error: str) -> None:
    """Packages came through it; its address, which may have a password, is not repeated."""
    pulling.stub("apt-config", "echo 'Acquire::http::Proxy \"http://u:p@proxy:3128\";'")
    pulling.stub("crictl", f"[[ $1 != pull ]] || {{ echo '{error}' >&2; exit 1; }}; [[ $1 != inspecti ]]")
    finished = pulling.run("images", IMAGES)
    assert "Next: apt of this machine has a proxy, and containerd none: proxy.http, proxy.https" in finished.stderr
    assert "u:p" not in finished.stderr
    pulling.write("/etc/systemd/system/containerd.service.d/pulumi-kubeadm-proxy.conf", "")
    assert "Next: curl -v https://hub.test/v2/" in pulling.run("images", IMAGES).stderr


def test_a_registry_that_limits_pulls_is_not_asked_again_at_once(pulling: Machine) -> None:
    """Each try counts: Docker Hub lets an address pull so often in six hours, and more with a login."""
    error = "429 Too Many Requests - Server message: toomanyrequests: You have reached your limit"
    pulling.stub("crictl", f"[[ $1 != pull ]] || {{ echo '{error}' >&2; exit 1; }}; [[ $1 != inspecti ]]")
    finished = pulling.run("images", IMAGES)
    assert pulls(pulling) == ["hub.test/a:1", "hub.test/b:2"]
    assert 'Next: give it a login in the stack file, containerd.registries["hub.test"], or wait' in finished.stderr
