"""The keeper: the small parent of everything, which decides as little as it can.

It spawns, signals and reaps what the daemon asks for, holds the descriptors and records that must outlive a daemon,
starts the daemon and starts it again when it has died or hangs. It parses nothing from outside, imports no site, and
never waits for anybody: one poll loop with deadlines, whose every step is short.

`table` is the truth about what exists. `news` is what the daemon has yet to be told, derived from the table, so that
nothing piles up when the daemon is slow and nothing is lost when it dies. `orders` obeys the daemon's frames, with
`births` for the starts and `kin` for whom a signal reaches. `exits` sees the dead and makes sure that nothing outlives
them unasked. `daemon` is the daemon's life; `answering` speaks for it when it was left down; `ending` is the one thing
that the keeper decides itself: to stop everything when nobody else is there to do it. `loop` joins them.
"""
