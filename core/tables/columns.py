"""Which column of a table holds what: known names in several languages, units, and suggestions.

A column counts only if its whole name is known. A name that is merely near a known one is
suggested in the error and never taken.
"""

import difflib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from core.tables.settings import HeadingUnit

# By role, best first: of columns in different rows the upper one counts, two in one row are an
# error unless they are equal. The first row of a role holds the names of Bearings and the course.
NAMES: dict[str, tuple[str, ...]] = {
    "filename": (
        "filename file image imagename photo imagefile photoname",
        "sourcefile filepath imagepath imgpath photopath picture picturename img imagefilename "
        "imgname imagefilepath",
        "dateiname datei bild bilddatei foto fotoname fichier nomfichier nomdufichier archivo "
        "fichero nombrearchivo nombredearchivo imagen path filepaths "
        "plik nazwapliku zdjecie nazwazdjecia obraz arquivo ficheiro nomearquivo nomedoarquivo "
        "nomeficheiro nomedoficheiro imagem fotografia nomefile nomedelfile immagine",
    ),
    "timestamp": (
        "timestamp time datetime",
        "capturedat datetimeoriginal mapcapturetime capturetime phototakentimetimestamp "
        "phototakentime takenat taken datetaken gpsdatetime when",
        "createdate zeit uhrzeit zeitstempel aufnahmezeit aufnahmezeitpunkt heure horodatage hora "
        "fechahora marcadetiempo epoch unixtime czas godzina znacznikczasu dataiczas datagodzina "
        "datahora dataehora carimbodetempo horario dataora dataeora orario marcatemporale",
    ),
    "date": ("date datum fecha datejour aufnahmedatum datazdjecia datafoto datadafoto datascatto",),
    "latitude": (
        "latitude lat",
        "gpslatitude maplatitude geodatalatitude latitudewgs84 latwgs84 latdeg latitudedeg "
        "decimallatitude northing northm",
        "breite breitengrad geographischebreite geogrbreite latitud nord norte "
        "szerokosc szerokoscgeograficzna szerokoscgeogr latitudine",
    ),
    "longitude": (
        "longitude lng lon long",
        "gpslongitude maplongitude geodatalongitude longitudewgs84 lonwgs84 londeg longitudedeg "
        "decimallongitude easting eastm",
        "lange langengrad laenge laengengrad geographischelange geogrlange longitud ost este "
        "dlugosc dlugoscgeograficzna dlugoscgeogr longitudine",
    ),
    "heading": (
        "angle heading headingdeg bearing azimuth yaw",
        "compassangle gpsimgdirection mapcompassheadingtrueheading mapcompassheading "
        "computedcompassangle compassheading compass imgdirection cameraheading cameraazimuth "
        "headingangle poseheadingdegrees",
        "direction viewdirection richtung blickrichtung kamerarichtung kurs kompass azimut "
        "peilung cap rumbo acimut direccion orientacion course kierunek azymut kierunekpatrzenia "
        "kierunekkamery rumo azimute direcao orientacao direzione orientamento rotta",
    ),
    "region": (
        "regionid region zone zoneid",
        "groundtruthlabel groundtruth label class classlabel category choice",
        "area areaid place placename location building sector bereich gebiet ort standort "
        "secteur quartier lieu zona sectorid lugar edificio batiment gebaude rejon obszar "
        "strefa sektor budynek miejsce regiao setor predio regione settore luogo",
    ),
    "hfov_deg": ("hfovdeg hfov fov", "horizontalfov fovdeg fieldofview bildwinkel"),
    "walk": (
        "walk walkid",
        "sequence sequenceid mapsequenceuuid skey trackid track rundgang",
    ),
    "panorama_id": ("panoramaid panoid",),
    "visit": ("visit visitid", "session sessionid"),
    "position": (
        "geometry wkt geom thegeom",
        "latlon latlng latlong latitudelongitude gpsposition gpscoordinates coordinates coords "
        "coordinate position gps gpslocation locationpoint locationpointcoordinates "
        "geometrycoordinates computedgeometrycoordinates koordinaten coordonnees coordenadas "
        "posicion standort location",
    ),
    "latitude_side": ("gpslatituderef latituderef latref latitudehemisphere latns ns "
                      "latdir latitudedirection",),
    "longitude_side": ("gpslongituderef longituderef lonref longitudehemisphere lonew ew "
                       "londir longitudedirection",),
    "heading_reference": ("gpsimgdirectionref imgdirectionref headingref",),
}  # fmt: skip
# These words name other things too: they count only if their values fit (see `assign`).
DOUBTFUL = {"location", "position", "standort", "gps", "coordinates", "coordinate", "place"}

