"""Both executions of one scenario side by side: the same people and instants, on sockets too.

Theory of operation. `subset` makes of a scenario one that fits a live space: its largest operators.
`schedule` takes the sessions that the simulation starts in some minutes; `plan` writes them down
for clients, with every draw of what their people do. `host` brings the space up in a process of its
own; `drive` runs the clients in others, open loop; `checking` opens every mailbox afterwards and
says what was lost, doubled or spoiled. `observed` makes of what clients and servers saw the tables
of a run, so that `analysis` reports on a replay as on a simulation (`replay`).

It knows everything but the console.
"""
