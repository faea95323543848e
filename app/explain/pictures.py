"""Pictures of the Explain page: enlarged photos and the legend of the two colours."""

import html
import io

from PIL import Image

from core.dataset.decode import Pixels
from core.explain.attribution import NEGATIVE, POSITIVE

_SHOWN_PX = 448


def enlarged(pixels: Pixels) -> bytes:
    """Enlarge to a size that the eye can read, keeping the proportions, as PNG without metadata."""
    scale = max(1, round(_SHOWN_PX / pixels.shape[0]))
    image = Image.fromarray(pixels)
    stream = io.BytesIO()
    image.resize((image.width * scale, image.height * scale), Image.Resampling.BICUBIC).save(
        stream, "PNG"
    )
    return stream.getvalue()


def legend(low: str = "lowers it", high: str = "raises it") -> str:
    """Return the colours of a map as HTML that reads on light and dark ground; text is escaped."""
    against, support = (f"rgb{colour}" for colour in (NEGATIVE, POSITIVE))
    bar = f"linear-gradient(90deg, {against}, #808080, {support})"
    return (
        '<div style="display:flex;gap:.6rem;align-items:center;font-size:.85rem">'
        f"<span>{html.escape(low)}</span><div style='flex:1;height:.7rem;border-radius:.35rem;"
        f"background:{bar}'></div><span>{html.escape(high)}</span></div>"
    )
