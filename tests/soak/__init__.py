"""A soak: a primary and its replica, disturbed under load, that must end equal.

ledger.py       what must be there after all, told from the replies alone
load.py         calls of every kind, in bursts, and what their replies say
pair.py         the two servers, their roles and their settings
scene.py        what a disturbance acts on
links.py        disturbances of replication: links, roles, kills
storage.py      disturbances of what is kept: AOF, RDB, kills
contents.py     disturbances of what is held: policies, memory, clocks, FLUSHALL
checks.py       equal on both, and after a restart from disk
run.py          the order of it all
__main__.py     `make soak`
test_soak.py    each disturbance once, and that what is wrong is noticed
"""
