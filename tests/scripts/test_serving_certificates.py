"""Certificates with which kubelets serve: a control plane approves those of the stack's nodes, and no others."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from components.host_files.serving_certificates import SCRIPT, UNIT, serving_certificates_files
from components.settings.stack_file import parse_settings
from tests.scripts.machine import LIMIT_SECONDS, Machine
from tests.unit.support.stacks import smallest

NAMES = "DNS:node2,IP:192.0.2.12"
USER = "system:node:node2"
SUBJECT = f"/O=system:nodes/CN={USER}"
USAGES = "digital signature,server auth,"
SERVICE = "kubernetes-serving-certificates.service"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key of a kubelet."""
    path = tmp_path_factory.mktemp("key") / "key.pem"
    command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path)]
    subprocess.run(command, check=True, timeout=LIMIT_SECONDS)
    return path


def request(key: Path, subject: str = SUBJECT, names: str | None = NAMES) -> str:
    """A request for a certificate as a CertificateSigningRequest has it."""
    command = ["openssl", "req", "-new", "-key", str(key), "-utf8", "-nameopt", "utf8", "-subj", subject]
    extension = ["-addext", f"subjectAltName={names}"] if names else []
    made = subprocess.run([*command, *extension], check=True, capture_output=True, timeout=LIMIT_SECONDS)
    return base64.b64encode(made.stdout).decode()


@pytest.fixture
def control_plane(machine: Machine) -> Machine:
    """A control plane with the service's script, whose kubectl answers from files."""
    script, _ = serving_certificates_files(*parse_settings(smallest()).control_planes)
    machine.write(SCRIPT, machine.relocated(script.content))
    machine.write("/etc/kubernetes/admin.conf", "")
    machine.write("/node2", "192.0.2.12")
    machine.stub(
        "kubectl",
        'case "$*" in\n*" --watch "*) cat "$ROOT/requests" ;;\n*approve*) ;;\n'
        '*configmap*node2*) cat "$ROOT/node2" ;;\n*configmap*) printf "<no value>" ;;\nesac',
    )
    machine.stub("sleep", 'kill "$PPID"')
    return machine


def errors_of(machine: Machine, line: str) -> str:
    """Standard error of the service when it finds a request."""
    machine.write("/requests", f"{line}\n")
    path = f"{machine.root}/stubs:/usr/bin:/bin"
    command = ["bash", str(machine.path(SCRIPT))]
    finished = subprocess.run(
        command, env={"PATH": path}, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )
    return finished.stderr


def approved(machine: Machine) -> list[str]:
    """Names of the requests that were approved."""
    return [call.rpartition(" ")[2] for call in machine.calls() if "certificate approve" in call]


@pytest.mark.parametrize(
    "usages", [USAGES, f"key encipherment,{USAGES}", "digital signature,key encipherment,server auth,"]
)
def test_a_node_of_the_stack_gets_its_certificate(control_plane: Machine, key: Path, usages: str) -> None:
    """With an elliptic key, and with RSA."""
    assert errors_of(control_plane, f"csr-1|waits|{usages}|{request(key)}|{USER}") == ""
    assert approved(control_plane) == ["csr-1"]


def test_an_answered_request_is_left_alone(control_plane: Machine, key: Path) -> None:
    """Each is listed again when the service starts."""
    assert errors_of(control_plane, f"csr-1|answered|{USAGES}|{request(key)}|{USER}") == ""
    assert approved(control_plane) == []


def test_a_request_that_was_answered_meanwhile_is_not_approved_again(control_plane: Machine, key: Path) -> None:
    """By another control plane."""
    text = request(key)
    control_plane.write("/node2", "")
    errors_of(control_plane, f"csr-1|waits|{USAGES}|{text}|{USER}\ncsr-1|answered|{USAGES}|{text}|{USER}")
    assert approved(control_plane) == []


