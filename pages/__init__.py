"""Everything that imports streamlit: the server's doors, the pages, and what they draw with."""
