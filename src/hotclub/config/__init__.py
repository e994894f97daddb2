"""Text becomes a model: where a site's files and places are, and what they say.

`places` finds the configuration from any folder below it and computes where the socket, the lock and the logs are;
the everyday verbs need nothing else, so it is quick to import. `load` reads a file (hotclub.toml, pyproject.toml,
Procfile) and returns a `model.spec.Site` or raises one `ConfigError` with everything that is wrong in it. `verify`
asks the machine what a file cannot know: users, folders, commands, env files.

Reading goes in three layers. `toml` gives tables with line numbers, `table` takes them apart key by key and notes
what is wrong instead of stopping, and `values` turns single values into numbers, signals and paths. `programs` and
`site` say which keys there are. Nothing here is imported for its side effects, and this package imports none of its
modules by itself.
"""
