/** Windows with more spikes than their block holds: counted, so that nobody loses them unknowingly. */

import { grouped } from '../text/format.js';
import type { WindowRef, Windows } from './windows.js';

export interface Truncation {
  readonly windows: number;
  /** Of the current and of the past window: how many are cut, and how many of all spikes are lost by it. */
  readonly current: Cut;
  readonly past: Cut;
}

export interface Cut {
  readonly block: number;
  readonly windows: number;
  readonly spikes: number;
  readonly lost: number;
  /** Tokens a block would need to hold the fullest window. */
  readonly needed: number;
}

/** Counts what the blocks cut of these windows. A block of n tokens holds n - 2 spikes, SOS and EOS. */
export function measureTruncation(windows: Windows, refs: readonly WindowRef[]): Truncation {
  const { block, pastBlock } = windows.settings;
  const counts = refs.map((ref) => windows.spikes(ref));
  return {
    windows: refs.length,
    current: cutBy(
      block,
      counts.map(({ current }) => current),
    ),
    past: cutBy(
      pastBlock,
      counts.map(({ past }) => past),
    ),
  };
}

function cutBy(block: number, counts: readonly number[]): Cut {
  const over = counts.map((count) => Math.max(0, count - (block - 2)));
  const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
  return {
    block,
    windows: over.filter((n) => n > 0).length,
    spikes: sum(counts),
    lost: sum(over),
    needed: counts.reduce((most, n) => Math.max(most, n), 0) + 2,
  };
}

/** What to tell the user: a sentence for each kind of window that is cut; none where nothing is. */
export function truncationNotes({ windows, current, past }: Truncation): string[] {
  const sentence = (name: string, key: string, cut: Cut) => {
    if (cut.windows === 0) return [];
    const share = ((100 * cut.windows) / windows).toFixed(1);
    const lost = ((100 * cut.lost) / cut.spikes).toFixed(1);
    return [
      `${grouped(cut.windows)} of ${grouped(windows)} ${name} windows (${share} %) have more spikes than block_size.${key} = ${cut.block} holds; their earliest ${grouped(cut.lost)} spikes (${lost} %) are left out. A block of ${cut.needed} would hold all.`,
    ];
  };
  return [...sentence('current', 'id', current), ...sentence('past', 'prev_id', past)];
}
