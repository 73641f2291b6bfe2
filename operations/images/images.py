"""List every image that the stack pulls, by registry and tag."""

from __future__ import annotations

import argparse
from itertools import groupby

from operations.images._image_list import stack_images, warn_of_guessed_tags
from operations.stack.stacks import selected_stack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("stack", help="name of the stack")


def run(arguments: argparse.Namespace) -> None:
    """The names that hosts pull, and where each comes from, are on standard output.

    Raises:
        pulumi.RunError: Calico's manifest cannot be fetched.
    """
    settings = selected_stack(arguments.stack).settings()
    images = sorted(stack_images(settings), key=lambda image: image.pulled)
    for registry, group in groupby(images, key=lambda image: image.pulled.partition("/")[0]):
        print(f"{registry}:")
        for image in group:
            print(f"  {image.pulled}{'' if image.public == image.pulled else f'  (from {image.public})'}")
    warn_of_guessed_tags(settings)
