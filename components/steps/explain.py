"""Explanations of failed SSH connections: expected, seen, next command."""

from __future__ import annotations

import pulumi

from components.settings import Host, Ssh
from components.steps.step import Step
from components.steps.wanted import Wanted
from problem import Problem


def explain_connection_failures(wanted: Wanted) -> pulumi.ErrorHook:
    """A hook that explains a failed connection in the log of the update."""

    def explain(arguments: pulumi.ErrorHookArgs) -> bool:
        problem = connection_problem(wanted.step_of(arguments.name), wanted.settings.ssh, "; ".join(arguments.errors))
        if problem:
            pulumi.log.error(str(problem))
        return False

    return pulumi.ErrorHook(wanted.resource_name("connection"), explain)


def connection_problem(step: Step, ssh: Ssh, seen: str) -> Problem | None:
    """The problem of a connection; None where the connection is not at fault.

    Args:
        step: the step that failed.
        ssh: the SSH settings of the stack.
        seen: the error text of the command provider or of OpenSSH.
    """
    # A step that ran has explained its failure, and may quote a refused connection of its own.
    if f"{step.name}: expected " in seen:
        return None
    for sign, (expected, next_command) in _advice(step.host, ssh).items():
        if sign in seen:
            where = f"{step.host.name}: {step.name}"
            return Problem(where, expected=expected, seen=f'"{sign}"', next_command=next_command)
    return None


def _advice(host: Host, ssh: Ssh) -> dict[str, tuple[str, str]]:
    """Expected fact and next command by error text of x/crypto/ssh, sudo, bash or OpenSSH; the first match counts."""
    user, port = host.user or ssh.user, host.port or ssh.port
    login = f"ssh -p {port} {user}@{host.address}"
    key_is_refused = (
        f"user {user} to be let in with the key of ssh.privateKeyFile or the SSH agent",
        f"{login}; add the public key to ~{user}/.ssh/authorized_keys",
    )
    other_host_key = (
        "the SSH host key that the stack pins",
        f"ssh-keyscan -t ed25519 -p {port} {host.address}; compare it with the machine's console, then pin the new key",
    )
    unreachable = ("the machine to be reachable", f"ping {host.address}; start the machine, or mend its address")
    no_answer = ("an answer", f"ping {host.address}; start the machine, or mend its address")
    no_server = ("an SSH server", f"{login}; start ssh on the machine, or mend address and port")
    no_sudo = (f"sudo for {user}", f"add {user} to the group sudo on the machine")
    return {
        "dial unix": (
            "the SSH agent to answer at $SSH_AUTH_SOCK",
            "ssh-add -l; start an agent, or unset SSH_AUTH_SOCK where ssh.privateKeyFile names the key",
        ),
        "unable to authenticate": key_is_refused,
        "Permission denied": key_is_refused,
        "host key mismatch": other_host_key,
        "Host key verification failed": other_host_key,
        "pulumi-kubeadm/run.sh: No such file": (
            "the scripts of this project on the machine, which prepare brings",
            f"make repair STACK={pulumi.get_stack()} HOST={host.name}",
        ),
        # x/crypto's error for a session whose machine, network or sshd went away.
        "exited without exit status": (
            "the SSH session to last as long as the step",
            f"{login}; once the machine answers: pulumi up, which waits for a step that still runs",
        ),
        "connection refused": no_server,
        "Connection refused": no_server,
        "timeout": no_answer,
        "timed out": no_answer,
        "no route to host": unreachable,
        "No route to host": unreachable,
        "a password is required": (
            f"sudo without a password for {user}",
            f"echo '{user} ALL=(ALL) NOPASSWD:ALL' in /etc/sudoers.d/{user} on the machine",
        ),
        "sudo: command not found": ("sudo", "apt-get install sudo on the machine"),
        "may not run sudo": no_sudo,
        "is not in the sudoers": no_sudo,
        # Every other reason: this text also contains the texts above.
        "handshake failed": (
            "its SSH server to talk to this address",
            f"{login}; right user and key? Debian 13 bars an address for a minute when they fail",
        ),
    }
