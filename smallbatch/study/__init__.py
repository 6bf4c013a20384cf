"""Studies: what is to be run, running it, what runs leave, and the tables gathered from that.

`file` unfolds a study file into runs, `notebooks` knows which notebook takes which parameters, `execute` runs one of
them, `records` holds what a run leaves, `environment` where it was computed, `tables` what is gathered from records,
and `overview` a study as a whole. Nothing here judges or draws, knows the book, or loads Keras: a study is planned,
counted and read without it.
"""