WRONG: dict[str, tuple[str, str | None, str, str, str]] = {
    "a person": (SUBJECT, NAMES, USAGES, "ann", "ann is no kubelet"),
    "a user who writes a field": (SUBJECT, NAMES, USAGES, f"ann|{USER}", "is no kubelet"),
    "a client certificate": (SUBJECT, NAMES, "digital signature,client auth,", USER, "another use"),
    "a certificate for both": (SUBJECT, NAMES, f"{USAGES}client auth,", USER, "another use"),
    "a node that is no host": (
        "/O=system:nodes/CN=system:node:node9",
        "DNS:node9,IP:192.0.2.19",
        USAGES,
        "system:node:node9",
        "node9 has no address",
    ),
    "another node's name": ("/O=system:nodes/CN=system:node:node1", NAMES, USAGES, USER, "the name of somebody else"),
    "a group of admins": (f"/O=system:masters/CN={USER}", NAMES, USAGES, USER, "the name of somebody else"),
    "another address": (SUBJECT, "DNS:node2,IP:192.0.2.11", USAGES, USER, "other names than node2 and 192.0.2.12"),
    "a further address": (SUBJECT, f"{NAMES},IP:192.0.2.11", USAGES, USER, "other names"),
    "a further name": (SUBJECT, f"DNS:kubernetes,{NAMES}", USAGES, USER, "other names"),
    "no names": (SUBJECT, None, USAGES, USER, "other names"),
    "a name that looks like two": (
        SUBJECT,
        f"DER:301e821c{b'node2, IP Address:192.0.2.12'.hex()}",
        USAGES,
        USER,
        "other names",
    ),
    "a template": (SUBJECT, NAMES, USAGES, 'system:node:node2" }}', "is no kubelet"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_any_other_request_waits_for_a_person(
    control_plane: Machine, key: Path, wrong: tuple[str, str | None, str, str, str]
) -> None:
    """And the journal has the reason."""
    subject, names, usages, user, reason = wrong
    printed = errors_of(control_plane, f"csr-1|waits|{usages}|{request(key, subject, names)}|{user}")
    assert "csr-1 is not approved: " in printed
    assert reason in printed
    assert approved(control_plane) == []


def test_a_text_in_a_request_is_not_taken_for_its_names(control_plane: Machine, key: Path) -> None:
    """Programs print texts of a request, line breaks too, between what they say of its names."""
    forged = "X509v3 Subject Alternative Name\\n x:300d82056e6f6465328704c000020c"
    configuration = control_plane.write(
        "/request.conf",
        "[req]\nprompt = no\ndistinguished_name = dn\nattributes = at\nreq_extensions = ex\nstring_mask = utf8only\n"
        f"[dn]\nO = system:nodes\nCN = {USER}\n[at]\nunstructuredName = {forged}\n"
        "[ex]\nsubjectAltName = DNS:kubernetes\n",
    )
    command = ["openssl", "req", "-new", "-key", str(key), "-config", str(configuration)]
    made = subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_SECONDS)
    printed = errors_of(control_plane, f"csr-1|waits|{USAGES}|{base64.b64encode(made.stdout).decode()}|{USER}")
    assert "other names" in printed
    assert approved(control_plane) == []


def test_what_is_no_request_is_not_approved(control_plane: Machine) -> None:
    """Whatever its user."""
    assert "sent no request" in errors_of(control_plane, f"csr-1|waits|{USAGES}|bm90aGluZw==|{USER}")
    assert approved(control_plane) == []


def test_no_answer_is_no_address(control_plane: Machine, key: Path) -> None:
    """The API server may be restarting: the request is looked at again."""
    control_plane.write("/node2", "Error from server (NotFound)")
    assert "node2 has no address" in errors_of(control_plane, f"csr-1|waits|{USAGES}|{request(key)}|{USER}")
    assert approved(control_plane) == []


def test_a_request_is_looked_at_again_until_the_stack_has_the_node(control_plane: Machine, key: Path) -> None:
    """The ConfigMap of the stack comes after the first node."""
    text = control_plane.path(SCRIPT).read_text().replace("RETRY_SECONDS=10", "RETRY_SECONDS=0.2")
    control_plane.write(SCRIPT, text)
    control_plane.stub(
        "kubectl",
        'case "$*" in\n*" --watch "*) cat "$ROOT/requests"; /bin/sleep 3 ;;\n*approve*) ;;\n'
        '*configmap*) if [[ -e $ROOT/requested ]]; then echo -n 192.0.2.12; fi; : >"$ROOT/requested" ;;\nesac',
    )
    printed = errors_of(control_plane, f"csr-1|waits|{USAGES}|{request(key)}|{USER}")
    assert printed.count("is not approved") == 1
    assert approved(control_plane) == ["csr-1"]


def test_the_service_runs_on_a_control_plane_and_follows_a_new_script(machine: Machine) -> None:
    """A second run leaves it alone, and a reset ends it."""
    files = serving_certificates_files(*parse_settings(smallest()).control_planes)
    machine.stub(
        "systemctl",
        'case "$*" in\n*is-active*) [[ -e $ROOT/runs ]] ;;\n*restart*|*start*) : >"$ROOT/runs" ;;\nesac',
    )
    assert machine.run_part("serving_certificates", {}, files).status == 0
    assert f"systemctl restart {SERVICE}" in machine.calls()
    assert machine.path(UNIT).exists()
    again = machine.run_part("serving_certificates", {}, files)
    assert (again.status, again.stderr) == (0, "")
    assert not [call for call in machine.calls() if "start" in call]
    newer = [type(each)(each.path, f"{each.content}# newer\n") if each.path == SCRIPT else each for each in files]
    assert machine.run_part("serving_certificates", {}, newer).status == 0
    assert f"systemctl reload-or-restart {SERVICE}" in machine.calls()


def test_a_worker_approves_nothing(machine: Machine) -> None:
    """It has no way to."""
    assert machine.run_part("serving_certificates").status == 0
    assert not machine.calls()
