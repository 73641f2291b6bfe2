"""Files in the home of root that change what programs do: whoever wrote them did not think of our steps."""

from __future__ import annotations

import socket

import pytest

from tests.scripts.machine import Machine
from tests.unit.support.listening import listening


def answer(connection: socket.socket) -> None:
    """Be a kubelet that is well."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def test_the_proxy_that_curl_has_of_root_is_not_asked_for_the_machine_itself(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kubelet that runs would count as one that does not, and get its former configuration back."""
    machine.write("/home/.curlrc", "proxy = http://127.0.0.1:9\n")
    monkeypatch.setenv("HOME", str(machine.path("/home")))
    machine.script("look", '. "$LIBRARY/lib/lib.sh"\n. "$LIBRARY/lib/kubelet.sh"\nkubelet_is_healthy\n')
    with listening(answer) as (port, _):
        machine.write("/var/lib/kubelet/config.yaml", f"healthzBindAddress: 127.0.0.1\nhealthzPort: {port}\n")
        finished = machine.run("look")
    assert finished.status == 0, finished.stderr


@pytest.mark.parametrize(
    ("configuration", "url"),
    [
        ("", "http://127.0.0.1:10248/healthz"),
        ("healthzBindAddress: 0.0.0.0\nhealthzPort: 10250\n", "http://0.0.0.0:10250/healthz"),
        ('healthzBindAddress: "::1"\n', "http://[::1]:10248/healthz"),
        ("healthzBindAddress: '::'\n", "http://[::]:10248/healthz"),
    ],
)
def test_the_kubelet_is_asked_where_its_configuration_says(machine: Machine, configuration: str, url: str) -> None:
    """Otherwise one that runs gets its former configuration back."""
    machine.stub("curl")
    machine.write("/var/lib/kubelet/config.yaml", f"kind: KubeletConfiguration\n{configuration}")
    machine.script("look", '. "$LIBRARY/lib/lib.sh"\n. "$LIBRARY/lib/kubelet.sh"\nkubelet_is_healthy\n')
    assert machine.run("look").status == 0
    (call,) = [call for call in machine.calls() if call.startswith("curl ")]
    assert call.split()[-1] == url


def test_preferences_that_kubectl_has_of_root_are_not_read(machine: Machine) -> None:
    """Kubernetes' own example lets `kubectl delete` ask. Nobody answers, nothing is deleted, and kubectl succeeds."""
    machine.stub("kubectl", 'echo "${KUBERC:-read}" >"$ROOT/preferences"')
    machine.script("look", '. "$LIBRARY/lib/lib.sh"\nkubectl delete node node2\n')
    assert machine.run("look").status == 0
    assert machine.path("/preferences").read_text() == "off\n"
