struct Params {
  B: u32,
  H: u32,
  // Queries.
  T: u32,
  // Keys.
  S: u32,
  // Ranges of the keys, each for a workgroup of its own.
  splits: u32,
  // 1: query i sees keys 0 .. i only.
  causal: u32,
  // 1: `mask` says which keys can be seen.
  hasMask: u32,
  // 1: scores below the threshold in rowStats are masked.
  sparse: u32,
  // What scores are multiplied by, usually 1 / sqrt(D).
  scale: f32,
  // Dropout keeps a probability whose random word is below this,
  keepThreshold: u32,
  // times this: 1 / (1 - rate), and 1 without dropout.
  keepScale: f32,
  // The number of this dropout in the model, so that no two share a stream.
  site: u32,
}
