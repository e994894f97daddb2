"""What crosses a process boundary.

`frames` moves bytes and descriptors over a SOCK_SEQPACKET pair inside the house; `house` is every message that
the daemon and the keeper say to each other. Towards clients the wire is HTTP and JSON, see `daemon/front`.
"""
