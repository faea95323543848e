"""The student teams' recipe, written as they ran it: what a better model has to beat.

Three separate networks, one a task, each with a backbone of its own; the true region and heading
fed to networks that have neither at test; labels that stay while the picture turns; the mean of
the five training positions nearest to the predicted one. Where the specification leaves a choice
(schedule, weight decay, order), the reference gets what this project's own training has.
"""
