"""The whole space on one machine: authority, list, DNS, directory, Pro Santé Connect, operators.

Theory of operation. `plan` says, without doing anything, every name, address, port, mechanism and
certificate of a space, from a scenario and designs. `folder` is where a space lives: settings,
lock, state. `keys` issues what the plan asks for, once; `cast` makes the small directory and the
accounts; `services` starts what operators share, `operators.operator` one operator; `space` puts
them on two event loops and in order. `sheet` tells other programs where everything is
(`space.json`), `commands` are the verbs. Nothing of it knows a protocol: that is `operators`.
It imports all packages before it; conformance, analysis and the console may import it.
"""
