"""A reset deletes rules, tables, services and sets of the cluster in the kernel, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts.machine import Machine
from tests.scripts.preparation import HOSTS, RESET


def reset_with(machine: Machine, save: str) -> str:
    """Standard error of a reset, with a stand-in of iptables-save."""
    machine.write("/var/lib/pulumi-kubeadm/owner", "kubeadm/dev")
    machine.write("/etc/hosts", HOSTS)
    for program in ("ip", "ip6tables-save", "apt-mark", "systemctl", "busctl"):
        machine.stub(program)
    machine.stub("iptables-save", save)
    machine.stub("iptables-restore", 'cat >"$ROOT/restored"')
    finished = machine.run("reset", RESET)
    assert finished.status == 0, finished.stderr
    return finished.stderr


def test_a_reset_deletes_our_rules_and_those_of_the_cluster_and_no_other(machine: Machine) -> None:
    """Rules of a step that was cut short would lead clients of the next cluster to a control plane of the last one."""
    ours = [":PULUMI-KUBEADM-API - [0:0]", "-A PREROUTING -p tcp -m tcp --dport 6443 -j PULUMI-KUBEADM-API"]
    others = ["*nat", "-A PREROUTING -p tcp -m comment --comment pulumi-kubeadm -j ACCEPT", "COMMIT"]
    of_cluster = [":KUBE-SERVICES - [0:0]", "-A PREROUTING -j KUBE-SERVICES", "-A KUBE-SERVICES -j cali-x"]
    lines = [others[0], *of_cluster, *ours, *others[1:]]
    errors = reset_with(machine, "cat <<'RULES'\n" + "\n".join(lines) + "\nRULES")
    assert machine.path("/restored").read_text().splitlines() == [
        *("*nat", of_cluster[0], "-D PREROUTING -j KUBE-SERVICES", ours[0], ours[1].replace("-A ", "-D ")),
        *("-X KUBE-SERVICES", "-X PULUMI-KUBEADM-API", "COMMIT"),
    ]
    # So a rule that a program of the owner's writes meanwhile, or takes away, is not put back to what the reset saw.
    assert "iptables-restore --wait --noflush" in machine.calls()
    assert "iptables" not in errors


def test_a_reset_says_which_rules_it_cannot_look_at(machine: Machine) -> None:
    """They may stay; the reset goes on, because the kernel of a machine may lack them."""
    errors = reset_with(machine, 'echo "cannot lock" >&2; exit 4')
    assert "node1: rules of iptables, if there are any, stay until a reboot: iptables-save says cannot lock" in errors
    assert not machine.path("/restored").exists()


OTHER_TABLES = [
    "table inet filter",
    "table ip nat",
    "table ip calico-hers",
    "table inet kube-proxy",
    "table arp filter",
]


def test_a_reset_deletes_the_tables_of_kube_proxy_and_calico_and_no_other(machine: Machine) -> None:
    """In mode nftables they have their rules in tables of their own, which drop packets of the next cluster."""
    of_cluster = [
        *(f"table {family} {name}" for family in ("ip", "ip6") for name in ("kube-proxy", "calico")),
        "table arp calico-arp",
    ]
    machine.write("/tables", "".join(f"{table}\n" for table in [*OTHER_TABLES, *of_cluster]))
    machine.stub("nft", 'case $1 in list) cat "$ROOT/tables" ;; delete) sed -i "/^${*:2}$/d" "$ROOT/tables" ;; esac')
    assert "nftables" not in reset_with(machine, "")
    assert machine.path("/tables").read_text().splitlines() == OTHER_TABLES


def test_a_reset_says_where_it_cannot_look_at_tables(machine: Machine) -> None:
    """The kernel may lack nftables."""
    machine.stub("nft", 'echo "Operation not supported" >&2; exit 1')
    expected = "node1: tables of nftables, if there are any, stay until a reboot: nft says Operation not supported\n"
    assert expected in reset_with(machine, "")


def test_a_reset_needs_no_nft(machine: Machine) -> None:
    """Then tables stay until a reboot: the programs of pods that could delete them are gone."""
    programs = machine.path("/programs")
    programs.mkdir()
    for directory in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        for path in Path(directory).iterdir():
            if path.name != "nft" and not (programs / path.name).is_symlink():
                (programs / path.name).symlink_to(path)
    machine.replace("run", "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin", str(programs))
    (machine.root / "stubs" / "nft").unlink()
    assert "nftables" not in reset_with(machine, "")


HEADING = (
    "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port\n"
)


@pytest.mark.parametrize(
    ("link", "services", "clears"), [(True, True, True), (False, True, False), (True, False, False)]
)
def test_a_reset_deletes_the_services_of_ipvs_where_kube_proxy_had_them(
    machine: Machine, link: bool, services: bool, clears: bool
) -> None:
    """They would keep node ports; without the link of kube-proxy they are somebody's own."""
    if link:
        machine.path("/sys/class/net/kube-ipvs0").mkdir(parents=True)
    machine.write("/proc/net/ip_vs", f"{HEADING}TCP  C000020B:7539 rr\n" if services else HEADING)
    reset_with(machine, "")
    assert ("ipvsadm --clear" in machine.calls()) == clears


def test_a_reset_says_that_services_of_ipvs_stay_without_the_program(machine: Machine) -> None:
    """No package of the stack brings it."""
    machine.path("/sys/class/net/kube-ipvs0").mkdir(parents=True)
    machine.write("/proc/net/ip_vs", f"{HEADING}TCP  C000020B:7539 rr\n")
    (machine.root / "stubs" / "ipvsadm").unlink()
    machine.replace("lib/ipvs", "command -v ipvsadm", "command -v no-such-program")
    assert "services of IPVS stay until a reboot: there is no program ipvsadm" in reset_with(machine, "")


def test_a_reset_says_where_it_cannot_look_at_sets(machine: Machine) -> None:
    """They may stay, as rules may."""
    machine.stub("ipset", 'echo "Kernel error" >&2; exit 1')
    errors = reset_with(machine, "")
    assert "sets of addresses, if there are any, stay until a reboot: ipset says Kernel error\n" in errors


def test_a_reset_destroys_the_sets_of_kube_proxy_and_calico_and_no_other(machine: Machine) -> None:
    """One that a rule of others uses stays."""
    machine.stub(
        "ipset", 'case $1 in list) printf "%s\\n" KUBE-IP hers cali40s:1 calico-hers cali60x ;; *) exit 1 ;; esac'
    )
    reset_with(machine, "")
    destroyed = [call for call in machine.calls() if call.startswith("ipset destroy")]
    assert destroyed == [f"ipset destroy {name}" for name in ("KUBE-IP", "cali40s:1", "cali60x")]
