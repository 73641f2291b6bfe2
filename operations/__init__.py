"""What a person runs beside `pulumi up`: `python -m operations COMMAND`, behind the Makefile."""
