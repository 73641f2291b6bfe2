"""Problems of etcd and of its bundles, from facts of each control plane."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from components.settings import Host, Settings
from components.settings.encryption import NOT_ENCRYPTED
from operations.stack.commands import StackCommands
from operations.status._lost_state import join_anew
from problem import Problem

Facts = Mapping[str, str]

HOUR = 3600
GRACE_SECONDS = HOUR
"""Time in which a snapshot may be late: a timer has its own minute in the hour, and a machine that was off takes its
snapshot when it starts.
"""
DEFAULT_QUOTA = 2 * 1024**3
"""Bytes; etcd's --quota-backend-bytes: etcd.io/docs, "Configuration options"."""
FULL = 0.8
FRAGMENTED_BYTES = 100 * 1024**2
ETCDCTL = (
    "etcdctl() { crictl exec $(crictl ps --quiet --name '^etcd$') etcdctl --command-timeout 10m"
    " --endpoints https://127.0.0.1:2379 --cacert /etc/kubernetes/pki/etcd/ca.crt"
    ' --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key "$@"; }'
)
"""A function of the shell, for commands that follow it."""
COMPACT = (
    """etcdctl compaction --physical $(etcdctl endpoint status --write-out fields | sed -n 's/^"Revision" : //p')"""
)
"""Compaction by hand: the API server compacts every five minutes by a write, which a full etcd refuses."""
LARGER_QUOTA = "a larger quota: quota-backend-bytes in cluster.clusterConfiguration.etcd.local.extraArgs"


def reporter(facts: Mapping[str, Facts], were_nodes: Collection[str]) -> str | None:
    """Name of the control plane that reports what each member knows: the first whose etcd answered."""
    wanted = {"initialized_age", "etcd_members"}
    return next((name for name, each in facts.items() if name in were_nodes and wanted <= each.keys()), None)


def etcd_problems(
    host: Host,
    settings: Settings,
    facts: Facts,
    commands: StackCommands,
    *,
    were_nodes: Collection[str],
    reports: bool,
) -> Iterator[Problem]:
    """Everything that is wrong with etcd on a control plane, and with the bundles there.

    Args:
        host: of the stack.
        settings: of the stack.
        facts: that operations/status/etcd_facts.sh prints; none on a machine that is no control plane yet.
        commands: of the stack.
        were_nodes: hosts that the last update left as nodes.
        reports: whether the host is the reporter.
    """
    if "initialized_age" not in facts:
        return
    yield from _bundle(host, settings, facts, commands)
    if "etcd_forgets" in facts:
        yield Problem(
            f"{host.name}: etcd",
            expected="etcd with its own arguments",
            seen="--force-new-cluster, of a recovery that was cut short: at each start etcd forgets all other members",
            next_command=f"{commands.recover(host.name)}, before anything joins",
        )
    if "etcd_failure" in facts:
        yield Problem(
            f"{host.name}: etcd",
            expected="etcd to list its members",
            seen=facts["etcd_failure"] or "no container of etcd runs",
            next_command=f"on {host.name}: crictl logs $(crictl ps --all --quiet --name '^etcd$'); where the data of"
            " etcd are gone: docs/how-to/lost-etcd-data.md",
        )
        return
    if reports:
        yield from _members(host, settings, facts, commands, were_nodes)
    yield from _leader(host, facts)
    yield from _size(host, facts)
    if reports:
        yield from _encryption(host, settings, facts, commands)


def _bundle(host: Host, settings: Settings, facts: Facts, commands: StackCommands) -> Iterator[Problem]:
    limit = 2 * settings.backup.every_hours * HOUR + GRACE_SECONDS
    age = facts.get("bundle_age")
    since = int(age or facts["initialized_age"])
    if "bundle_failure" in facts or since > limit:
        last = f"the last bundle is {since // HOUR} h old" if age else "no bundle"
        yield Problem(
            f"{host.name}: snapshots of etcd",
            expected=f"a bundle every {settings.backup.every_hours} h",
            seen=f"{last}; {facts.get('bundle_failure') or 'the timer did not run'}",
            next_command=f"{commands.snapshot}; systemctl status kubernetes-backup.timer on {host.name}",
        )


