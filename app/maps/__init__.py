"""Maps: positions in metres in, a pydeck deck out, no Streamlit and no request to another host."""
