"""One command: `python -m fakelsf bsub ...`."""

import sys

from fakelsf.commands import main

sys.exit(main(sys.argv[1], sys.argv[2:]))