def _members(
    host: Host, settings: Settings, facts: Facts, commands: StackCommands, were_nodes: Collection[str]
) -> Iterator[Problem]:
    members = dict(each.split("=", 1) for each in facts.get("etcd_members", "").split() if "=" in each)
    names = {str(each.internal_ip): each.name for each in settings.living_control_planes}

    def next_command(name: str) -> str:
        """The next command for a control plane without a vote: a former member has lost its data, a new one joins."""
        return join_anew(name, commands) if name in were_nodes else commands.up

    for address, state in members.items():
        if address not in names:
            yield Problem(
                "etcd: members",
                expected=f"the control planes of the stack: {', '.join(names.values())}",
                seen=f"a member at {address}, which votes on" if state == "voter" else f"a {state} member at {address}",
                next_command=f"a control plane that is dead: gone: true in the stack file, {commands.up}; another one:"
                f" on {host.name}, as root: {ETCDCTL}; etcdctl member list. Then etcdctl member remove ID",
            )
        elif state != "voter":
            yield Problem(
                f"{names[address]}: etcd",
                expected="a member that votes",
                seen="one that has not started" if state == "unstarted" else "a learner, of a join that was cut short",
                next_command=next_command(names[address]),
            )
    for address in names.keys() - members.keys():
        yield Problem(
            f"{names[address]}: etcd",
            expected="a member of etcd",
            seen=f"no member at {address}",
            next_command=next_command(names[address]),
        )


def _encryption(host: Host, settings: Settings, facts: Facts, commands: StackCommands) -> Iterator[Problem]:
    """The problem of Secrets that are written with another key than the stack's."""
    encryption = settings.cluster.encryption
    if encryption is None:
        return
    if "secret_writers" not in facts:
        yield Problem(
            "etcd: encryption of Secrets",
            expected="etcd to tell how Secrets are written",
            seen="no answer",
            next_command=f"on {host.name}: crictl logs $(crictl ps --quiet --name '^etcd$')",
        )
        return
    counts = dict(each.split("=", 1) for each in facts["secret_writers"].split() if "=" in each)
    writer = encryption.order[0]
    if set(counts) - {writer} or not counts:
        of_each = [f"{count} {_written(name)}" for name, count in sorted(counts.items())]
        yield Problem(
            "etcd: encryption of Secrets",
            expected=f"every Secret {_written(writer)}",
            seen=", ".join(of_each) or "no API server with keys",
            next_command=commands.up,
        )


def _written(name: str) -> str:
    return "in clear" if name == NOT_ENCRYPTED else f"encrypted with {name}"


def _status(facts: Facts) -> Mapping[str, str]:
    return dict(each.split("=", 1) for each in facts.get("etcd_status", "").split() if "=" in each)


def _leader(host: Host, facts: Facts) -> Iterator[Problem]:
    if _status(facts).get("Leader") == "0":
        yield Problem(
            f"{host.name}: etcd",
            expected="a member that leads",
            seen="none: the majority of the members is lost, or does not reach the others",
            next_command="docs/how-to/lost-majority.md",
        )
    if "CORRUPT" in facts.get("etcd_alarms", ""):
        yield Problem(
            f"{host.name}: etcd",
            expected="members with the same data",
            seen="the alarm CORRUPT: the data of a member are others",
            next_command="the logs of etcd on each control plane, which name the member;"
            " then docs/how-to/lost-etcd-data.md for that one",
        )


def _size(host: Host, facts: Facts) -> Iterator[Problem]:
    status = _status(facts)
    size, used = (int(status.get(name, "0")) for name in ("DBSize", "DBSizeInUse"))
    quota = int(facts.get("etcd_quota") or DEFAULT_QUOTA)
    quota_text = f"a database of less than {FULL:.0%} of its quota of {_mib(quota)}"
    size_text = f"{_mib(size)}, of which {_mib(used)} are in use"
    on_host = f"on {host.name}, as root: {ETCDCTL}"
    if "NOSPACE" in facts.get("etcd_alarms", ""):
        yield Problem(
            f"{host.name}: etcd",
            expected=quota_text,
            seen=f"{size_text}, and the alarm NOSPACE: etcd takes no writes",
            next_command=f"{on_host}; {COMPACT}; etcdctl defrag --cluster; etcdctl alarm disarm. Then kubectl delete"
            f" what fills it (events, old objects), or {LARGER_QUOTA}",
        )
    elif size > FULL * quota:
        yield Problem(
            f"{host.name}: etcd",
            expected=quota_text,
            seen=size_text,
            next_command=f"{on_host}; etcdctl defrag. Then, where most is in use, kubectl delete what fills it (events,"
            f" old objects), or {LARGER_QUOTA}",
        )
    elif used and size - used > max(FRAGMENTED_BYTES, used):
        yield Problem(
            f"{host.name}: etcd",
            expected="a database of which most is in use",
            seen=size_text,
            next_command=f"{on_host}; etcdctl defrag. Then the next control plane: the API of each does not answer"
            " meanwhile",
        )


def _mib(size: int) -> str:
    return f"{size / 1024**2:.0f} MiB"
