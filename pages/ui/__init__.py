"""The parts the pages are drawn with; they draw values they are given and never query."""
