"""What happens in a user's own module? Recorder, trunk, rules, fixes.

initlab.probe(build, batch).assert_healthy()
"""

import sys
from types import ModuleType
from typing import Any


class _CallableRoom(ModuleType):
    """This package, which is called like the function that is its only public name.

    `initlab.probe` is both: importing any module in here makes it the package, whatever
    `initlab/__init__.py` says.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """See `initlab.probe.run.probe`."""
        from initlab.probe.run import probe

        return probe(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableRoom
