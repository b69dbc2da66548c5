"""What the observations mean: statistics, comparison of designs, figures, reports.

`metrics` turns observations into the figures that a decision rests on; `statistics` gives them
intervals; `comparison` runs and weighs designs; `decide` and `decision_page` tell what a study of
the uncertain inputs found (the package `decision`); `summary`, `plots` and `report` tell the rest
to programs and to people; `theory` and `validation` judge the engines. It may use every package
above it; only the twin, the console and the command line use it.
"""
