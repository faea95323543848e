"""The demo campus: an invented place, rendered by the project itself, with exact truth.

`plan` lays out regions and paths, `buildings` and `planting` furnish them, `world` gathers all that
a renderer needs, `camera` renders a view, `walks` says where photos are taken and `build` writes
the labelled folder.
"""
