/** What is known of a simulated recording, which results are scored by. */

/**
 * What is known of a simulated recording. Each simulation knows other things; what it does not know
 * is absent.
 */
export interface Truth {
  /** The connections between neurons. */
  readonly wiring?: Wiring;
  /** Where in the film each neuron's receptive field is. */
  readonly fields?: FieldTruth;
  /** The index of the input that drives each neuron, where the film's pixels are inputs. */
  readonly inputs?: Int32Array;
  /** The rates that the spikes were drawn with. */
  readonly rates?: TrueRates;
  /** How well the spikes can be predicted at all. */
  readonly ceiling?: NoiseCeiling;
}

/** The true connections between neurons. */
export interface Wiring {
  /** How many neurons there are. */
  readonly neurons: number;
  /** [target, source], row-major: row i, column j is the weight from j to i. */
  readonly weights: Float64Array;
  /**
   * 1 for the connections which an analysis should find, else 0; in the layout of `weights`. These
   * are the strong connections of hubs, or all that excite where no hubs are known.
   */
  readonly strong: Uint8Array;
  /** The indices of hub neurons, which drive many others; empty where none are known. */
  readonly hubs: readonly number[];
  /** How many groups of equal size the neurons form. */
  readonly groups: number;
}

/** The true receptive fields of neurons that see the film. */
export interface FieldTruth {
  /** Pixels of a frame. */
  readonly height: number;
  /** Pixels of a frame. */
  readonly width: number;
  /**
   * How much of each neuron's field is in each pixel: the sum of its squares over frames and
   * phases, [neurons, height, width].
   */
  readonly energy: Float32Array;
  /**
   * The same on the screen that shows the film, where gaze moves a field: the mean over the gaze of
   * the session, [neurons, height, width]. Absent where the eye does not move.
   */
  readonly seen?: Float32Array;
  /** Column and row of each field's center, from the center of the first pixel: [neurons, 2]. */
  readonly centers: Float32Array;
  /** 1 for complex cells, whose response does not depend on the phase, else 0: [neurons]. */
  readonly complex: Uint8Array;
}

/** The true rates of neurons in bins of the session, from its start. */
export interface TrueRates {
  /** Seconds per bin. */
  readonly dt: number;
  /** How many bins there are. */
  readonly bins: number;
  /**
   * Hz from stimulus and behavior alone, without connections and refractoriness: [neurons, bins].
   */
  readonly expected: Float32Array;
}

/** How well the spikes of a simulated recording can be predicted at all. */
export interface NoiseCeiling {
  /** Bits a spike that the expected rates tell, beyond each neuron's mean rate. */
  readonly rateBits: number;
  /** Bits a spike that the film's part of the expected rates tells. */
  readonly filmBits: number;
  /** Bits a spike that the rates given all spikes before tell. */
  readonly conditionalBits: number;
  /** How well repeats of one stimulus agree, for several widths of bins. */
  readonly repeats: readonly RepeatReliability[];
}

/** How well repeats of one stimulus agree, in bins of one width; means over neurons. */
export interface RepeatReliability {
  /** Width of the bins, seconds. */
  readonly bin: number;
  /** Correlation of the counts of every second repeat with those of the others, each summed. */
  readonly halves: number;
  /** Correlation of the counts of two repeats, mean over all pairs. */
  readonly single: number;
}

/** The wiring of neurons of which only the weights are known: all connections that excite count. */
export function unmarkedWiring(neurons: number, weights: Float64Array): Wiring {
  const strong = Uint8Array.from(weights, (weight) => Number(weight > 0));
  return { neurons, weights, strong, hubs: [], groups: 1 };
}

/** The group of a neuron, given how many neurons and groups of equal size there are. */
export function neuronGroup(neuron: number, neurons: number, groups: number): number {
  return Math.floor((neuron * groups) / neurons);
}
