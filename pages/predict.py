"""Predict."""

import streamlit as st

st.title("Predict")
