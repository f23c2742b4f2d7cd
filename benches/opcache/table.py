"""How results are printed."""

import sys


def table(title, *rows):
    columns = list(zip(*rows, strict=True))
    widths = [max(len(str(cell)) for cell in column) for column in columns]
    print(f"\n{title}\n")
    for row in rows:
        first, *others = (str(cell) for cell in row)
        print("  ".join([first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:]))]))
    sys.stdout.flush()


def megabytes(count):
    return f"{count / 2**20:.1f}"
