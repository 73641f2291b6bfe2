"""Explanations of failed SSH connections: expected, seen, next command."""

from __future__ import annotations

import shlex

import pulumi

from components.settings import Host, Ssh
from components.steps.ssh import bastion_command, login_command
from components.steps.step import Step
from components.steps.wanted import Wanted
from components.steps.watch import Watch
from problem import Problem


def explain_connection_failures(wanted: Wanted, watch: Watch) -> pulumi.ErrorHook:
    """A hook that explains a failed connection in the log of the update."""

    def explain(arguments: pulumi.ErrorHookArgs) -> bool:
        step = wanted.step_of(arguments.name)
        watch.ends(step)
        problem = connection_problem(step, wanted.settings.ssh, "; ".join(arguments.errors))
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
    for sign, (expected, next_command) in advice_by_sign(step.host, ssh).items():
        if sign in seen:
            where = f"{step.host.name}: {step.name}"
            return Problem(where, expected=expected, seen=f'"{sign}"', next_command=next_command)
    return None


def advice_by_sign(host: Host, ssh: Ssh) -> dict[str, tuple[str, str]]:
    """Expected state and next command, by words of x/crypto/ssh, OpenSSH, sudo or bash. The first match counts."""
    return {**_login_advice(host, ssh), **_machine_advice(host, ssh), **_server_advice(host, ssh)}


def _login_advice(host: Host, ssh: Ssh) -> dict[str, tuple[str, str]]:
    """Advice for a key that the machine or this computer does not accept."""
    user, port = host.user or ssh.user, host.port or ssh.port
    # ssh by hand takes a file in ~/.ssh of its own accord, where steps without ssh.privateKeyFile have the agent only.
    source, look = "ssh.privateKeyFile", ""
    keys = _from_beside(ssh, f"ssh-keyscan -t ed25519 -p {port} {host.address}")
    if not ssh.private_key_file:
        source, look = "the SSH agent", "ssh-add -l lists its keys, ssh-add adds one; "
    key_is_refused = (
        f"user {user} to be let in with a key of {source}",
        f"{look}{login_command(host, ssh)}; add the public key to ~{user}/.ssh/authorized_keys",
    )
    other_host_key = (
        "the SSH host key that the stack pins",
        f"{keys}; compare it on its console, then pin the new one",
    )
    return {
        "dial unix": (
            "the SSH agent to answer at $SSH_AUTH_SOCK",
            "ssh-add -l; start an agent, or unset SSH_AUTH_SOCK where ssh.privateKeyFile names the key",
        ),
        "bad permissions": (
            "a private key that only its owner may read",
            shlex.join(["chmod", "600", str(ssh.private_key_file)]),
        ),
        "Too many authentication failures": (
            "the key of the stack among the first that the SSH agent offers: a server refuses after six",
            "ssh-add -l; ssh-add -D, then ssh-add the one key; or ssh.privateKeyFile",
        ),
        "unable to authenticate": key_is_refused,
        "Permission denied": key_is_refused,
        "no common algorithm for host key": (
            "a host key of type Ed25519 or ECDSA: with one of RSA the command provider speaks to old servers alone",
            f"{keys}; compare it on its console, then pin it",
        ),
        "host key mismatch": other_host_key,
        "Host key verification failed": other_host_key,
    }


def _machine_advice(host: Host, ssh: Ssh) -> dict[str, tuple[str, str]]:
    """Advice for a machine that accepts the login and then lacks something."""
    user, login = host.user or ssh.user, login_command(host, ssh)
    no_scripts = (
        "the scripts of this project on the machine, which prepare brings",
        f"make repair STACK={pulumi.get_stack()} HOST={host.name}",
    )
    file = f"/etc/sudoers.d/{user.replace('.', '_')}"  # sudo reads no file with a dot in its name
    permit = f"on the machine, as root: echo '{user} ALL=(ALL) NOPASSWD:ALL' >{file}"
    no_terminal = f"on the machine, as root: echo 'Defaults:{user} !requiretty' >>{file}"
    no_sudo = (f"sudo for {user}", permit)
    no_password = (f"sudo without a password for {user}", permit)
    no_program = ("sudo, also for root", "on the machine, as root: apt-get install sudo")
    no_login = (f"a login of {user} that runs commands", f"{login} says who may; ssh.user or hosts.{host.name}.user")
    return {
        # A command beside the key, of cloud-init for root; /usr/sbin/nologin; OpenSSH.
        "Please login as the user": no_login,
        "This account is currently not available": no_login,
        "Password change required": (f"a password of {user} that has not expired", f"{login} changes it"),
        "pulumi-kubeadm/run.sh: No such file": no_scripts,
        "run_step: command not found": no_scripts,
        # x/crypto's error for a session whose machine, network or sshd went away.
        "exited without exit status": (
            "the SSH session to last as long as the step",
            f"{login}; once the machine answers: pulumi up, which waits for a step that still runs",
        ),
        "a password is required": no_password,
        "sudo: command not found": no_program,
        "env: 'sudo': No such file": no_program,
        "you must have a tty": (f"sudo without a terminal for {user}", no_terminal),
        "may not run sudo": no_sudo,
        "is not in the sudoers": no_sudo,
        # sudo-rs, which Ubuntu has from 25.10 on: src/common/error.rs.
        "interactive authentication is required": no_password,
        "afraid I can't do that": no_sudo,
        "is not allowed to execute": no_sudo,
    }


def _server_advice(host: Host, ssh: Ssh) -> dict[str, tuple[str, str]]:
    """Advice for a machine that does not answer, or drops the connection."""
    login = login_command(host, ssh)
    no_server = ("an SSH server", f"{login}; start ssh on the machine, or mend address and port")
    ping = _from_beside(ssh, f"ping {host.address}")
    no_answer = ("an answer", f"{ping}; start the machine, or mend its address")
    unreachable = ("the machine to be reachable", f"{ping}; start the machine, or mend its address")
    dropped = (
        "its SSH server to talk to this address",
        f"{login}; right user and key? Debian 13 bars an address for a minute when they fail",
    )
    return {
        "connection refused": no_server,
        "Connection refused": no_server,
        "timeout": no_answer,
        "timed out": no_answer,
        "no route to host": unreachable,
        "No route to host": unreachable,
        "kex_exchange_identification": dropped,
        # x/crypto's prefix of every failure before the login, those above too.
        "handshake failed": dropped,
    }


def _from_beside(ssh: Ssh, command: str) -> str:
    """A command that connects to a host: on the bastion where there is one, because nothing else may reach the host."""
    return f"{bastion_command(ssh.bastion, ssh)} {command}" if ssh.bastion else command
