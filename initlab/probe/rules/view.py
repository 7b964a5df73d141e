"""What rules look at: one run with its sites, trunk and parameters; and what they yield."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from initlab.probe.recording.measure import Run
from initlab.probe.recording.parameters import Parameter, parameters_of
from initlab.probe.recording.sites import Site, Sites, sites_of
from initlab.probe.result import Finding


@dataclass(eq=False)
class View:
    """A run, taken apart."""

    run: Run

    @cached_property
    def sites(self) -> Sites:
        """Every site."""
        return sites_of(self.run)

    @property
    def trunk(self) -> list[Site]:
        """The sites that every path passes, the input first."""
        return self.sites.trunk

    @cached_property
    def parameters(self) -> list[Parameter]:
        """Those that hold floating point numbers."""
        return parameters_of(self.run)


Rule = Callable[[View], Iterator[Finding]]
