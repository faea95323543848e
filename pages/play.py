"""Beat the model: guess where a held-out photo was taken, then see the model's answer."""

import streamlit as st

from app.play import game
from app.widgets import other_place, pickers

st.title("Beat the model")
other_place.show()
folder = pickers.need_checkpoint_path()
game.show(folder, pickers.pick_report("play"))
