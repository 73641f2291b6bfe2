"""Secrets are encrypted, keys are rotated and taken away, and no API server meets a key that it does not know."""

from __future__ import annotations

import base64

import pytest

from components.host_files import File
from components.host_files.api_server import ENCRYPTION
from components.host_files.encryption import KEYS
from tests.scripts.cluster import ETCD, NODE_IS_READY, OWN_MEMBER, STATE, VALUES
from tests.scripts.machine import Machine

KEY = {name: base64.b64encode(name.encode() * 16).decode() for name in ("k1", "k2")}
MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
# A Secret is a line of a file; the API server writes it with the first key of its file, and counts its starts.
SERVER = (
    f"{ETCD}"
    'keys=$ROOT/etc/kubernetes/api-server/encryption.yaml\ncase "$*" in\n'
    '*"get /registry/secrets/"*) cat "$ROOT/secrets" ;;\n'
    '*"ps --quiet"*apiserver*) { grep --quiet bad "$keys" && [[ -e $ROOT/stopped ]]; } ||'
    ' cat "$ROOT/stopped" "$ROOT/etc/kubernetes/manifests/kube-apiserver.yaml" 2>/dev/null | sha256sum ;;\n'
    '*logs*) echo "Error: unable to load encryption provider" ;;\n'
    'stop*) echo again >>"$ROOT/stopped" ;;\nesac'
)
REWRITES = (
    'case "$*" in *"replace --filename -"*) cat >/dev/null\n'
    "keys=$ROOT/etc/kubernetes/api-server/encryption.yaml\n"
    'first=$(grep --max-count 1 --only-matching -E "name: \\"[^\\"]+|identity" "$keys")\n'
    'first=${first#*\\"}; name=k8s:enc:secretbox:v1:$first:; [[ $first != identity ]] || name=k8s\n'
    'sed -i "s/^\\"Value\\" : .*/\\"Value\\" : \\"$name\\\\\\\\x00\\"/" "$ROOT/secrets"; exit ;;\n'
    '*"all-namespaces"*) echo default; exit ;; *"get secrets --output json") echo "{}"; exit ;; esac\n'
)
BAD = [File(KEYS, f"bad AAAA\nk1 {KEY['k1']}\nidentity\n", "0600")]
STEP = {"NODE_IP": "192.0.2.11"}


def keys(*names: str) -> list[File]:
    """The secret file of a step."""
    return [File(KEYS, "".join(f"{name} {KEY[name]}\n" if name in KEY else f"{name}\n" for name in names), "0600")]


def order(machine: Machine) -> list[str]:
    """The keys of the API server's file, the one that writes first."""
    lines = machine.path(ENCRYPTION).read_text().partition("providers:\n")[2].splitlines()
    return ["identity" if "identity" in line else line.split('"')[1] for line in lines]


def secret(machine: Machine, *writers: str) -> None:
    """Secrets in etcd, as etcdctl prints them."""
    values = ["k8s" if each == "identity" else f"k8s:enc:secretbox:v1:{each}:" for each in writers]
    lines = [f'"Key" : "/registry/secrets/a/b"\n"Value" : "{each}\\x00"\n' for each in values]
    machine.write("/secrets", f'{"".join(lines)}"Count" : {len(values)}\n')


@pytest.fixture
def server(running: Machine) -> Machine:
    """A control plane whose API server knows the argument, and etcd with a Secret in clear."""
    running.write(MANIFEST, f"--encryption-provider-config={running.path(ENCRYPTION)}\n")
    running.stub("crictl", SERVER)
    running.stub("kubectl", f"{REWRITES}{NODE_IS_READY}")
    running.stub("systemctl")
    running.replace("lib/encryption", "comes_true 180", "comes_true 1")
    running.replace("steps/encryption", "wait_for 300", "wait_for 1")
    secret(running, "identity")
    return running


def learn(machine: Machine, *names: str) -> str:
    """The first pass, which succeeds."""
    finished = machine.send(machine.text("init", VALUES, keys(*names) if names else []), "verify")
    assert finished.status == 0, finished.stderr
    return finished.stderr


def write(machine: Machine, name: str) -> str:
    """The second pass, which succeeds."""
    finished = machine.run("encryption", STEP | {"WRITER": name})
    assert finished.status == 0, finished.stderr
    return finished.stderr


