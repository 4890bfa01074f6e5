import { REPORT_GROUPS } from '../cases.ts';
import { formatMs } from './format.ts';
import { presentPeers } from './ratios.ts';
import type { BenchReport, ReportRow } from './report.ts';

const WIDTH = 860;
const LABEL_WIDTH = 190;
const VALUE_WIDTH = 60;
const BAR_HEIGHT = 9;
const ROW_GAP = 8;
const GROUP_GAP = 26;
const TOP = 64;
const COLOURS = ['#3b7dd8', '#e08e2b', '#7b5ea7', '#5a9e6f', '#c0504d'];

/** Maps milliseconds to pixels, logarithmically, from one power of ten to another. */
export interface LogScale {
  readonly ticks: readonly number[];
  at(ms: number): number;
}

/** A scale over whole powers of ten that holds all values. */
export function logScale(values: readonly number[], pixels: number): LogScale {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...positive, 1)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive, 10))));
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  return { ticks, at: (ms) => Math.max(0, ((Math.log10(ms) - low) / (high - low)) * pixels) };
}

/** Escapes text for element content and attributes. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A bar chart of all times, a bar for each peer, on a logarithmic axis: shorter is faster. */
export function renderSvg(report: BenchReport): string {
  const peers = presentPeers(report);
  const times = report.rows.flatMap(({ cells }) => Object.values(cells).flatMap((cell) => (cell.kind === 'time' ? [cell.medianMs] : [])));
  const scale = logScale(times, WIDTH - LABEL_WIDTH - VALUE_WIDTH);
  const parts: string[] = [];
  let y = TOP;
  for (const { name, title } of REPORT_GROUPS) {
    const rows = report.rows.filter(({ group }) => group === name);
    if (rows.length === 0) continue;
    parts.push(text(10, y + 10, title, 'class="group"'));
    y += GROUP_GAP;
    for (const row of rows) {
      parts.push(renderRow(row, peers, { scale, y }));
      y += peers.length * BAR_HEIGHT + ROW_GAP;
    }
    y += ROW_GAP;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}">`,
    '<style>text{font:11px sans-serif;fill:#333}.group{font-weight:bold;font-size:13px}.value{font-size:8px}' +
      '.end{text-anchor:end}.middle{text-anchor:middle}line{stroke:#ddd}</style>',
    `<rect width="${WIDTH}" height="${y}" fill="#fff"/>`,
    text(10, 18, `Milliseconds per case, median of ${report.rounds}, ${report.date}; shorter is faster`),
    ...peers.map((name, i) => renderLegend(name, i)),
    ...scale.ticks.map((tick) => renderTick(tick, LABEL_WIDTH + scale.at(tick), y)),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function renderRow(row: ReportRow, peers: readonly string[], { scale, y }: { scale: LogScale; y: number }): string {
  const middle = y + (peers.length * BAR_HEIGHT) / 2 + 4;
  const bars = peers.flatMap((name, i) => {
    const cell = row.cells[name];
    const top = y + i * BAR_HEIGHT;
    if (cell?.kind === 'failed') return [text(LABEL_WIDTH + 4, top + 7, `${name} failed`, 'class="value"')];
    if (cell?.kind !== 'time') return [];
    const length = Math.max(1, scale.at(cell.medianMs)).toFixed(1);
    return [
      `<rect x="${LABEL_WIDTH}" y="${top}" width="${length}" height="${BAR_HEIGHT - 1}" fill="${colour(i)}"/>`,
      text(LABEL_WIDTH + Number(length) + 4, top + 7, formatMs(cell.medianMs), 'class="value"'),
    ];
  });
  return [text(LABEL_WIDTH - 8, middle, row.id, 'class="end"'), ...bars].join('\n');
}

function renderLegend(name: string, index: number): string {
  const x = LABEL_WIDTH + index * 90;
  return `<rect x="${x}" y="28" width="10" height="10" fill="${colour(index)}"/>\n${text(x + 14, 37, name)}`;
}

function renderTick(tick: number, x: number, bottom: number): string {
  return `<line x1="${x.toFixed(1)}" y1="${TOP - 8}" x2="${x.toFixed(1)}" y2="${bottom}"/>\n${text(x, TOP - 12, `${tick} ms`, 'class="value middle"')}`;
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${attributes ? ` ${attributes}` : ''}>${escapeXml(content)}</text>`;
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] ?? '#888';
}
