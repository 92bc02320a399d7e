"""Runs to look at: a folder read (`runs`), in a few numbers (`summary`), on axes (`axes`), thinned
(`thin`), drawn (`charts`), in tables (`tables`), on one page that needs nothing else (`page`)."""
