"""Indicators: what each operator says each month of its mailboxes and of the mail that it carried.

Theory of operation. Facts come from two executions and are counted by one function. A live operator
notes a fact in the transaction that makes it true (`operators.store.traffic`), and logins in its
journal; `from_space` reads both, whether the space runs or not. A simulated month gives the same
values, weighted (`from_simulation`). `counting` makes the monthly file of them: pure, no clock, no
disk. `files` writes, reads and checks files; `anomalies` confronts those of a month: what an
operator says that it relayed to another, with what the other says that it received.
The layout is ours (no official one is public: `LAYOUT` names it), and months are those of UTC.
"""
