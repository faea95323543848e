"""The Data page: labelled photos, what is known of them, and the review of their labels."""
