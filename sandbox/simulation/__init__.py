"""Virtual time: a month of the space in a minute.

`steps` is the vocabulary and its meaning; `dialogues` and `authentication` write programs of it;
`build` lays a space and a design out as arrays (`model`); `arrivals` says when sessions start and
`draws` what chance gives them. Two engines interpret the same programs: `reference` (SimPy, to be
read) and `fast` (its `kernel` compiled by numba), with identical observations, booked by
`recorder` and named by `observe`. `runner` runs designs and replications side by side.
It knows `space`, `workers` and `observations`, and nothing of sockets, files of results apart.
"""
