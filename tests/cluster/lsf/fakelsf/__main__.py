"""One command: `python -m fakelsf bsub ...`; `python -m fakelsf create FOLDER` makes a cluster."""

import sys
from pathlib import Path

from fakelsf.cluster import Cluster
from fakelsf.commands import main

if sys.argv[1] == "create":
    Cluster.create(Path(sys.argv[2]))
else:
    sys.exit(main(sys.argv[1], sys.argv[2:]))
