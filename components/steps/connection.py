"""SSH connections of commands."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_command import remote

from components.settings import Bastion, Host, Ssh
from components.settings.known_hosts import known_host_key, known_host_keys, without_comment
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
    port = host.port or ssh.port
    now = {"host": str(host.address), "user": host.user or ssh.user, "port": port}
    keys = [host_key_of(host, ssh)]
    if not host.host_key and ssh.known_hosts_file:
        keys += known_host_keys(ssh.known_hosts_file, str(host.address), port)
    # A line of known_hosts may have a comment.
    is_known = without_comment(str(recorded.get("hostKey"))) in {without_comment(key) for key in keys}
    return is_known and all(recorded.get(name) == value for name, value in now.items())


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
    content = ssh.private_key_file.read_text(errors="replace")
    seen = _unusable(content)
    if seen:
        problem = Problem(
            "ssh.privateKeyFile",
            expected=f"a private key in {ssh.private_key_file} that OpenSSH wrote, without a passphrase",
            seen=seen,
            next_command=f"ssh-add {str(ssh.private_key_file).removesuffix('.pub')}, and remove the setting: the SSH"
            " agent signs; or a key of its own, without a passphrase: ssh-keygen -t ed25519 -N '' -f NEW",
        )
        raise pulumi.RunError(str(problem))
    return pulumi.Output.secret(content)


def _unusable(key: str) -> str | None:
    """Words for a file that the command provider cannot sign with, and of which OpenSSH would say less; else None."""
    if key.startswith("PuTTY-User-Key-File"):
        return "a key of PuTTY: puttygen exports it for OpenSSH"
    if key.startswith(("ssh-", "ecdsa-")):
        return "a public key; the private one has the same name without .pub"
    body = "".join(line for line in key.splitlines() if not line.startswith("-----"))
    is_encrypted = "ENCRYPTED" in key
    if "BEGIN OPENSSH PRIVATE KEY" in key:
        try:
            # PROTOCOL.key of OpenSSH: the name of the cipher follows the magic as a string with its length.
            is_encrypted = not base64.b64decode(body).startswith(b"openssh-key-v1\0\0\0\0\x04none")
        except binascii.Error:
            return "a key that was cut short, or altered"
    return "a key with a passphrase, for which nobody can be asked" if is_encrypted else None


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
