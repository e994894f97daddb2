"""The daemon's face: HTTP and JSON under `/api/v1`, for every client, page and façade there is.

A request never decides anything. It is turned into one call of the fleet, the bus or the log room, and what that
says is turned into JSON; so whatever a person can do by a click, a script can do by a request, and the other way
round. Answers that take their time are streams: one JSON object per line, each written when it is known, and a
last one with `done`. A stream without that last line broke, and its client asks again: commands carry an `op` and
are obeyed once, facts and logs have positions to go on from.

`ports` is what the front asks of the rest of the daemon · `server` runs uvicorn inside the daemon's own loop,
without its ticking main loop · `answers` is JSON, streams and refusals · `commands`, `reading` and `following` are
the routes · `guard` stands before the TCP address, if there is one · `tree` is `ps`.

The sockets are not opened here, and closing them here hurts nobody: the keeper holds them.
"""
