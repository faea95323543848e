"""Contrast of the text on a page against what lies behind it (WCAG 2.2, 1.4.3)."""

from playwright.sync_api import Page

LEAST, LEAST_LARGE = 4.5, 3.0
# What is disabled, hidden or drawn on a canvas is exempt or cannot be measured so; pictures, too.
_MEASURE = """([least, leastLarge]) => {
  const parse = text => {
    const numbers = (text.match(/[\\d.]+/g) || []).map(Number);
    return numbers.length < 3 ? null : [...numbers.slice(0, 3), numbers[3] ?? 1];
  };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
  const light = rgb => {
    const linear = rgb.map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ground = element => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.backgroundImage !== 'none') return null;
      const colour = parse(style.backgroundColor);
      if (colour && colour[3] > 0) { layers.push(colour); if (colour[3] === 1) break; }
    }
    let below = [255, 255, 255];
    for (const layer of layers.reverse()) below = over(layer, below);
    return below;
  };
  const found = {};
  const main = document.querySelector('[data-testid=stApp]');
  const walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    // A gap between numbers of pages is no text.
    if (!/[\\p{L}\\p{N}]/u.test(text)) continue;
    if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    // The number of a slider stands above its thumb, inside of which it is.
    const exempt = 'svg, style, script, canvas, :disabled, [aria-disabled=true], ' +
      '[data-testid=stSliderThumbValue]';
    if (element.closest(exempt)) continue;
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    if (box.width < 2 || box.height < 2) continue;
    const colour = parse(style.color), below = ground(element);
    if (!colour || !below || colour[3] === 0) continue;
    let opacity = 1;
    for (let one = element; one; one = one.parentElement)
      opacity *= Number(getComputedStyle(one).opacity);
    const [a, b] = [light(over([...colour.slice(0, 3), colour[3] * opacity], below)), light(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
    const large = size >= 24 || (bold && size >= 18.66);
    if (ratio < (large ? leastLarge : least) - 0.005)
      found[`${ratio.toFixed(2)} ${style.color}: ${text.slice(0, 50)}`] = true;
  }
  return Object.keys(found);
}"""


def weak_texts(page: Page) -> list[str]:
    """Texts of a page with less contrast than they need: ratio, colour and first words of each."""
    return list(page.evaluate(_MEASURE, [LEAST, LEAST_LARGE]))