_KNOWN = {
    name: (role, tier)
    for role in reversed(NAMES)
    for tier, names in reversed(list(enumerate(NAMES[role])))
    for name in names.split()
}
UNITS: dict[str, str] = {
    "deg": "degrees", "degs": "degrees", "degree": "degrees", "degrees": "degrees",
    "°": "degrees", "dd": "degrees",
    "rad": "radians", "rads": "radians", "radian": "radians", "radians": "radians",
    "turn": "turns", "turns": "turns", "rev": "turns", "revolutions": "turns",
    "mil": "mils", "mils": "mils",
    "gon": "grads", "grads": "grads", "gradian": "grads", "gradians": "grads",
    "m": "metres", "metre": "metres", "metres": "metres", "meter": "metres", "meters": "metres",
}  # fmt: skip
HEADING_UNITS: tuple[HeadingUnit, ...] = ("degrees", "radians", "turns", "mils", "grads")
# Letters that Unicode does not split into a plain one and an accent.
_LETTERS = str.maketrans({"ß": "ss", "ł": "l", "ø": "o", "đ": "d", "°": ""})
_PREFIXES = ("data.", "properties.", "fields.", "metadata.", "exif.", "gps.")


@dataclass(frozen=True)
class Meaning:
    """What a column name means: its role, how good the name is (0 is best), and its unit."""

    role: str
    tier: int
    unit: str


@cache
def meaning(title: str) -> Meaning | None:
    """Return what a column name means; None if it is not known."""
    bare, unit = _split_unit(title)
    for name in (title, bare):
        plain = plain_name(name)
        for prefix in ("", *_PREFIXES):
            if name.lower().startswith(prefix):
                found = _KNOWN.get(plain_name(name[len(prefix) :]))
                if found:
                    return Meaning(found[0], found[1], unit)
        if plain in _KNOWN:
            return Meaning(*_KNOWN[plain], unit)
    return None


def count_roles(titles: Sequence[str]) -> int:
    """How many different roles some cells name, to tell a header from a row."""
    return len({found.role for title in titles if (found := meaning(title.strip()))})


def suggestions(titles: Sequence[str], roles: Sequence[str]) -> dict[str, str]:
    """Return for each role the column whose name is nearest to a known one, if any is near."""
    found: dict[str, str] = {}
    for role in roles:
        names = [name for tier in NAMES[role] for name in tier.split() if len(name) > 3]
        for title in titles:
            plain = plain_name(_split_unit(title)[0])
            contained = any(len(name) > 4 and name in plain for name in names[:12])
            if contained or difflib.get_close_matches(plain, names, n=1, cutoff=0.8):
                found.setdefault(role, title)
    return found


def plain_name(name: str) -> str:
    """Letters and digits in lower case, without accents."""
    text = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    return "".join(sign for sign in text if sign.isalnum() and not unicodedata.combining(sign))


def _split_unit(title: str) -> tuple[str, str]:
    """Split `heading [rad]`, `Latitude (deg)` or `angle_rad` into name and unit."""
    bracket = re.fullmatch(r"(.*?)\s*[\[(<]\s*([^\])>]*?)\s*[\])>]?\s*", title)
    if bracket and bracket[1] and (unit := UNITS.get(bracket[2].lower().strip("."))):
        return bracket[1], unit
    if title.rstrip().endswith("°"):
        return title.rstrip()[:-1], "degrees"
    words = re.match(r"(.*?)[\s_.,/-]+(?:in[\s_]+)?([a-zA-Z]+)\s*$", title)
    if words and (unit := UNITS.get(words[2].lower())):
        return words[1], unit
    return title, ""
