"""What `make status` advises for an etcd helps to the letter: tried on the etcd of the local mirror, full."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.settings.stack_file import parse_settings
from operations.status._etcd_checks import etcd_problems
from operations.status._host_checks import ETCD_FACTS
from tests.recovery.programs import free_port, unpack_etcd, wait_until_healthy
from tests.unit.support.stacks import SHOP, with_workers

QUOTA = 2 * 1024**2
AS_ROOT = re.compile(r"as root: (.*?)\. Then\b")
CRICTL = """#!/bin/bash
if [[ $* == "ps --quiet --name ^etcd$" ]]; then echo etcd1; exit; fi
[[ "$1 $2" == "exec etcd1" ]] && shift 2 && exec "$@"
"""
"""A crictl that finds etcd by its whole name only."""


@dataclass(frozen=True)
class Etcd:
    """An etcd with the certificates of kubeadm, at another port, and below a directory."""

    directory: Path
    port: int

    def shell(self, text: str) -> str:
        """What commands print, as on a control plane."""
        here = text.replace("/etc/kubernetes", str(self.directory)).replace(":2379", f":{self.port}")
        prefix = f"export PATH={self.directory}:$PATH\n"
        command = ["bash", "-uo", "pipefail", "-c", prefix + here]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False
        )
        return done.stdout

    def advice(self) -> list[str]:
        """Commands of the problems that the machine has."""
        fact = r"""fact() { printf '%s=%s\n' "$1" "${2//$'\n'/ }"; }; STATE=/etc/kubernetes"""
        printed = self.shell("\n".join([fact, *(path.read_text() for path in ETCD_FACTS)]))
        facts = dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)
        facts["etcd_members"] = "192.0.2.11=voter"
        settings = parse_settings(with_workers("node2"))
        found = etcd_problems(settings.hosts["node1"], settings, facts, SHOP, were_nodes=["node1"], reports=True)
        return [each.next_command for each in found]


def make_certificates(directory: Path) -> None:
    """As kubeadm names them; the certificate of the server is one of a client, too."""
    pki = directory / "pki/etcd"
    pki.mkdir(parents=True)
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=etcd"]
    names = [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(pki / "server.key"),
        "-out",
        str(pki / "server.crt"),
    ]
    subprocess.run([*new, *names], check=True, capture_output=True)
    (pki / "ca.crt").write_bytes((pki / "server.crt").read_bytes())


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[Etcd]:
    """The etcd of the local mirror, with a small quota."""
    unpack_etcd(tmp_path)
    make_certificates(tmp_path)
    (tmp_path / "crictl").write_text(CRICTL)
    (tmp_path / "crictl").chmod(0o755)
    (tmp_path / "initialized").touch()
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests/etcd.yaml").write_text(f"    - --quota-backend-bytes={QUOTA}\n")
    port, pki = free_port(), tmp_path / "pki/etcd"
    url, peer = f"https://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            *(str(tmp_path / "etcd"), "--data-dir", str(tmp_path / "data"), "--quota-backend-bytes", str(QUOTA)),
            *("--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", peer),
            *("--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"),
            *("--cert-file", str(pki / "server.crt"), "--key-file", str(pki / "server.key"), "--client-cert-auth"),
            *("--trusted-ca-file", str(pki / "ca.crt")),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    found = Etcd(tmp_path, port)
    try:
        wait_until_healthy(lambda: found.shell(f"{function()}; etcdctl endpoint health"))
        yield found
    finally:
        process.kill()
        process.wait()


def function() -> str:
    """The function that an advice begins with."""
    settings = parse_settings(with_workers("node2"))
    facts = {"initialized_age": "0", "etcd_members": "192.0.2.11=voter", "etcd_alarms": "NOSPACE"}
    (problem,) = etcd_problems(settings.hosts["node1"], settings, facts, SHOP, were_nodes=["node1"], reports=True)
    return problem.next_command.split("as root: ")[1].split("; etcdctl ")[0]


WRITE = "yes | head --bytes 100000 | etcdctl put example"


def test_a_full_etcd_takes_writes_again(etcd: Etcd) -> None:
    """By what is advised; nothing is advised afterwards."""
    write = f"{function()}; {WRITE}"
    for _ in range(40):
        output = etcd.shell(write)
    assert "database space exceeded" in output
    (advice,) = etcd.advice()
    assert "kubectl delete what fills it" in advice
    (commands,) = AS_ROOT.findall(advice)
    assert "Error" not in etcd.shell(commands)
    assert etcd.advice() == []
    assert etcd.shell(write).strip() == "OK"


def test_a_large_database_shrinks(etcd: Etcd) -> None:
    """By what is advised."""
    (etcd.directory / "manifests/etcd.yaml").write_text(f"    - --quota-backend-bytes={QUOTA // 4}\n")
    for _ in range(8):
        assert etcd.shell(f"{function()}; {WRITE}").strip() == "OK"
    assert "compacted" in etcd.shell(f"{function()}; etcdctl compaction --physical 8")
    (advice,) = etcd.advice()
    assert "etcdctl defrag. Then" in advice
    assert "Finished defragmenting" in etcd.shell(AS_ROOT.findall(advice)[0])
    assert etcd.advice() == []
