/** The distribution of classes drawn from logits, in float64. */

/** The options of a draw, as in SampleOptions of src/tensor. */
export interface Draw {
  /** The smallest class to draw; smaller draws are raised to it. */
  lowest?: number;
  /** Keeps the k largest logits, and those equal to the k-th. */
  topK?: number;
  /** Keeps a logit if the larger ones have together at most this probability. */
  topP?: number;
  /** Divides the logits; 0 takes the most likely class. */
  temperature?: number;
}

/** The logarithm of the softmax of one row. */
export function logSoftmax(logits: ArrayLike<number>): number[] {
  const row = Array.from(logits);
  const mostLikely = row.reduce((maxMass, z) => Math.max(maxMass, z));
  const norm = mostLikely + Math.log(row.reduce((sum, z) => sum + Math.exp(z - mostLikely), 0));
  return row.map((z) => z - norm);
}

/** The classes that top-k and then top-p keep. */
export function filterClasses(logits: ArrayLike<number>, { topK = 0, topP = 1 }: Draw): number[] {
  let classes = Array.from(logits, (_, c) => c);
  const descending = classes.map((c) => logits[c]!).sort((a, b) => b - a);
  if (topK > 0 && topK < descending.length) {
    const threshold = descending[topK - 1]!;
    classes = classes.filter((c) => logits[c]! >= threshold);
  }
  const totalMass = (subset: number[]) =>
    subset.reduce((sum, c) => sum + Math.exp(logits[c]! - descending[0]!), 0);
  if (topP < 1) {
    const maxMass = topP * totalMass(classes);
    const topKClasses = classes;
    classes = topKClasses.filter(
      (c) => totalMass(topKClasses.filter((d) => logits[d]! > logits[c]!)) <= maxMass,
    );
  }
  return classes;
}

/** The probability that each class is drawn. */
export function drawProbabilities(logits: ArrayLike<number>, draw: Draw): number[] {
  const { temperature = 1, lowest = 0 } = draw;
  const classes = filterClasses(logits, draw);
  const mostLikely = classes.reduce((best, c) => (logits[c]! > logits[best]! ? c : best));
  const weights = Array.from(logits, (z, c) => {
    if (temperature === 0) return Number(c === mostLikely);
    return classes.includes(c) ? Math.exp((z - logits[mostLikely]!) / temperature) : 0;
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const below = weights.slice(0, lowest).reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight, c) => {
    if (c < lowest) return 0;
    return (weight + (c === lowest ? below : 0)) / total;
  });
}
