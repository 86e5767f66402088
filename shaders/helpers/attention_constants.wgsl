// D is the head size; a head is read as CHUNKS vec4. Where D is not a multiple of 4, the last chunk
// has TAIL components, the last of them at index LAST; where D is a multiple, TAIL is 0 and LAST is
// 3.
const D = 16u;
const CHUNKS = (D + 3u) / 4u;
const TAIL = D % 4u;
const LAST = (D + 3u) % 4u;

// The score of a key that a query may not see: far below any real score, and still finite when it
// is doubled. The running maximum of a row starts at NO_MAX, far above MASKED, so that
// exp(MASKED - max) is 0 even in a row without any visible key. l of such a row is NO_L, so that
// exp(s - NO_L) is 0 for every score.
const MASKED = -1.0e38;
const NO_MAX = -5.0e37;
const NO_L = 1.0e38;
