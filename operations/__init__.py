"""Commands beside `pulumi up`: `python -m operations COMMAND`, which targets of the Makefile run."""
