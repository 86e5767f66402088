/**
 * Counts the spikes that are dropped because a window has more than its block can hold, so that
 * users learn of it.
 */

import { formatCount } from '../text/format.js';
import type { WindowRef, Windows } from './windows.js';

/** What the blocks drop from a set of windows. */
export interface Truncation {
  /** How many windows were examined. */
  readonly windows: number;
  /** What the block of the current window drops. */
  readonly current: BlockTruncation;
  /** What the block of the past window drops. */
  readonly past: BlockTruncation;
}

/** What one block drops. */
export interface BlockTruncation {
  /** Tokens the block holds. */
  readonly block: number;
  /** Windows with more spikes than fit. */
  readonly windows: number;
  /** Spikes in all windows. */
  readonly spikes: number;
  /** Spikes that are dropped. */
  readonly lost: number;
  /** Tokens that a block needs to hold the window with the most spikes. */
  readonly needed: number;
}

/**
 * Counts what the blocks drop from these windows. A block of n tokens holds n - 2 spikes, SOS and
 * EOS.
 */
export function measureTruncation(windows: Windows, refs: readonly WindowRef[]): Truncation {
  const { block, pastBlock } = windows.settings;
  const counts = refs.map((ref) => windows.spikeCounts(ref));
  return {
    windows: refs.length,
    current: blockTruncation(
      block,
      counts.map(({ current }) => current),
    ),
    past: blockTruncation(
      pastBlock,
      counts.map(({ past }) => past),
    ),
  };
}

/** @param counts spikes in each window */
function blockTruncation(block: number, counts: readonly number[]): BlockTruncation {
  const excess = counts.map((count) => Math.max(0, count - (block - 2)));
  const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
  return {
    block,
    windows: excess.filter((n) => n > 0).length,
    spikes: sum(counts),
    lost: sum(excess),
    needed: counts.reduce((max, n) => Math.max(max, n), 0) + 2,
  };
}

/** Notes for the user: one sentence per block that drops spikes, none if all spikes fit. */
export function truncationNotes({ windows, current, past }: Truncation): string[] {
  const notes = (name: string, key: string, truncation: BlockTruncation) => {
    const { block, needed, lost, spikes } = truncation;
    if (truncation.windows === 0) return [];
    const windowShare = ((100 * truncation.windows) / windows).toFixed(1);
    const lostShare = ((100 * lost) / spikes).toFixed(1);
    return [
      `${formatCount(truncation.windows)} of ${formatCount(windows)} ${name} windows (${windowShare}%) have more spikes than block_size.${key} = ${block} holds; their earliest ${formatCount(lost)} spikes (${lostShare}%) are left out. A block of ${needed} would hold all.`,
    ];
  };
  return [...notes('current', 'id', current), ...notes('past', 'prev_id', past)];
}
