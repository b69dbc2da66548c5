"""Controls: what is looked at in the space of trust, what is found, and what follows.

Theory of operation. `view` is what a controller can see of operators, domains and mailboxes: plain
data, whoever looked. `rules` is the table of controls: each is a question about one subject of a
view, pure, so that the same controls run on a live space (`look` sees it: list, DNS, TLS,
directory, mail stores, deposited indicators, verdicts of `check operator`) and on a simulated
year (`year`). A finding opens a case. `ladder` is the law of cases, a table of states and events:
notice, formal notice, suspension, removal, appeal, return. `register` keeps cases, one durable
line an event, and folds them through the ladder; `sanctions` makes what a case reached true in the
space. `year` tells what a regime of controls costs and finds, and its closed form.
What a référentiel says is cited; delays, severities and layouts are ours, and say so.
"""
