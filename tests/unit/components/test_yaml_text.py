"""Text stays text in YAML, whichever parser reads it."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.yaml_text import yaml_text
from tests.unit.support.any_stack import WORDS, texts


@pytest.mark.parametrize("text", ["y", "N", "1e3", "-1.e+3", ".5e3", "089", "0o17", "-0b1", "1_0e2", "0b_1"])
def test_what_go_takes_for_another_type_is_in_quotes(text: str) -> None:
    """gopkg.in/yaml.v2 reads a truth value or a number; kubeadm then refuses a host of this name."""
    assert yaml_text({"name": text}) == f"name: '{text}'\n"


@pytest.mark.parametrize(
    "text", ["node1", "192.0.2.11", "yes-1", "v1.36.3", "10.244.0.0/16", "1e3x", "/var/lib", "no1"]
)
def test_other_text_has_no_quotes(text: str) -> None:
    """As it always was: else each digest of a configuration would change."""
    assert yaml_text({"name": text}) == f"name: {text}\n"


@given(content=st.dictionaries(texts(), texts() | st.integers() | st.booleans() | st.floats(allow_nan=False)))
def test_python_reads_what_was_written(content: dict[str, object]) -> None:
    """Keys and values, numbers as numbers."""
    assert yaml.safe_load(yaml_text(content)) == content
    assert yaml.safe_load(yaml_text(*WORDS[:1])) == WORDS[0]
