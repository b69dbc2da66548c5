"""One map over workers: processes of this machine, or a Dask cluster.

`spread` gives every task to a worker and returns the answers in the order of the tasks (`hand_out`
hands each over as it comes). An answer depends on nothing but its task, so it does not matter who
answered, nor when. `processes` starts them here, `cluster` speaks to a Dask scheduler; a task knows
nothing of either, and may say how far it is with `progress.report`.
It knows the errors of `space`, and nothing of what the tasks are about.
"""
