"""What renders a file of a host, and what happens to the host when the file changes."""

from components.host_files.effect import Effect
from components.host_files.effects import effect_of
from components.host_files.every_file import prepared_files
from components.host_files.file import File

__all__ = ["Effect", "File", "effect_of", "prepared_files"]
