"""Archives of Helm charts: files, URLs, and charts of repositories and registries."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

import yaml

from components.addons import oci
from components.addons.documents import documents_of
from components.addons.fetching import Source, answer_of, check_sum, fetched, refuse
from components.addons.logins import source_of
from components.settings import Settings, StackAddon
from components.settings.addons import Chart


def archive_of(addon: StackAddon, settings: Settings) -> bytes:
    """The archive of the chart of an add-on.

    Raises:
        pulumi.RunError: it cannot be read or fetched, or has another checksum.
    """
    chart = addon.chart
    assert chart, "callers ask for charts only"
    if isinstance(chart.archive, Path):
        content = chart.archive.read_bytes()
        if addon.sha256:
            check_sum(content, addon.sha256, str(chart.archive))
        return content
    assert addon.sha256 is not None, "the settings hold it"
    sha256 = addon.sha256
    return fetched(sha256, lambda: _source(chart, sha256, settings), ".tgz")


def _source(chart: Chart, sha256: str, settings: Settings) -> Source:
    """The source of the archive of a chart: URL, login and authority."""
    repository = f"{str(chart.repository).rstrip('/')}/"
    if chart.archive:
        address = str(chart.archive)
    elif repository.startswith(oci.SCHEME):
        address = f"{repository}{chart.name}:{chart.version}"
    else:
        address = _address(chart, repository, settings)
    return oci.layer(address, sha256, settings) if address.startswith(oci.SCHEME) else source_of(address, settings)


def _address(chart: Chart, repository: str, settings: Settings) -> str:
    """The address of the archive of a chart, by the index of its repository."""
    index = f"{repository}index.yaml"
    try:
        charts = documents_of(answer_of(source_of(index, settings)))[0]["entries"]
        entries = [each for each in charts.get(chart.name) or () if isinstance(each, dict) and "version" in each]
    except (yaml.YAMLError, AttributeError, IndexError, KeyError, TypeError):
        refuse(index, "the index of a repository of charts", "something else", "correct `repository`")
    versions = {str(each["version"]): each for each in entries}
    if chart.version not in versions:
        seen = (
            f"versions {', '.join(list(versions)[:5])}"
            if versions
            else f"charts {', '.join(map(str, list(charts)[:10]))}"
        )
        refuse(index, f"version {chart.version} of the chart {chart.name}", seen, "correct `name` or `version`")
    found = versions[chart.version].get("urls")
    if not (isinstance(found, list) and found and isinstance(found[0], str)):
        wanted = f"the address of version {chart.version} of the chart {chart.name} as first of its `urls`"
        refuse(index, wanted, repr(found), "mend the index, or set `archive` to the file or its URL")
    address = urljoin(repository, found[0])
    if not re.match(r"https?://|file:///|oci://.+/.+:", address):
        refuse(index, "an archive at http:// or https://", address, "`helm pull` it, and set `archive` to the file")
    return address
