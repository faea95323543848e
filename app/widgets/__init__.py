"""Widgets that several pages share: pickers, selection, forms, messages, photos."""
