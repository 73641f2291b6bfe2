"""The machines of an environment: create, reboot, cut off, delete."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.commands import run, succeeds
from local.environment import MIRROR_HOST_NAME, Environment
from local.machines.engine import LABEL, ensure_engine, inspected, is_installed, owner, podman
from local.machines.host_kernel import ensure_host_kernel
from local.machines.network import ensure_network, remove_network
from local.machines.root_file_system import ensure_image
from local.machines.unfriendly import UNFRIENDLY
from problem import StepError

VOLUMES = ("containerd", "kubelet", "etcd")
GIVEN = "/var/log/unfriendly"
"""Begin of the files on a machine that say which states it was given."""
BOOT_SECONDS = 60
POLL_SECONDS = 0.3


def create(environment: Environment, *, way_out: bool = False) -> None:
    """Create every machine of the environment; each answers over SSH, and is in the known_hosts file.

    An existing machine is not changed; a stopped machine is started.

    Args:
        environment: the environment of the machines.
        way_out: machines reach the networks of this host, and use its name servers.

    Raises:
        StepError: no container engine, addresses taken, or a machine that does not come up.
    """
    ensure_engine()
    ensure_host_kernel()
    environment.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    ensure_network(environment, way_out=way_out)
    images = {debian: ensure_image(debian) for debian in sorted(set(map(environment.debian_of, environment.machines)))}
    _ensure_key(environment.directory / "id_ed25519", comment=environment.name)

    def ensure(machine: str) -> str:
        return _ensure_machine(environment, machine, images[environment.debian_of(machine)], way_out)

    with ThreadPoolExecutor() as pool:
        keys = list(pool.map(ensure, environment.machines))
    known_hosts = environment.directory / "known_hosts"
    known_hosts.write_text(
        "".join(f"{environment.address(name)} {key}\n" for name, key in zip(environment.machines, keys, strict=True))
    )


def delete(environment: Environment) -> None:
    """Delete machines, their volumes and their network.

    Raises:
        StepError: podman is missing, and machines were made with it, or podman failed.
    """
    if not is_installed():
        if environment.directory.exists():
            raise StepError(
                f"delete the machines of {environment.name}",
                expected="the program podman, which made them",
                seen="none in PATH",
                next_command=f"apt-get install podman; where its storage is gone, too: rm -r {environment.directory}",
            )
        return
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda machine: delete_machine(environment, machine), environment.machines))
    remove_network(environment)


def delete_machine(environment: Environment, machine: str) -> None:
    """Delete a machine and its volumes without a shutdown; a container of another owner stays."""
    step, name = f"delete {machine}", environment.container(machine)
    found = inspected("container", name, step=step)
    if found and not _is_ours(environment, found):
        return
    podman("rm", "--force", "--time", "0", "--ignore", name, step=step)
    podman("volume", "rm", "--force", *(_volume(name, each) for each in VOLUMES), step=step)


def reboot(environment: Environment, machine: str) -> None:
    """Reboot a machine in order, until it answers again; its disks are unchanged, /run is empty."""
    podman("restart", "--time", "60", environment.container(machine), step=f"reboot {machine}")
    _wait_for_boot(environment, machine)


def cut_off(environment: Environment, machine: str) -> None:
    """Pull the network cable of a machine, which keeps running."""
    _on(environment, machine, "ip link set eth0 down")


def reconnect(environment: Environment, machine: str) -> None:
    """Plug the network cable of a machine in again."""
    # The link takes the route away; image/machine-init.sh has saved the route.
    _on(environment, machine, "ip link set eth0 up; ip route replace $(cat /run/default-route)")


def copy_from(environment: Environment, machine: str, path: str, target: Path) -> None:
    """Copy a file of a machine to `target`, with the same mode; an existing target is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    podman("cp", f"{environment.container(machine)}:{path}", str(unfinished), step=f"copy {path} from {machine}")
    unfinished.rename(target)


def status(environment: Environment) -> list[str]:
    """A line for each machine: name, address, and state of the container; further control planes only if there."""
    lines = []
    for machine in environment.machines:
        found = inspected("container", environment.container(machine), step="inspect the machines")
        if not found and machine in environment.further_control_planes:
            continue
        state = found["State"]["Status"] if found else "not there"
        lines.append(f"  {machine:<8} {environment.address(machine):<16} {state}")
    return lines


def _on(environment: Environment, machine: str, script: str) -> str:
    return podman("exec", environment.container(machine), "bash", "-euc", script, step=f"run a command on {machine}")


