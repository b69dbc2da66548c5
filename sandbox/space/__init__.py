"""What a trust space is: plain data, no clock, no socket.

A *scenario* (TOML over the sourced tables of `data/`) is checked by `scenario` and `loader`; its
keys are in `sections`, their defaults in `data/inputs.csv`.
`designs` says how an operator may offer the authentication methods of `methods`; `costs` what that
costs. `population.build_space` makes a scenario concrete: every access of every mailbox, as
arrays, from a seed. Everybody may import this package; it imports nobody.
"""
