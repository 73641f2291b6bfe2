"""The commands that a person runs for a stack, as problems name them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from components.settings import Settings


@dataclass(frozen=True)
class StackCommands:
    """Commands that can be run as they are printed: each names the stack.

    Attributes:
        stack: name of the stack in Pulumi.
        create: makes the stack in its backend.
        up: applies the stack file.
        refresh: applies it, and reads the objects of the cluster first: what was deleted there is made again.
        configure: options by which `pulumi config set` writes into the stack file.
    """

    stack: str
    create: str
    up: str
    refresh: str
    configure: str

    @property
    def status(self) -> str:
        """Names what is wrong."""
        return f"make status STACK={self.stack}"

    @property
    def snapshot(self) -> str:
        """Saves etcd now."""
        return f"make snapshot STACK={self.stack}"

    def recover(self, host: str) -> str:
        """Goes on with the member of etcd on a host, where the majority is lost."""
        return f"make recover STACK={self.stack} HOST={host}"

    def restore(self, bundle: str, key: str | None = None) -> str:
        """Lets the next update begin with a bundle; with the key for which it is encrypted."""
        with_key = f" KEY={shlex.quote(key)}" if key else ""
        return f"make restore STACK={self.stack} BUNDLE={shlex.quote(bundle)}{with_key}"

    @property
    def mirror(self) -> str:
        """Copies the images of the stack; a person names the registry."""
        return f"make mirror STACK={self.stack} TO=REGISTRY"

    def repair(self, host: str) -> str:
        """Puts a host back to what the last update left."""
        return f"make repair STACK={self.stack} HOST={host}"

    def kubeconfig(self, *options: str) -> str:
        """Writes a kubeconfig; options such as `USER=reader`."""
        return " ".join([f"make kubeconfig STACK={self.stack}", *options])

    @property
    def new_kubeconfig(self) -> str:
        """Revokes the stack's kubeconfig, and makes one for a new user."""
        return f"pulumi up {self.configure} --replace '**/kubeconfig'"

    def set_secret(self, key: str) -> str:
        """Asks for a secret and stores it encrypted."""
        return f"pulumi config set --secret {key} {self.configure}"

    def set_password(self, settings: Settings, registry: str) -> str:
        """Gives a registry its password."""
        access = settings.containerd.registries.get(registry)
        if access and access.username:
            return self.set_secret(access.password_key)
        username = f"give {registry} a username in containerd.registries"
        return f"{username}, then {self.set_secret('registryPassword')}"
