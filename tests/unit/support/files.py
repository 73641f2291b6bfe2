"""The files of a host, as its preparation gets them."""

from __future__ import annotations

from components.host_files import File, files_of
from components.host_files.results import result_files
from components.settings import Host, Settings


def prepared_files(host: Host, settings: Settings) -> list[File]:
    """Every file that the step `prepare` may put on a host."""
    own, shared = files_of(host, settings)
    return [*shared, *own, *result_files(host, "a certificate")]
