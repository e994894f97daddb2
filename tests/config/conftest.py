from pathlib import Path

import pytest

from hotclub.config import places
from hotclub.config.load import load


@pytest.fixture
def files(tmp_path):
    """Writes a dict of files into a folder of the test and returns the folder."""

    def write(contents):
        for name, content in contents.items():
            path = Path(tmp_path / name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write


@pytest.fixture
def read(files):
    """Loads the site of a dict of files, or of the text of a hotclub.toml, for an ordinary user."""

    def go(contents, file="hotclub.toml", **environ):
        folder = files({file: contents} if isinstance(contents, str | bytes) else contents)
        found = places.compute(str(folder / file), environ=environ, uid=1234)
        return load(found, environ=environ)

    return go
