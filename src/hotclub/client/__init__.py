"""Asks the daemon, from another process.

Everything a person or a script does with a running hotclub goes through here: one blocking HTTP request per
question, over the Unix socket in the run folder. It has to start in a blink, so it is `socket` and `json` and
nothing else: no event loop, no HTTP library.

It has to survive a daemon's death too. The keeper holds the listening socket, so a connection succeeds while
no daemon is there, and the next daemon answers it. A connection that the dead daemon had already accepted
breaks; then the same question is asked again. That is safe, because each command carries a random `op` that
is obeyed once, and each stream has a position (`after` of facts, `cursor` of logs) from which it goes on.

`lock` reads who runs · `http` is one exchange · `resume` is the daemon as the verbs see it, deaths and all.
"""
