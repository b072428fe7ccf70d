/** Small plots as SVG, for the docs: panels side by side in rows of two, each with its lines over the same x. */

export interface PlotLine {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface PlotPanel {
  readonly title: string
  readonly lines: readonly PlotLine[]
}

const [width, height, gap] = [380, 190, 56]
const colours = ['#2563eb', '#ea580c', '#16a34a', '#9333ea']

/** Each panel has an axis from 0 of its own; x has one for all, also from 0. */
export function svgPlot(title: string, xName: string, panels: readonly PlotPanel[]): string {
  const mostX = Math.max(...panels.flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(([x]) => x))))
  const columns = Math.min(2, panels.length)
  const rows = Math.ceil(panels.length / columns)
  const [fullWidth, fullHeight] = [columns * (width + gap * 2), 40 + rows * (height + gap * 2)]
  const drawn = panels.map((panel, at) => {
    const x = gap + (at % columns) * (width + gap * 2) + 10
    const y = 40 + gap + Math.floor(at / columns) * (height + gap * 2)
    return `<g transform="translate(${x} ${y})">${drawPanel(panel, mostX, xName)}</g>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${fullWidth} ${fullHeight}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    text(fullWidth / 2, 26, title, 'middle', ' font-size="16"'),
    ...drawn,
    '</svg>\n',
  ].join('\n')
}

function drawPanel({ title, lines }: PlotPanel, mostX: number, xName: string): string {
  const mostY = roundUp(Math.max(0, ...lines.flatMap(({ points }) => points.map(([, y]) => y))))
  const [toX, toY] = [(x: number) => round((x / mostX) * width), (y: number) => round(height - (y / mostY) * height)]
  const parts = [text(0, -26, title, 'start', ' font-weight="bold"')]
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const y = toY(mostY * share)
    parts.push(
      `<line x1="0" x2="${width}" y1="${y}" y2="${y}" stroke="#ddd"/>`,
      text(-6, y + 4, short(mostY * share), 'end'),
      text(toX(mostX * share), height + 18, short(mostX * share), 'middle'),
    )
  }
  parts.push(text(width / 2, height + 36, xName, 'middle'))
  for (const [at, { name, points }] of lines.entries()) {
    const colour = colours[at % colours.length]!
    const path = points.map(([x, y]) => `${toX(x)},${toY(y)}`).join(' ')
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.6"/>`)
    parts.push(text(at * 120, -8, name, 'start', ` fill="${colour}"`))
  }
  return parts.join('\n')
}

function text(x: number, y: number, value: string, anchor: string, more = ''): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${more}>${escaped(value)}</text>`
}

function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

/** To 1, 2 or 5 of its power of ten. */
function roundUp(value: number): number {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return power * ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10)
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function short(value: number): string {
  if (value >= 1_000_000) return `${round(value / 1_000_000)}M`
  if (value >= 1_000) return `${round(value / 1_000)}k`
  return String(Number(value.toPrecision(3)))
}
