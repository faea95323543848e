"""Evaluation: metrics, baselines, the report, the table of photos and static plots."""
