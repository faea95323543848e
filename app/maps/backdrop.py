"""The campus behind every map: grid, region outlines and names, faint training photos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pydeck as pdk

from app.maps import context
from app.maps.ground import Ground
from app.theme import Palette
from core.geo import Floats, LocalFrame


@dataclass(frozen=True)
class Backdrop:
    """Photos with known places, which give the ground and the regions of a map.

    Attributes:
        frame: The metres of all positions.
        position_m: `(n, 2)` `[north_m, east_m]`.
        region: Region id of each photo.
        order: All region ids in their stable order.
        names: Display name by region id, where there is one.
    """

    frame: LocalFrame
    position_m: Floats
    region: Sequence[str]
    order: Sequence[str]
    names: Mapping[str, str] = field(default_factory=dict)

    def ground(self) -> Ground:
        """A ground that shows all of them."""
        return Ground.around(self.frame, self.position_m)

    def below(
        self,
        palette: Palette,
        *,
        faint: bool = True,
        values: Mapping[str, float] | None = None,
        worst: float = 1.0,
    ) -> list[pdk.Layer]:
        """What lies under everything else.

        Args:
            palette: Colours of the reader's theme.
            faint: Draw the photos as faint dots.
            values: Region id -> value that colours its outline; a colour each where absent.
            worst: The value that gets the ramp's last colour.
        """
        ground = self.ground()
        outlines = context.region_outlines(
            ground, self._places(), palette, values=values, worst=worst
        )
        dots = [context.faint_photos(ground, self.position_m, palette)] if faint else []
        return [*context.grid(ground, palette), outlines, *dots]

    def names_layer(self, palette: Palette, words: Mapping[str, str] | None = None) -> pdk.Layer:
        """Names of the regions, above `words` by region id if any."""
        return context.region_labels(self.ground(), self._places(), palette, words)

    def _places(self) -> list[context.Place]:
        return context.places(self.position_m, self.region, self.names, self.order)
