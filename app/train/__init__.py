"""The Train page: the form, the queue, and one run watched to its end."""
