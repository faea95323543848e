"""Faults that can be planted in a demo campus, how many of each, and the label faults themselves.

Each label fault takes a row (column to text) and random numbers and returns the columns that it
changes, or None if it would leave the row as it is or nearly so. Nothing heavy is imported here.
"""

from collections.abc import Callable, Sequence

import numpy as np

LABEL_FAULTS = {
    "sexagesimal": "a position typed as the digits of degrees, minutes and seconds",
    "swapped": "latitude and longitude exchanged",
    "wrong_scale": "a coordinate times a power of ten",
    "wrong_sign": "a coordinate with the other sign",
    "dropped_digit": "a coordinate that lost a digit",
    "added_digit": "a coordinate with a digit more",
    "wrong_digit": "a coordinate with one other digit",
    "zero": "a coordinate, or both, of 0",
    "outside_campus": "a position one to fifty kilometres away",
    "off_walk": "a position moved by 80 to 250 m",
    "region": "another region's number",
    "heading_out_of_range": "360 added to a heading, or taken from it",
    "not_a_number": "a heading or coordinate that is no number",
    "timestamp_format": "a timestamp written in another way",
    "timestamp_unreadable": "a timestamp without a time",
    "implausible_hour": "an afternoon hour on a clock of twelve hours",
    "duplicate_row": "a row that is there twice",
    "contradiction": "a second row that labels the photo differently",
}
PHOTO_FAULTS = {
    "missing_photo": "a photo that is not there",
    "unreadable_photo": "a photo that breaks off",
    "dark_photo": "a photo with next to no light",
    "overexposed_photo": "a photo washed out",
    "blurred_photo": "a photo out of focus",
    "tiny_photo": "a photo of very few pixels",
    "duplicate_photo": "another photo's file under this name",
    "exif_position": "a position moved by 100 to 300 m, whose photo has the true one in its EXIF",
    "exif_heading": "a heading turned by 100 to 180 degrees, whose photo knows the true one",
}
FAULTS = LABEL_FAULTS | PHOTO_FAULTS


def parsed_kinds(kinds: Sequence[str]) -> dict[str, float | None]:
    """Read `kind` or `kind=share`; no kinds are all kinds.

    Raises:
        ValueError: A kind does not exist, or a share is no number in [0, 1].
    """
    shares: dict[str, float | None] = {}
    for entry in kinds or FAULTS:
        kind, given, text = entry.partition("=")
        if kind not in FAULTS:
            raise ValueError(f"there is no fault {kind}; there are: {', '.join(FAULTS)}")
        share = None
        if given:
            try:
                share = float(text)
            except ValueError as error:
                raise ValueError(f"{entry}: the share after = is no number") from error
            if not 0.0 <= share <= 1.0:
                raise ValueError(f"{entry}: a share lies in [0, 1]")
        shares[kind] = share
    return shares


def fault_counts(rate: float, kinds: Sequence[str], photos: int) -> dict[str, int]:
    """How many photos get each fault: kinds without a share of their own share `rate` equally."""
    shares = parsed_kinds(kinds)
    equal = rate / max(sum(share is None for share in shares.values()), 1)
    return {
        kind: round((equal if share is None else share) * photos) for kind, share in shares.items()
    }


Row = dict[str, str]
Changes = dict[str, str]
Slip = Callable[[Row, np.random.Generator], Changes | None]

METRES_PER_DEGREE = 111_195.0
_REGION = "Region_ID"


def metres_moved(row: Row, changes: Changes) -> float:
    """How far a row's label is moved by changes; 0 where its position stays, NaN for no number."""
    moved = row | changes
    try:
        north = float(moved["latitude"]) - float(row["latitude"])
        east = float(moved["longitude"]) - float(row["longitude"])
    except ValueError:
        return float("nan")
    shrink = np.cos(np.deg2rad(float(row["latitude"])))
    return float(METRES_PER_DEGREE * np.hypot(north, shrink * east))


def shifted(row: Row, low_m: float, high_m: float, rng: np.random.Generator) -> Changes:
    """The position moved by a distance between two bounds, in any direction."""
    away, turn = rng.uniform(low_m, high_m), rng.uniform(0.0, 2.0 * np.pi)
    latitude = float(row["latitude"])
    north = latitude + away * np.cos(turn) / METRES_PER_DEGREE
    east_degree = METRES_PER_DEGREE * np.cos(np.deg2rad(latitude))
    east = float(row["longitude"]) + away * np.sin(turn) / east_degree
    return {"latitude": f"{north:.7f}", "longitude": f"{east:.7f}"}


def _sexagesimal(row: Row, rng: np.random.Generator) -> Changes:
    del rng
    return {name: _as_digits(row[name]) for name in ("latitude", "longitude")}


