"""Read a configuration, whichever of the formats it has."""

from __future__ import annotations

import os
from collections.abc import Mapping

from hotclub.config.places import Places, locate
from hotclub.model.spec import Site


def load(source: Places | str, *, environ: Mapping[str, str] | None = None) -> Site:
    """What the configuration declares, syntax and meaning checked. Raises ConfigError with every problem.

    `source` is a site's places, or the path of its file. Only files are read; what the machine must have (users,
    folders, commands) is `verify`'s business.
    """
    environ = os.environ if environ is None else environ
    places = locate(source, environ=environ) if isinstance(source, str) else source
    if os.path.splitext(places.file)[1] != ".toml":
        from hotclub.config import procfile

        return procfile.read(places, environ)
    from hotclub.config import site

    ours = os.path.basename(places.file) == "pyproject.toml"
    return site.read(places, environ, ("tool", "hotclub") if ours else ())