def _volume(container: str, name: str) -> str:
    return f"{container}-{name}"


def _is_ours(environment: Environment, container: dict[str, dict[str, dict[str, str]]]) -> bool:
    return container["Config"]["Labels"].get(LABEL) == owner(environment)


def _ensure_key(path: Path, *, comment: str) -> None:
    if not path.exists():
        command: list[str | Path] = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path]
        run(command, step="make an SSH key", log="machines")


def _ensure_machine(environment: Environment, machine: str, image: str, way_out: bool) -> str:
    """Public SSH host key of a machine, which is created and started if necessary."""
    step, name = f"create {machine}", environment.container(machine)
    found = inspected("container", name, step=step)
    if found and not _is_ours(environment, found):
        raise StepError(
            step,
            expected=f"the name {name} to be free among podman's containers",
            seen="a container of that name that belongs to something else",
            next_command=f"podman rm --force {name}, if it is not needed",
        )
    if not found or found["State"]["Status"] == "created":
        # An earlier run ended before the machine's files were in place, or the container alone was removed.
        delete_machine(environment, machine)
        found = None
        _create(environment, machine, image, way_out)
        _put_files(environment, machine, way_out)
    if not found or found["State"]["Status"] != "running":
        podman("start", name, step=step)
    _wait_for_boot(environment, machine)
    if environment.is_unfriendly:
        _make_unfriendly(environment, machine)
    return _on(environment, machine, "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").strip()


def _create(environment: Environment, machine: str, image: str, way_out: bool) -> None:
    """Make the container. Each option is needed: docs/decisions.md, "Local machines"."""
    name = environment.container(machine)
    volumes = (("--volume", f"{_volume(name, each)}:/var/lib/{each}") for each in VOLUMES)
    podman(
        *("create", "--name", name, "--hostname", machine, "--label", f"{LABEL}={owner(environment)}"),
        *("--privileged", "--cgroupns=private", "--systemd=false", "--restart", "always"),
        *("--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec"),
        *("--ulimit", "nofile=20000:20000", "--ulimit", "nproc=20000:20000"),
        *(*environment.network_options(environment.address(machine)), "--no-hosts"),
        # Without this option podman gives the machine the name servers of this host.
        *(() if way_out else ("--dns=none",)),
        *(option for volume in volumes for option in volume),
        image,
        step=f"create {machine}",
    )


def _put_files(environment: Environment, machine: str, way_out: bool) -> None:
    """Write the files that identify a machine: its names, and an SSH host key of its own."""
    files = {
        "etc/hostname": f"{machine}\n",
        "etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {machine}\n",
        "home/debian/.ssh/authorized_keys": (environment.directory / "id_ed25519.pub").read_text(),
    }
    if not way_out:
        files["etc/hosts"] += f"{environment.mirror_address} {MIRROR_HOST_NAME}\n"
        files["etc/resolv.conf"] = f"nameserver {environment.mirror_address}\n"
    with tempfile.TemporaryDirectory() as scratch:
        for path, content in files.items():
            target = Path(scratch) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        (Path(scratch) / "etc/ssh").mkdir()
        _ensure_key(Path(scratch) / "etc/ssh/ssh_host_ed25519_key", comment=machine)
        podman("cp", f"{scratch}/.", f"{environment.container(machine)}:/", step=f"create {machine}")


def _make_unfriendly(environment: Environment, machine: str) -> None:
    """Give a machine each state that it was not given before."""
    for number, state in enumerate(UNFRIENDLY.values()):
        given = f"{GIVEN}-{number}"
        _on(environment, machine, f"if [[ ! -e {given} ]]; then\n(\n{state.script}\n)\ntouch {given}\nfi")


def _wait_for_boot(environment: Environment, machine: str) -> None:
    name = environment.container(machine)
    up = ["podman", "exec", name, "systemctl", "is-active", "--quiet", "ssh.service", "multi-user.target"]
    deadline = time.monotonic() + BOOT_SECONDS
    while not succeeds(up):
        if time.monotonic() > deadline:
            raise StepError(
                f"boot {machine}",
                expected=f"an SSH server and multi-user.target within {BOOT_SECONDS} s",
                seen=podman("logs", "--tail", "20", name, step=f"boot {machine}"),
                next_command=f"podman exec -it {name} systemctl --failed",
            )
        time.sleep(POLL_SECONDS)  # systemd sends no signal outside when it is up