def test_a_new_cluster_is_encrypted_from_its_first_secret_on(control_plane: Machine) -> None:
    """Nobody else reads them yet."""
    kubeadm = control_plane.root / "stubs" / "kubeadm"
    found = 'cp "$ROOT/etc/kubernetes/api-server/encryption.yaml" "$ROOT/found"'
    kubeadm.write_text(kubeadm.read_text().replace('"init --config")', f'"init --config") {found};'))
    finished = control_plane.run("init", VALUES, keys("k1", "identity"))
    assert finished.status == 0, finished.stderr
    assert order(control_plane) == ["k1", "identity"]
    assert control_plane.path("/found").read_text() == control_plane.path(ENCRYPTION).read_text()
    assert control_plane.path(ENCRYPTION).stat().st_mode & 0o777 == 0o600
    assert control_plane.run("init", VALUES, keys("k1", "identity")).stderr == ""


def test_a_running_cluster_reads_with_a_key_before_it_writes_with_it(server: Machine) -> None:
    """Other API servers could not read what this one writes."""
    learn(server, "k1", "identity")
    assert order(server) == ["identity", "k1"]
    assert "every Secret is written anew with k1" in write(server, "k1")
    assert order(server) == ["k1", "identity"]
    assert "k8s:enc:secretbox:v1:k1:" in server.path("/secrets").read_text()
    server.calls()
    assert (learn(server, "k1", "identity"), write(server, "k1")) == ("", "")
    assert not [call for call in server.calls() if " stop " in call or "replace" in call]


def test_a_key_is_rotated_and_the_old_one_taken_away(server: Machine) -> None:
    """One edit puts the new key first, another removes the old one."""
    learn(server, "k1", "identity")
    write(server, "k1")
    learn(server, "k2", "k1", "identity")
    assert order(server) == ["k1", "k2", "identity"]
    write(server, "k2")
    assert order(server) == ["k2", "k1", "identity"]
    learn(server, "k2", "identity")
    assert order(server) == ["k2", "identity"]


def test_an_api_server_that_ends_by_itself_meanwhile_starts_with_the_new_keys(server: Machine) -> None:
    """It was started again with the old ones, in another container than before, and counted as new."""
    learn(server, "k1", "identity")
    began = 'cp "$ROOT/etc/kubernetes/api-server/encryption.yaml" "$ROOT/began-with"'
    runs = '"$(crictl ps --quiet --name apiserver)"'
    server.stub("crictl", SERVER.replace("stop*)", f"stop*) [[ ${{!#}} == {runs} ]] || exit 0; {began};"))
    server.stub("cp", f'/bin/cp "$@"\n[[ $* != *keys-before* ]] || {{ echo itself >>"$ROOT/stopped"; /bin/{began}; }}')
    learn(server, "k2", "k1", "identity")
    assert "k2" in server.path("/began-with").read_text()


def test_encryption_is_turned_off_once_all_is_decrypted(server: Machine) -> None:
    """The file goes when the API server runs without it."""
    learn(server, "k1", "identity")
    write(server, "k1")
    finished = server.send(server.text("init", VALUES), "verify")
    assert finished.status == 1
    assert "write cluster.encryption back into the stack file, with enabled: false" in finished.stderr
    learn(server, "identity", "k1")
    write(server, "identity")
    assert order(server) == ["identity", "k1"]
    assert "the keys of Secrets are removed" in learn(server)
    assert not server.path(ENCRYPTION).exists()


@pytest.mark.parametrize("in_etcd", ["k1", "k2"])
def test_a_key_that_still_encrypts_something_stays(server: Machine, in_etcd: str) -> None:
    """A Secret in etcd, or the next one that the API server writes."""
    learn(server, "k1", "identity")
    write(server, "k1")
    if in_etcd == "k1":
        learn(server, "k2", "k1", "identity")
        write(server, "k2")
    secret(server, "k2", in_etcd)
    before = order(server)
    server.calls()
    finished = server.send(server.text("init", VALUES, keys("k2", "identity")), "verify")
    assert finished.status == 1
    assert "expected key k1 in cluster.encryption, with which Secrets are written" in finished.stderr
    assert order(server) == before
    assert not [call for call in server.calls() if " stop " in call]


def test_another_key_under_the_same_name_is_refused(server: Machine) -> None:
    """What the name encrypted nobody could read any more."""
    learn(server, "k1", "identity")
    write(server, "k1")
    files = [File(KEYS, f"k1 {KEY['k2']}\nidentity\n", "0600")]
    finished = server.send(server.text("init", VALUES, files), "verify")
    assert finished.status == 1
    assert "saw another one under the same name" in finished.stderr
    assert KEY["k2"] not in finished.stderr


