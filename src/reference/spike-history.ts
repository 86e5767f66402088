/** Spikes before every position of a window, weighted by their lag, in float64. */

import { type Ref, ref, zerosLike } from './array.js';

/** The tokens of windows: rows of T current and P past tokens. */
export interface Tokens {
  /** [B, T] */
  readonly ids: readonly (readonly number[])[];
  /** [B, T] */
  readonly times: readonly (readonly number[])[];
  /** [B, P] */
  readonly pastIds: readonly (readonly number[])[];
  /** [B, P] */
  readonly pastTimes: readonly (readonly number[])[];
  /** The number of neurons: tokens below it are spikes. */
  readonly neurons: number;
  /** The length of the past window, in steps. */
  readonly pastSteps: number;
  /** Whether a token is visible; [B, P + T], the past first. Default: all are. */
  readonly visible?: readonly (readonly boolean[])[];
}

/** Calls `visit` for every spike before every position, with its lag in steps. */
function forEachSpike(
  { ids, times, pastIds, pastTimes, neurons, pastSteps, visible }: Tokens,
  visit: (b: number, t: number, neuron: number, lag: number) => void,
): void {
  for (const [b, current] of ids.entries()) {
    const clock = [...pastTimes[b]!.map((time) => time - pastSteps), ...times[b]!];
    const tokens = [...pastIds[b]!, ...current];
    const P = pastIds[b]!.length;
    for (let t = 0; t < current.length; t++)
      for (let k = 0; k <= P + t; k++)
        if (tokens[k]! < neurons && (visible?.[b]?.[k] ?? true))
          visit(b, t, tokens[k]!, times[b]![t]! - clock[k]!);
  }
}

/**
 * out[b, t, r, v] = the sum of kernel[r, lag] over the spikes of neuron v; [B, T, R, columns]. With
 * one column, over those of all neurons.
 */
export function spikeHistory(tokens: Tokens, kernel: Ref, columns: number): Ref {
  const [R, L] = kernel.shape as [number, number];
  const [B, T] = [tokens.ids.length, tokens.ids[0]!.length];
  const out = ref([B, T, R, columns]);
  forEachSpike(tokens, (b, t, neuron, lag) => {
    if (lag < 0 || lag >= L) return;
    for (let r = 0; r < R; r++)
      out.data[((b * T + t) * R + r) * columns + Math.min(neuron, columns - 1)]! +=
        kernel.data[r * L + lag]!;
  });
  return out;
}

/** The gradient of the kernel, given that of the result. */
export function spikeHistoryBackward(tokens: Tokens, kernel: Ref, dout: Ref): Ref {
  const [R, L] = kernel.shape as [number, number];
  const [, T, , columns] = dout.shape as [number, number, number, number];
  const dkernel = zerosLike(kernel);
  forEachSpike(tokens, (b, t, neuron, lag) => {
    if (lag < 0 || lag >= L) return;
    for (let r = 0; r < R; r++)
      dkernel.data[r * L + lag]! +=
        dout.data[((b * T + t) * R + r) * columns + Math.min(neuron, columns - 1)]!;
  });
  return dkernel;
}
