"""Plotly figures: tables in, figures out, no Streamlit."""
