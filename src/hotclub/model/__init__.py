"""Pure values and rules: what a program is, what may happen to it, and what follows.

Nothing here does I/O, looks at a clock or knows asyncio: time comes in as a number, decisions go out as data.
`spec` says what was declared; `record` is one process and `events` what it is told, `machine` the table of what
becomes of it and `moves` the cells' content; `policy` is how restarts are spaced, `order` what waits for what, `plan`
what a new configuration changes, `select` which processes a name means, and `facts` what has happened.
"""
