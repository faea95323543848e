"""The demo campus: an invented place, rendered by the project itself, with exact truth.

`plan` lays out regions and paths, `props_layout` furnishes them, `world` builds all that a renderer
needs, `walks` chooses where photos are taken, `photo` renders them and `build` writes the labelled
folder.
"""
