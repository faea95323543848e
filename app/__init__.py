"""The Streamlit shell between the pages and the core library."""
