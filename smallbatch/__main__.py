"""`python -m smallbatch` is the command `smallbatch`."""

import sys

from smallbatch.diagnosis.command import main

sys.exit(main())
