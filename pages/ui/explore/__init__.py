"""The parts of the Explore page: its link, its ready questions as SQL and as charts, results, the desk and its schema."""
