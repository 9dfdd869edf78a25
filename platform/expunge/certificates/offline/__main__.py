"""``python -m expunge.certificates.offline``: the verifier without its console script."""

import sys

from expunge.certificates.offline.command import main

sys.exit(main())
