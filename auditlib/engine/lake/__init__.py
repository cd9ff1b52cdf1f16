"""The lake engine: the same views answered by a cluster or server, from a table published out of verified snapshots."""
