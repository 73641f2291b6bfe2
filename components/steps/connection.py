"""How a command reaches its host, and what to tell a person when it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_command import remote

from components.settings import Bastion, Host, Ssh
from components.settings.known_hosts import known_host_key


def connection_of(host: Host, ssh: Ssh) -> remote.ConnectionArgs:
    """The connection of every command on a host. Its host key is always checked.

    Without a key file the provider itself finds the SSH agent: the path of its socket is another one in each session of
    a person, and would be a change of every command.
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
    """Whether a recorded connection leads to the same machine, whatever key opens it."""
    now = {
        "host": str(host.address),
        "user": host.user or ssh.user,
        "port": host.port or ssh.port,
        "hostKey": host_key_of(host, ssh),
    }
    return all(recorded.get(name) == value for name, value in now.items())


def _private_key(ssh: Ssh) -> pulumi.Output[str] | None:
    if ssh.private_key_file is None:
        return None
    if not ssh.private_key_file.is_file():
        raise pulumi.RunError(
            f"ssh.privateKeyFile: expected the private key at {ssh.private_key_file}, saw no such file.\n"
            f"  Next: ssh-keygen -t ed25519 -f {ssh.private_key_file}, or remove the setting to use the SSH agent"
        )
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


def explain_connection_failure(name: str, step: str, host: Host, ssh: Ssh) -> pulumi.ResourceHookBinding:
    """A hook that says, for a host that could not be entered, what was expected, seen and is to be done."""
    user, port = host.user or ssh.user, host.port or ssh.port
    login = f"ssh -p {port} {user}@{host.address}"
    advice = {
        "dial unix": (
            "the SSH agent to answer at $SSH_AUTH_SOCK",
            "ssh-add -l; start an agent, or unset SSH_AUTH_SOCK where ssh.privateKeyFile names the key",
        ),
        "unable to authenticate": (
            f"user {user} to be let in with the key of ssh.privateKeyFile or the SSH agent",
            f"{login}; add the public key to ~{user}/.ssh/authorized_keys",
        ),
        "host key mismatch": (
            "the SSH host key that the stack pins",
            f"ssh-keyscan -t ed25519 -p {port} {host.address}; compare it on its console, then pin the new one",
        ),
        # x/crypto's words for a session whose machine, network or sshd went away.
        "exited without exit status": (
            "the SSH session to last as long as the step",
            f"{login}; once it answers: pulumi up, which waits for a step that still runs",
        ),
        "connection refused": ("an SSH server", f"{login}; start ssh on the machine, or mend address and port"),
        "timeout": ("an answer", f"ping {host.address}; start the machine, or mend its address"),
        "no route to host": (
            "the machine to be reachable",
            f"ping {host.address}; start the machine, or mend its address",
        ),
        "a password is required": (
            f"sudo without a password for {user}",
            f"echo '{user} ALL=(ALL) NOPASSWD:ALL' in /etc/sudoers.d/{user} on the machine",
        ),
        "sudo: command not found": ("sudo", "apt-get install sudo on the machine"),
        "may not run sudo": (f"sudo for {user}", f"add {user} to the group sudo on the machine"),
        "is not in the sudoers": (f"sudo for {user}", f"add {user} to the group sudo on the machine"),
        # Of any other reason: the words above are in it.
        "handshake failed": (
            "its SSH server to talk to this address",
            f"{login}; right user and key? Debian 13 bars an address for a minute when they fail",
        ),
    }

    def explain(arguments: pulumi.ErrorHookArgs) -> bool:
        seen = "; ".join(arguments.errors)
        # A step that ran has explained itself, and may quote a connection of its own that was refused.
        if f"{step}: expected " in seen:
            return False
        for sign, (expected, next_command) in advice.items():
            if sign in seen:
                pulumi.log.error(f'{host.name}: {step}: expected {expected},\n  saw "{sign}".\n  Next: {next_command}')
                break
        return False

    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook(f"{name}-explain", explain)])
