"""The daemon: the supervisor proper, and the only asyncio program of the house.

It decides everything and holds nothing that may not be lost. `link` is its line to the keeper, which spawns,
signals and reaps for it and keeps, for every process, the record that the next daemon goes on from. `runner` is
one process: it feeds events to the machine of `model/` and performs the effects that come back, each in one frame
with the new record, so what the keeper has done and what the record says cannot disagree. `fleet` knows the
runners by name and puts configurations in force; `waiting` lets dependents start, `ending` takes the house down.
`bus` numbers what happened and keeps it in memory that the keeper holds. `logs/` moves output, `front/` answers
clients; `main` wires it all together and is the only file that sees every constructor.

Every step is synchronous: an event comes in, a frame goes out, facts are told, and only then does the loop go on.
So there is no lock, no half-done change, and a `kill -9` between any two instructions leaves either the old record
or the new one.
"""
