"""SSH connections of commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_command import remote

from components.settings import Bastion, Host, Ssh
from components.settings.known_hosts import known_host_key, without_comment
from problem import Problem


def connection_of(host: Host, ssh: Ssh) -> remote.ConnectionArgs:
    """The connection of every command on a host. Its host key is always checked.

    Without a key file the provider itself finds the SSH agent: the path of the agent's socket differs between sessions
    of a person, and would change every command.
    """
    return remote.ConnectionArgs(
        host=str(host.address),
        user=host.user or ssh.user,
        port=host.port or ssh.port,
        host_key=host_key_of(host, ssh),
        private_key=_private_key(ssh),
        dial_error_limit=ssh.dial_error_limit,
        per_dial_timeout=ssh.per_dial_timeout,
        proxy=_proxy(ssh.bastion, ssh) if ssh.bastion else None,
    )


def host_key_of(host: Host, ssh: Ssh) -> str:
    """The host's SSH key: its `hostKey`, or the first line for its address in the known_hosts file."""
    if host.host_key:
        return host.host_key
    assert ssh.known_hosts_file is not None, "the stack file is refused otherwise"
    key = known_host_key(ssh.known_hosts_file, str(host.address), host.port or ssh.port)
    assert key is not None, "the stack file is refused otherwise"
    return key


def is_same_machine(recorded: Mapping[str, Any], host: Host, ssh: Ssh) -> bool:
    """True where a recorded connection leads to the same machine, whatever the private key."""
    now = {
        "host": str(host.address),
        "user": host.user or ssh.user,
        "port": host.port or ssh.port,
        # A line of known_hosts may have a comment.
        "hostKey": without_comment(host_key_of(host, ssh)),
    }
    there = {**recorded, "hostKey": without_comment(str(recorded.get("hostKey")))}
    return all(there.get(name) == value for name, value in now.items())


def changed_ssh_settings(recorded: Mapping[str, Any], ssh: Ssh) -> list[str]:
    """SSH settings of all hosts that a recorded connection was made without."""
    path = ssh.private_key_file
    proxy, names = recorded.get("proxy") or {}, ("host", "user", "port", "hostKey")
    bastion = (ssh.bastion.address, ssh.bastion.user, ssh.bastion.port, ssh.bastion.host_key) if ssh.bastion else None
    before_and_after = {
        "ssh.privateKeyFile": (recorded.get("privateKey"), path.read_text() if path and path.is_file() else None),
        "ssh.bastion": (tuple(proxy.get(name) for name in names) if proxy else None, bastion),
        "ssh.dialErrorLimit": (recorded.get("dialErrorLimit"), ssh.dial_error_limit),
        "ssh.perDialTimeout": (recorded.get("perDialTimeout"), ssh.per_dial_timeout),
    }
    return [setting for setting, (before, after) in before_and_after.items() if before != after]


def _private_key(ssh: Ssh) -> pulumi.Output[str] | None:
    if ssh.private_key_file is None:
        return None
    if not ssh.private_key_file.is_file():
        problem = Problem(
            "ssh.privateKeyFile",
            expected=f"the private key at {ssh.private_key_file}",
            seen="no such file",
            next_command=f"ssh-keygen -t ed25519 -f {ssh.private_key_file}, or remove the setting to use the SSH agent",
        )
        raise pulumi.RunError(str(problem))
    return pulumi.Output.secret(ssh.private_key_file.read_text())


def _proxy(bastion: Bastion, ssh: Ssh) -> remote.ProxyConnectionArgs:
    return remote.ProxyConnectionArgs(
        host=bastion.address,
        user=bastion.user,
        port=bastion.port,
        host_key=bastion.host_key,
        private_key=_private_key(ssh),
        dial_error_limit=ssh.dial_error_limit,
        per_dial_timeout=ssh.per_dial_timeout,
    )
