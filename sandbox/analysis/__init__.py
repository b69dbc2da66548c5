"""What the observations mean: statistics, comparison of designs, sensitivity, figures, report.

`metrics` turns observations into the figures that a decision rests on; `statistics` gives them
intervals; `comparison` runs and weighs designs; `sensitivity` asks what the placeholders change;
`summary`, `plots` and `report` tell it to programs and to people; `theory` and `validation` judge
the engines. It may use every package above it; only the console and the command line use it.
"""