def _as_digits(text: str) -> str:
    """12.0021492 is 12 degrees 0 minutes 7.737 seconds, typed 12.0007737."""
    thousandths = round(abs(float(text)) * 3_600_000)
    degrees, rest = divmod(thousandths, 3_600_000)
    minutes, seconds = divmod(rest, 60_000)
    return f"{'-' if float(text) < 0 else ''}{degrees}.{minutes:02d}{seconds:05d}"


def _swapped(row: Row, rng: np.random.Generator) -> Changes:
    del rng
    return {"latitude": row["longitude"], "longitude": row["latitude"]}


def _scaled(row: Row, rng: np.random.Generator) -> Changes:
    name = _coordinate(rng)
    power = int(rng.choice([-3, -2, -1, 1, 2, 3, 6]))
    return {name: f"{float(row[name]) * 10.0**power:.7f}"}


def _signed(row: Row, rng: np.random.Generator) -> Changes:
    name = _coordinate(rng)
    return {name: f"-{row[name]}".replace("--", "")}


def _dropped(row: Row, rng: np.random.Generator) -> Changes:
    name, place = _digit(row, rng)
    return {name: row[name][:place] + row[name][place + 1 :]}


def _added(row: Row, rng: np.random.Generator) -> Changes:
    name, place = _digit(row, rng)
    return {name: row[name][:place] + str(rng.integers(0, 10)) + row[name][place:]}


def _wrong(row: Row, rng: np.random.Generator) -> Changes:
    name, place = _digit(row, rng)
    digit = str((int(row[name][place]) + int(rng.integers(1, 10))) % 10)
    return {name: row[name][:place] + digit + row[name][place + 1 :]}


def _zero(row: Row, rng: np.random.Generator) -> Changes:
    del row
    both = {"latitude": "0", "longitude": "0"}
    return both if rng.random() < 0.5 else {_coordinate(rng): "0"}


def _region(row: Row, rng: np.random.Generator) -> Changes:
    other = int(rng.integers(0, 14))
    return {_REGION: str(other + (other >= int(row[_REGION])))}


def _heading(row: Row, rng: np.random.Generator) -> Changes:
    return {"angle": str(int(row["angle"]) + int(rng.choice([-360, 360])))}


def _turned(row: Row, rng: np.random.Generator) -> Changes:
    return {"angle": str((int(row["angle"]) + int(rng.integers(100, 261))) % 360)}


def _no_number(row: Row, rng: np.random.Generator) -> Changes:
    name = str(rng.choice(["angle", "latitude", "longitude"]))
    forms = (row[name].replace(".", ","), f"{row[name]}°", "n/a", "", f"~{row[name]}")
    text = forms[int(rng.integers(0 if "." in row[name] else 1, len(forms)))]
    return {name: text}


def _format(row: Row, rng: np.random.Generator) -> Changes:
    text = row["timestamp"]
    forms = (f" {text}", f"{text}:{rng.integers(0, 60):02d}", f"{text} ", f"2026-03-05 {text}")
    return {"timestamp": forms[int(rng.integers(0, len(forms)))]}


def _no_time(row: Row, rng: np.random.Generator) -> Changes:
    forms = ("noon", row["timestamp"].replace(":", "h"), "2026-03-05", "25:70")
    return {"timestamp": forms[int(rng.integers(0, len(forms)))]}


def _half_day(row: Row, rng: np.random.Generator) -> Changes | None:
    del rng
    hour, _, rest = row["timestamp"].partition(":")
    return {"timestamp": f"{int(hour) - 12:02d}:{rest}"} if 13 <= int(hour) < 18 else None


def _coordinate(rng: np.random.Generator) -> str:
    return str(rng.choice(["latitude", "longitude"]))


def _digit(row: Row, rng: np.random.Generator) -> tuple[str, int]:
    name = _coordinate(rng)
    places = [place for place, sign in enumerate(row[name]) if sign.isdigit()]
    return name, int(rng.choice(places))


SLIPS: dict[str, Slip] = {
    "sexagesimal": _sexagesimal,
    "swapped": _swapped,
    "wrong_scale": _scaled,
    "wrong_sign": _signed,
    "dropped_digit": _dropped,
    "added_digit": _added,
    "wrong_digit": _wrong,
    "zero": _zero,
    "outside_campus": lambda row, rng: shifted(row, 1_000.0, 50_000.0, rng),
    "off_walk": lambda row, rng: shifted(row, 80.0, 250.0, rng),
    "exif_position": lambda row, rng: shifted(row, 100.0, 300.0, rng),
    "exif_heading": _turned,
    "region": _region,
    "heading_out_of_range": _heading,
    "not_a_number": _no_number,
    "timestamp_format": _format,
    "timestamp_unreadable": _no_time,
    "implausible_hour": _half_day,
}
MOVING = frozenset(
    ("sexagesimal", "swapped", "wrong_scale", "wrong_sign", "dropped_digit", "added_digit",
     "wrong_digit", "zero")
)  # fmt: skip
"""Slips that may move a label by less than its own noise; those are drawn again."""
