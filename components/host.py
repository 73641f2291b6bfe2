"""A prepared host: the preparation that every machine gets, whatever its role."""

from __future__ import annotations

import pulumi

from components.host_files import apt, containerd
from components.settings import Host
from components.steps.remote import StepCommands
from components.steps.result import is_cut_off, result_of
from components.steps.step import StepName


class PreparedHost(pulumi.ComponentResource):
    """A machine that is ready for kubeadm.

    It has the host name of the stack, modules and sysctls hold now and after a reboot, swap is off, containerd runs,
    kubeadm, kubelet and kubectl are installed in the version of the stack and held, and the first images are pulled.
    The upgrade of a running node, and not its preparation, changes its packages.

    A host has two commands: the first has no secret, so that a preview shows each changed line of each file; the second
    has the passwords of the registries. Where a package repository has a login, a command before both has its password.
    A host that leaves the stack is reset; `pulumi destroy` resets one with `policy.resetOnDestroy` only.

    Attributes:
        host: the host in the settings.
        machine_id: machine-id of the machine; None for a host that is gone.
    """

    host: Host
    machine_id: pulumi.Output[str] | None

    def __init__(self, host: Host, commands: StepCommands, opts: pulumi.ResourceOptions) -> None:
        super().__init__("kubeadm:index:PreparedHost", commands.wanted.resource_name(host.name), None, opts)
        self.host, self.machine_id = host, None
        prepare, pull = (commands.wanted.step(host.name, name) for name in (StepName.PREPARE, StepName.IMAGES))
        if host.gone:
            for name in (StepName.REPOSITORIES, StepName.PREPARE, StepName.IMAGES):
                commands.keep(host.name, name, self)
            return
        settings = commands.wanted.settings
        before: list[pulumi.Resource] = [commands.lifetime]
        if settings.repository_logins:
            logins = commands.secrets.repository_passwords.apply(lambda known: apt.login_files(settings, known))
            step = commands.wanted.step(host.name, StepName.REPOSITORIES)
            before.append(commands.run(step, self, after=before, secret_files=logins))
        end = None if settings.policy.reset_on_destroy else commands.lifetime
        prepared = commands.run(prepare, self, after=before, deleted_with=end)
        # The beginnings of two machine-ids may be the same.
        self.machine_id = prepared.stdout.apply(lambda known: "" if is_cut_off(known) else result_of(known))
        passwords = commands.secrets.registry_passwords
        credentials = passwords.apply(lambda known: containerd.credential_files(settings, known))
        commands.run(
            pull,
            self,
            after=[prepared],
            secret_files=credentials if containerd.registries_with_password(settings) else None,
        )
