"""The reference in docs/ is complete, and its example works."""

import re
from pathlib import Path

from hotclub.config import table

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_example_is_valid(read):
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    found = read(example, container="x")
    assert [program.name for program in found.programs] == ["web", "migrate", "tasks", "redis", "nightly"]


def test_every_key_is_there(read, monkeypatch):
    tables = []
    begin = table.Table.__init__

    def remember(self, *args, **kwargs):
        begin(self, *args, **kwargs)
        tables.append(self)

    monkeypatch.setattr(table.Table, "__init__", remember)
    read('[programs.x]\ncommand = "x"\n', container="x")
    keys = {key for each in tables for key in each.keys} - {"x", "programs"}
    assert {"command", "log_total", "bind", "jitter", "tcp", "include", "max_size"} <= keys
    text = DOCUMENT.read_text()
    assert (
        sorted(key for key in keys if f"`{key}`" not in text and f"[{key}]" not in text and f"`{key} =" not in text)
        == []
    )
