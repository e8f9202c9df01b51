"""Why techniques work, as records: a panel is one sentence that was found, the curves that it was read from, and how
they were made.

They are part of the document of an ablation (`explain`), what `burnish.explain` gives back, and what the page is drawn
from.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Number = float | None  # null where it is not finite

Look = Literal["accent", "cool", "muted", "ink"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Series(_Record):
    """One curve. `low` and `high`, where they are not empty, are its range over seeds."""

    name: str
    x: list[float]
    y: list[Number]
    low: list[Number] = []
    high: list[Number] = []
    look: Look = "accent"
    dashed: bool = False
    points: bool = Field(default=False, description="Drawn as dots that are not joined.")


class Chart(_Record):
    """Curves on common axes."""

    title: str = ""
    x_name: str
    y_name: str
    log_x: bool = False
    log_y: bool = False
    plane: bool = Field(default=False, description="Both axes are places: curves are ways, named where they end.")
    places: list[str] = Field(default=[], description="What the places 0, 1, 2, … of x are called, where it has names.")
    at: Number = Field(default=None, description="A place of x that is marked by a line.")
    at_name: str = ""
    series: list[Series]


class Panel(_Record):
    """Why one technique works, or does not, on these data."""

    name: str
    techniques: list[str] = Field(description="Their ids in `burnish techniques`, such as 'C1'.")
    title: str
    finding: str = Field(description="What was seen, in a sentence; where nothing could be made, why not.")
    made: bool = Field(default=True, description="Whether there is anything to see.")
    how: str = Field(default="", description="How it was measured.")
    numbers: dict[str, Number] = Field(default={}, description="What the sentence was made of.")
    charts: list[Chart] = []
    seconds: float = Field(default=0.0, description="That making it took.")


class Explanation(_Record):
    """All panels of a run."""

    run: str = Field(description="Path of the run folder.")
    data: str
    target: str
    made: str = Field(description="When, ISO 8601.")
    network: str = Field(description="Name of the network that they start from: the run's best single one.")
    fold: int = Field(description="Whose training and dev rows are used.")
    rows: int = Field(description="Training rows used.")
    rows_of_fold: int
    dev_rows: int
    cost: str = Field(description="What dev cost is measured in, such as 'RMSE in MPa' or 'log-loss in nats'.")
    panels: list[Panel]
    elapsed_s: float
    page: str = Field(description="Path of the HTML page.")

    @property
    def seen(self) -> tuple[Panel, ...]:
        """The panels with something to see."""
        return tuple(panel for panel in self.panels if panel.made)
