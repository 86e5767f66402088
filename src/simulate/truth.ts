/** The true wiring of a simulated recording, which connectivity maps are scored by. */

/** The true wiring of a simulated recording. */
export interface Truth {
  /** How many neurons there are. */
  readonly neurons: number;
  /** [target, source], row-major: row i, column j is the weight from j to i. */
  readonly weights: Float64Array;
  /**
   * 1 for the strong connections of hubs, which an analysis should find, else 0; in the layout of
   * `weights`.
   */
  readonly strong: Uint8Array;
  /** The indices of hub neurons, which drive many others. */
  readonly hubs: readonly number[];
  /** How many groups of equal size the neurons form. */
  readonly groups: number;
}

/** The group of a neuron, given how many neurons and groups of equal size there are. */
export function neuronGroup(neuron: number, neurons: number, groups: number): number {
  return Math.floor((neuron * groups) / neurons);
}
