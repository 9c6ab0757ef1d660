"""`python -m semql`."""

from . import main

main()
