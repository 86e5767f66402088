// The steps of the epilogue as bits of params.flags. They run in the order that matmul_direct's
// header gives, not in the order of the bits.
const BIAS = 1u;
const GELU = 2u;
const GELU_GRAD = 4u;
const DROPOUT = 8u;
const RESIDUAL = 16u;
const ACCUMULATE = 32u;
const COLUMN_SUMS = 64u;
const KEEP_INPUT = 128u;