def test_keys_that_do_not_work_are_taken_back(server: Machine) -> None:
    """In either pass, and the next update tries again."""
    learn(server, "k1", "identity")
    write(server, "k1")
    finished = server.send(server.text("init", VALUES, BAD), "verify")
    assert finished.status == 1
    assert "expected kube-apiserver to run with its new keys" in finished.stderr
    assert "saw Error: unable to load encryption provider" in finished.stderr
    assert order(server) == ["k1", "identity"]
    assert not server.path(f"{STATE}/keys-before").exists()
    learn(server, "k2", "k1", "identity")
    assert order(server) == ["k1", "k2", "identity"]


def test_a_change_of_keys_that_a_power_cut_ended_is_taken_back_first(server: Machine) -> None:
    """The API server may not start with the new file."""
    learn(server, "k1", "identity")
    write(server, "k1")
    server.write(f"{STATE}/keys-before/encryption.yaml", server.path(ENCRYPTION).read_text())
    server.write(ENCRYPTION, "half\n")
    write(server, "k1")
    assert order(server) == ["k1", "identity"]


def test_a_change_of_keys_that_fails_lets_clients_in_again(server: Machine) -> None:
    """Also where it ends before the API server is stopped."""
    learn(server, "k1", "identity")
    server.write("/members", f"{OWN_MEMBER}\n{OWN_MEMBER.replace('a1', 'b2').replace('2.11', '2.12')}\n")
    server.stub("crictl", f"[[ ! -e $ROOT/detour || $* != *apiserver* ]] || exit 1\n{SERVER}")
    finished = server.run("encryption", STEP | {"WRITER": "k1"})
    assert finished.status == 1
    assert [call for call in server.calls() if call == "detour begins"]
    assert not server.path("/detour").exists()
    assert order(server) == ["identity", "k1"]


def test_no_api_server_gets_other_keys_while_another_control_plane_is_not_well(server: Machine) -> None:
    """It restarts for them, and the other one would have to serve."""
    learn(server, "k1", "identity")
    server.write("/members", f"{OWN_MEMBER}\n{OWN_MEMBER.replace('a1', 'b2').replace('2.11', '2.12')}\n")
    server.write("/sick-192.0.2.12", "")
    server.replace("lib/etcd", "wait_for 120", "wait_for 1")
    server.calls()
    finished = server.run("encryption", STEP | {"WRITER": "k1"})
    assert finished.status == 1
    assert "expected all other control planes to be well within 1 s" in finished.stderr
    assert not [call for call in server.calls() if call.startswith("crictl stop") or call == "detour begins"]
    assert order(server) == ["identity", "k1"]


def test_a_secret_that_cannot_be_written_anew_ends_the_step(server: Machine) -> None:
    """Its old key may not be removed."""
    learn(server, "k1", "identity")
    server.stub("kubectl", f'[[ "$*" != *"replace --filename -"* ]] || exit 1\n{REWRITES}{NODE_IS_READY}')
    finished = server.run("encryption", STEP | {"WRITER": "k1"})
    assert finished.status == 1
    assert "expected every Secret to be written anew with k1" in finished.stderr


@pytest.mark.parametrize("answer", ["none", "an empty one", "one that is cut off"])
def test_an_etcd_that_does_not_answer_decides_nothing(server: Machine, answer: str) -> None:
    """No answer is no answer, and half of one, without the Secret of the old key, is none: the key stays."""
    learn(server, "k1", "identity")
    write(server, "k1")
    learn(server, "k2", "k1", "identity")
    write(server, "k2")
    server.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=0")
    secret(server, "k2", "k1")
    secrets = server.path("/secrets")
    secrets.write_text(secrets.read_text().partition('"k8s:enc:secretbox:v1:k1:')[0] if "cut" in answer else "")
    if answer == "none":
        secrets.unlink()
    finished = server.send(server.text("init", VALUES, keys("k2", "identity")), "verify")
    assert finished.status == 1
    assert "expected etcd to say with which keys Secrets are written" in finished.stderr
    assert order(server) == ["k2", "k1", "identity"]


def test_a_configuration_of_a_person_s_own_is_not_replaced(server: Machine) -> None:
    """What its keys encrypted nobody could read any more."""
    server.write("/secrets", '"Key" : "/registry/secrets/a/b"\n"Value" : "k8s:enc:aescbc:v1:own:\\x00"\n"Count" : 1\n')
    finished = server.send(server.text("init", VALUES, keys("k1", "identity")), "verify")
    assert finished.status == 1
    assert "expected key unknown in cluster.encryption, with which Secrets are written" in finished.stderr
    assert not server.path(ENCRYPTION).exists()
