"""Which faults can be planted in a demo campus, and how many of each; nothing heavy here."""

from collections.abc import Sequence

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
