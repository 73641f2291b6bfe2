"""The stack's kubeconfig: a user of its own, and one binding that names this user and nobody else."""

from __future__ import annotations

import pytest

from components.host_files.results import RECIPIENT
from tests.scripts.cluster import SEALING_KEY, SEALS, let_seal
from tests.scripts.machine import Finished, Machine

PROVIDER = "pulumi-kubeadm:provider"
VALUES = {"PROVIDER": PROVIDER}
KUBEADM = """\
[[ "$1 $2" == "kubeconfig user" ]] || exit 1
printf 'W1125 a warning\\n' >&2
printf 'clusters:\\n- name: dev\\nusers:\\n- name: %s\\n' "$4"
"""
# The API server: it keeps the binding, and knows a user by the name that kubeadm wrote into the kubeconfig.
KUBECTL = """\
case "$*" in
  apply*) [[ ! -e $ROOT/refuses ]] || { echo "cannot change roleRef" >&2; exit 1; }; cat >"$ROOT/binding" ;;
  *"auth can-i"*)
    [[ $KUBECONFIG == *admin.conf && $1 == --kubeconfig && ! -e $ROOT/no-rights ]] || exit 1
    user=$(sed --quiet 's/^users://; T; n; s/^- name: //p' "$2")
    grep --quiet "  name: $user$" "$ROOT/binding" || { echo no; exit 1; } ;;
  *"get clusterrolebinding"*) [[ ! -e $ROOT/binding ]] || sed --quiet '/User/{n; s/^ *name: //p}' "$ROOT/binding" ;;
  *) exit 1 ;;
esac
"""
OPENSSL = f"""{SEALS}\
if [[ $1 == rand ]]; then echo "$RANDOM$RANDOM"; else echo 'notAfter=Nov 24 00:00:00 2027 GMT'; fi
"""


@pytest.fixture
def control_plane(machine: Machine) -> Machine:
    """A machine whose cluster runs."""
    machine.write("/etc/kubernetes/admin.conf", "clusters:\n- name: dev\nusers:\n- name: kubernetes-admin\n")
    for name, body in {"kubeadm": KUBEADM, "kubectl": KUBECTL, "openssl": OPENSSL}.items():
        machine.stub(name, body)
    machine.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=1")
    let_seal(machine)
    return machine


def user_of(finished: Finished) -> str:
    """The user in what a run returned."""
    assert finished.status == 0, finished.stderr
    return SEALING_KEY.opened(finished.stdout).rpartition("- name: ")[2].strip()


def bound(machine: Machine) -> list[str]:
    """Names in the binding: its own, its role's, its users'."""
    return [
        line.partition("name: ")[2]
        for line in machine.path("/binding").read_text().splitlines()
        if line.strip().startswith("name: ")
    ]


def test_the_user_is_the_stacks_own_and_has_rights_by_a_binding_alone(control_plane: Machine) -> None:
    """No organisation: a group of the certificate would have rights that no binding of ours can take back."""
    finished = control_plane.run("kubeconfig", VALUES)
    user = user_of(finished)
    assert user.startswith(f"{PROVIDER}:")
    assert (
        SEALING_KEY.opened(finished.stdout) == f"# expires 2027-11-24\nclusters:\n- name: dev\nusers:\n- name: {user}\n"
    )
    assert bound(control_plane) == [PROVIDER, "cluster-admin", user]
    (call,) = (call for call in control_plane.calls() if call.startswith("kubeadm "))
    config = control_plane.path("/etc/kubernetes/kubeadm/config.yaml")
    assert call == f"kubeadm kubeconfig user --client-name {user} --config {config}"
    assert "kubernetes-admin" in control_plane.path("/etc/kubernetes/admin.conf").read_text(), "the scripts keep theirs"


def test_another_run_revokes_the_kubeconfig_of_the_one_before(control_plane: Machine) -> None:
    """The old certificate is valid for a year, and opens nothing."""
    first, second = (user_of(control_plane.run("kubeconfig", VALUES)) for _ in range(2))
    assert first != second
    assert bound(control_plane) == [PROVIDER, "cluster-admin", second]


def test_a_binding_that_someone_deleted_is_made_for_a_new_user(control_plane: Machine) -> None:
    """Whom it named stays revoked."""
    revoked = user_of(control_plane.run("kubeconfig", VALUES))
    control_plane.path("/binding").unlink()
    user = user_of(control_plane.run("kubeconfig", VALUES))
    assert user != revoked
    assert bound(control_plane) == [PROVIDER, "cluster-admin", user]


def test_a_binding_that_the_api_server_refuses_returns_no_kubeconfig(control_plane: Machine) -> None:
    """Such as one whose role a person changed, which nobody may change back."""
    control_plane.write("/refuses", "")
    finished = control_plane.run("kubeconfig", VALUES)
    assert (finished.status, finished.stdout) == (1, "")
    assert f"expected the API server to take the clusterrolebinding {PROVIDER} within 1 s" in finished.stderr
    assert "saw cannot change roleRef" in finished.stderr


def test_a_kubeconfig_without_its_rights_is_not_returned(control_plane: Machine) -> None:
    """The next thing that is done with it would fail, at another place."""
    control_plane.stub("kubectl", KUBECTL.replace('cat >"$ROOT/binding"', ': >"$ROOT/binding"'))
    finished = control_plane.run("kubeconfig", VALUES)
    assert (finished.status, finished.stdout) == (1, "")
    assert "to have the rights of cluster-admin within 1 s,\n  saw no\n" in finished.stderr


def test_what_kubeadm_says_when_it_makes_none_is_reported(control_plane: Machine) -> None:
    """And the binding stays that of the user before."""
    before = user_of(control_plane.run("kubeconfig", VALUES))
    control_plane.stub("kubeadm", "echo 'error: the CA files could not be loaded' >&2; exit 1")
    finished = control_plane.run("kubeconfig", VALUES)
    assert (finished.status, finished.stdout) == (1, "")
    assert "expected kubeadm to make a kubeconfig,\n  saw error: the CA files could not be loaded" in finished.stderr
    assert bound(control_plane)[-1] == before


def test_a_run_that_returns_no_kubeconfig_leaves_the_one_before_its_rights(control_plane: Machine) -> None:
    """The state keeps that one, also where the edit is taken back and nothing runs again."""
    before = user_of(control_plane.run("kubeconfig", VALUES))
    control_plane.write("/no-rights", "")
    assert control_plane.run("kubeconfig", VALUES).status == 1
    assert bound(control_plane) == [PROVIDER, "cluster-admin", before]


def test_a_missing_admin_conf_is_an_error_and_not_an_empty_kubeconfig(control_plane: Machine) -> None:
    """The provider would take the operator's own cluster."""
    control_plane.path("/etc/kubernetes/admin.conf").unlink()
    finished = control_plane.run("kubeconfig", VALUES)
    assert (finished.status, finished.stdout) == (1, "")
    assert "expected a kubeconfig at" in finished.stderr


@pytest.mark.parametrize("certificate", ["", "nonsense"])
def test_a_kubeconfig_that_cannot_be_sealed_is_not_returned(control_plane: Machine, certificate: str) -> None:
    """The one before keeps its rights."""
    before = user_of(control_plane.run("kubeconfig", VALUES))
    control_plane.write(RECIPIENT, certificate)
    finished = control_plane.run("kubeconfig", VALUES)
    assert (finished.status, finished.stdout) == (1, "")
    assert f"expected openssl to seal a result for {control_plane.path(RECIPIENT)}" in finished.stderr
    assert bound(control_plane) == [PROVIDER, "cluster-admin", before]
