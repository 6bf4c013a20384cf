"""The source that the claim cites, Wilson & Martinez 2003, measured again with small networks."""
