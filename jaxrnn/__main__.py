"""python -m jaxrnn convert SOURCE TARGET: weights of another library in, or out."""

from jaxrnn.interop._command import main

if __name__ == "__main__":
    raise SystemExit(main())
