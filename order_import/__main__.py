"""`python -m order_import` is `order-import`."""

from order_import.cli import main

if __name__ == "__main__":
    main()
