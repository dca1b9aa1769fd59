"""Reports: what a run, or a comparison of runs, shows: tables, figures, the verdict on transfer."""
