"""Studies: a file into its runs, their execution, their records and the tables gathered from them.

Nothing here judges or draws.
"""
