"""The examples of the configuration reference are one stack file that the program takes; patterns are words."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from components.settings import WORDS, Settings
from components.settings.stack_file import parse_settings
from local.paths import REPOSITORY
from operations.stack._reference import sections_of
from operations.stack.stack_schema import PREFIX
from tests.unit.operations.test_configuration_reference import EXAMPLE, refusals
from tests.unit.support.stacks import CA, RECIPIENT


def test_the_example_of_each_section_is_taken_by_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they are one stack file, beside the files that it names."""
    config = yaml.safe_load(EXAMPLE.read_text())["config"]
    assert refusals(config) == ""
    (tmp_path / "backup.crt").write_text(RECIPIENT)
    (tmp_path / "hub.crt").write_text(CA)
    monkeypatch.chdir(tmp_path)
    secrets = {"registryPassword", "etcdKey1", "etcdKey2"}
    sections = {key.removeprefix(PREFIX): value for key, value in config.items()}
    settings = parse_settings(sections, others=secrets, secrets=secrets)
    assert {name for name in Settings.model_fields if name in settings.model_fields_set} == set(Settings.model_fields)
    defaults = Settings(cluster=settings.cluster, hosts=settings.hosts)
    same = [name for name in Settings.model_fields if getattr(settings, name) == getattr(defaults, name)]
    assert same == ["cluster", "hosts"], "an example that equals the default shows nothing"


def test_the_reference_has_the_example_of_each_section() -> None:
    """Below the table of the section, as the file has it."""
    parts = (REPOSITORY / "docs" / "configuration.md").read_text().split("\n## ")[1:]
    examples = dict(sections_of(EXAMPLE.read_text()))
    assert [part.partition("\n")[0].strip("`") for part in parts] == list(examples)
    assert [
        part for part, text in zip(parts, examples.values(), strict=True) if f"```yaml\n{text}```" not in part
    ] == []
    joined = yaml.safe_load("".join(examples.values()))
    assert joined == yaml.safe_load(EXAMPLE.read_text())["config"]


def test_the_reference_has_words_instead_of_regular_expressions() -> None:
    """A test of errors holds that each pattern has words."""
    page = (REPOSITORY / "docs" / "configuration.md").read_text()
    assert [pattern for pattern in WORDS if pattern.replace("|", "\\|") in page] == []
