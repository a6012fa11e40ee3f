"""Trains the bundled example of `pairs` from its training file.

    python tools/make_pairs.py [daemon/assets/pairs]

The mapping network of lumen and of lumen-128 is the same, so what is trained for one fits the other.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from daemon.config import Analysis
from daemon.studio.keeping import keep
from daemon.studio.pairs import train_pairs

MODEL = "lumen"


def main() -> None:
    """Train and write."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "daemon/assets/pairs")
    report = train_pairs(folder / f"{MODEL}.yaml", Analysis(), MODEL)
    keep(folder / f"{MODEL}.safetensors", report.learned)
    print(f"loss {report.before:.3g} to {report.after:.1e}, over {report.hops} hops of sound")
    for fit in report.fits:
        print(fit)


if __name__ == "__main__":
    main()
