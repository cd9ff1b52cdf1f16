"""Benchmarks: the same questions asked of this engine and of its peers, in one run."""
