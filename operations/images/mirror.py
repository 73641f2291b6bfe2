"""Copy every image of the stack to another registry, verified by digest; what is there already is left alone."""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

from components.host_files.containerd import registries_with_password
from components.settings import Settings
from operations.images._image_list import StackImage, mirrored_to, stack_images, warn_of_guessed_tags
from operations.images._skopeo import Skopeo
from operations.stack.stacks import SelectedStack, selected_stack
from problem import StepError

TARGET = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9._/-]*[a-z0-9])?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("target", help="registry, or registry/prefix, such as hub.example.com/mirror")


def run(arguments: argparse.Namespace) -> None:
    """Each image is at the target under the digest of its source, and what the stack file has to say is printed.

    Raises:
        StepError: skopeo is missing, or images could not be copied; the others were.
    """
    target = arguments.target
    if not TARGET.fullmatch(target):
        raise StepError(
            "read the target",
            expected="registry or registry/prefix",
            seen=target,
            next_command="TO=hub.example.com/mirror",
        )
    stack = selected_stack(arguments.stack)
    settings = stack.settings()
    warn_of_guessed_tags(settings)
    mirrored = mirrored_to(settings, target)
    # Mirrored names come from the same list: what the stack would pull with the rewriting of the target.
    today = {image.public: image.pulled for image in stack_images(settings)}
    failures = []
    with tempfile.TemporaryDirectory() as scratch:
        skopeo = Skopeo(settings, _passwords(stack, settings), Path(scratch))
        for image in stack_images(mirrored):
            try:
                print(f"  {_mirror(skopeo, image, today[image.public])}  {image.pulled}", flush=True)
            except StepError as error:
                print(f"  FAILED  {image.pulled}", flush=True)
                failures.append(error)
    if failures:
        raise StepError(
            f"mirror to {target}",
            expected="every image to be copied",
            seen="\n".join(str(error) for error in failures),
            next_command="remove the causes, then the same command again: it goes on where it was",
        )
    print("\nIn the stack file:\n  kubeadm:images:\n    rewrite:")
    for source, to in sorted(mirrored.images.rewrite.items()):
        print(f"      {source}: {to}")


def _mirror(skopeo: Skopeo, image: StackImage, today: str) -> str:
    """Copy an image from the first registry that has it, the stack's present one first; return the result in words."""
    sources = [name for name in dict.fromkeys((today, image.public)) if name != image.pulled]
    readable = ((name, skopeo.digest(name)) for name in sources)
    source, digest = next(((name, digest) for name, digest in readable if digest), ("", None))
    there = skopeo.digest(image.pulled)
    if not digest:
        if there and today == image.pulled:
            return "there  "
        raise StepError(
            f"read {image.public}",
            expected=f"one of {', '.join(sources)} to be readable",
            seen=skopeo.why_not(sources[0]) if sources else "no other name",
            next_command="the same command where the source can be reached; skopeo login for one with a password",
        )
    if there == digest:
        return "there  "
    skopeo.copy(source, image.pulled)
    seen = skopeo.digest(image.pulled)
    if seen != digest:
        raise StepError(
            f"copy {source}",
            expected=f"{image.pulled} with digest {digest}",
            seen=str(seen),
            next_command="the registry changes what is pushed to it: use another one, or another prefix",
        )
    return "copied "


def _passwords(stack: SelectedStack, settings: Settings) -> dict[str, str]:
    """Password by registry, for registries with a login."""
    return {
        name: stack.secret(settings.containerd.registries[name].password_key)
        for name in registries_with_password(settings)
    }
