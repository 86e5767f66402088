/** Drawing classes from logits, in float64. */

export interface Draw {
  /** What falls below it is drawn as it. */
  lowest?: number;
  topK?: number;
  topP?: number;
  temperature?: number;
}

export function logSoftmax(logits: ArrayLike<number>): number[] {
  const row = Array.from(logits);
  const top = row.reduce((most, z) => Math.max(most, z));
  const norm = top + Math.log(row.reduce((sum, z) => sum + Math.exp(z - top), 0));
  return row.map((z) => z - norm);
}

/** The k largest classes with ties, then those of them with at most p of the mass above them. */
export function keptClasses(logits: ArrayLike<number>, { topK = 0, topP = 1 }: Draw): number[] {
  let kept = Array.from(logits, (_, c) => c);
  const falling = kept.map((c) => logits[c]!).sort((a, b) => b - a);
  if (topK > 0 && topK < falling.length) {
    const least = falling[topK - 1]!;
    kept = kept.filter((c) => logits[c]! >= least);
  }
  const totalMass = (classes: number[]) =>
    classes.reduce((sum, c) => sum + Math.exp(logits[c]! - falling[0]!), 0);
  if (topP < 1) {
    const most = topP * totalMass(kept);
    const before = kept;
    kept = before.filter((c) => totalMass(before.filter((d) => logits[d]! > logits[c]!)) <= most);
  }
  return kept;
}

/** The probability that each class is drawn. */
export function drawProbabilities(logits: ArrayLike<number>, draw: Draw): number[] {
  const { temperature = 1, lowest = 0 } = draw;
  const kept = keptClasses(logits, draw);
  const top = kept.reduce((best, c) => (logits[c]! > logits[best]! ? c : best));
  const weights = Array.from(logits, (z, c) => {
    if (temperature === 0) return Number(c === top);
    return kept.includes(c) ? Math.exp((z - logits[top]!) / temperature) : 0;
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const below = weights.slice(0, lowest).reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight, c) => {
    if (c < lowest) return 0;
    return (weight + (c === lowest ? below : 0)) / total;
  });
}
