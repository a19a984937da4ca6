"""`python -m watchkeeper` is the same as `watchkeeper`."""

from watchkeeper.cli import main

if __name__ == "__main__":
    main()
