"""The review of labels on the Data page: findings one at a time, decided by a person."""
