"""The Evaluate and Map pages: a report, figure by figure and photo by photo."""
