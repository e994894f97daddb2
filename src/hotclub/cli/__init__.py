"""The `hotclub` command: one file per verb.

`main` finds the verb and loads that file alone, so that `hotclub status` is as quick as a look should be. A verb has
a docstring (its help), `EXAMPLES`, `arguments(parser)` and `run(args)`, which returns the exit code. Verbs ask the
daemon through `client/` and print; they decide nothing. The one that does more is `up`: it prepares the site's run
folder and becomes the keeper.

`look` is how things are shown, `ask` finds the daemon of the site, `outcomes` shows what became of a command.
"""
