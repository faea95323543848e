"""Widgets that several pages share: pickers, forms, messages, pictures of photos."""
