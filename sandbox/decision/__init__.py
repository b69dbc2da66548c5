"""The decision: which design to choose, how likely that is right, what to measure first.

A candidate is weighed by `evaluation`: who can connect, money and hours lost in closed form for the
whole space, over whole arrays of draws; waits and failures by the engine on a stratified sample,
one draw at a time. `ranges` and `factors` say what is drawn; `choice` who is best and how much is
regretted; `indices` what drives it (Morris, Sobol'); `information` what knowing an input is worth;
`rules` under which conditions which candidate. `study` puts them together.

It computes and says nothing: words, pages and the command line are in `analysis`.
"""
