"""Renderers of the files of a host, and the effect of a change of each file."""

from components.host_files.effect import Effect
from components.host_files.effects import effect_of
from components.host_files.file import File
from components.host_files.prepared import files_of

__all__ = ["Effect", "File", "effect_of", "files_of"]
