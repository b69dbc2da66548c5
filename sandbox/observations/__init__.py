"""What is observed, whoever observes it: one schema, histograms, Parquet in and out.

`schema` names protocols, phases and causes; `histogram` bounds memory at a known error;
`observations.Observations` is one run as tables. It knows nothing of how a run was made, so that
the analysis cannot tell a simulated month from a measured one. It imports nothing of the project.
"""
