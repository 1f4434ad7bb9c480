"""The plug is pulled, the disk breaks, others run at once: what has to hold, holds."""

import pytest

pytest.register_assert_rewrite("tests.support.crash")  # a failure there says what it saw
