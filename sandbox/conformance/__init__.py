"""Does this operator comply? Requirements as data, one check each, and a verdict with evidence.

Theory of operation. `requirements` reads `data/requirements.csv`: what is asked, of whom, where it
is written, and how well we know it. `subject` is an operator as its clients and neighbours see it:
doors, accounts, certificates; `from_sheet` reads ours from `space.json`, `from_file` a foreign one.
A check (`checks`) is a function that talks through a `Bench` and raises what it found: `NotMet`,
`Unsure`, `NotHere`; returning is a pass. Talk is bytes in, bytes out (`connection`, `smtp`,
`imap`): a `Lab` opens the pipes, tells the time and fetches, so that a check runs the same against
sockets and, in the tests, against an operator that is an object. `judge` runs the checks and gives
a `Report`; `reports` writes it. A check that could not come to its question is inconclusive, never
passed. No secret is kept: what proves somebody is masked before it is noted. `software`
drives mail software that others wrote: the matrix of who works with whom, and what each can do.
"""
