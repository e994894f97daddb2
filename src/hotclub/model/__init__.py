"""Pure values and rules: what a program is, what may happen to it, and what follows.

Nothing here does I/O, looks at a clock or knows asyncio: time comes in as a number, decisions go out as data.
`spec` says what was declared, `machine` what becomes of one process, `policy` how restarts are spaced,
`order` what waits for what, `plan` what a new configuration changes, `select` which processes a name means,
and `facts` what has happened.
"""
