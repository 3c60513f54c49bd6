"""`python -m tunecurve` is `tunecurve`."""

from tunecurve.cli.main import main

if __name__ == "__main__":
    main()
