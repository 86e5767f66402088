/**
 * A film as columns of a design: the pixels of the frame on show and of those before it, averaged
 * down and standardized.
 */

/** How films become columns. */
export interface FilmSettings {
  /** Pixels from top to bottom. */
  readonly height: number;
  /** Pixels from left to right. */
  readonly width: number;
  /** Seconds per frame. */
  readonly step: number;
  /** How many frames there are columns of; the last of them is the one on show. Default 4. */
  readonly frames?: number;
  /**
   * How many pixels are averaged to one, in both directions; blocks at the right and lower border
   * may be smaller. Default 2.
   */
  readonly average?: number;
  /**
   * Whether there are also columns of (pixel - its mean)^2, averaged alike, which respond to
   * contrast of either sign, as complex cells do. Default false.
   */
  readonly squares?: boolean;
}

/** A matrix whose rows overlap in memory: row r is values[starts[r]] and the values after it. */
export interface OverlappingRows {
  /** How many columns there are. */
  readonly columns: number;
  /** The values of all rows. */
  readonly values: Float64Array;
  /** Where each row begins. */
  readonly starts: Int32Array;
}

/** The columns of a film, and which of its frames each bin shows. */
export interface ShownFilm {
  /** One row per frame. */
  readonly rows: OverlappingRows;
  /** The row that each bin shows: [bins]. */
  readonly onShow: Int32Array;
}

/** Turns films into columns, by the means and spreads of the training films. */
export class FilmColumns {
  /** How many columns there are: [frames, features of a frame], with the oldest frame first. */
  readonly columns: number;
  /** Values per frame: the pixels averaged down, then their squares. */
  readonly features: number;
  readonly #settings: Required<FilmSettings>;
  /** The mean of each pixel, before averaging down. */
  readonly #pixelMeans: Float64Array;
  /** [features] */
  readonly #means: Float64Array;
  /** [features]; all pixels have one, and so have all squares, so that no place is favored. */
  readonly #spreads: Float64Array;

  /**
   * @param films the training films, [frames, height, width] each
   * @throws Error where a film does not consist of whole frames, or the settings are not whole
   *   numbers
   */
  constructor(films: readonly ArrayLike<number>[], settings: FilmSettings) {
    this.#settings = { frames: 4, average: 2, squares: false, ...settings };
    const { height, width, average, squares, frames } = this.#settings;
    if (!Number.isInteger(average) || average < 1 || !Number.isInteger(frames) || frames < 1)
      throw new Error(
        `Columns of a film need whole numbers above 0, but have ${frames} frames and ${average} pixels averaged to one.`,
      );
    const blocks = Math.ceil(height / average) * Math.ceil(width / average);
    this.features = squares ? 2 * blocks : blocks;
    this.columns = frames * this.features;
    this.#pixelMeans = columnMeans(films, height * width);
    const reduced = films.map((film) => this.#reduce(film));
    this.#means = columnMeans(reduced, this.features);
    const variances = columnMeans(
      reduced.map((rows) => rows.map((v, n) => (v - this.#means[n % this.features]!) ** 2)),
      this.features,
    );
    this.#spreads = variances.map((_, n) => {
      const kind = n < blocks ? variances.subarray(0, blocks) : variances.subarray(blocks);
      // A constant film has no spread to divide by.
      return Math.sqrt(kind.reduce((sum, v) => sum + v, 0) / blocks) || 1;
    });
  }

  /**
   * The columns of a film in bins that begin with its first frame. Frames before that count as
   * average.
   *
   * @param bin seconds per bin; the frame in the middle of a bin counts as on show in all of it
   * @throws Error where the film does not consist of whole frames or is shorter than the bins
   */
  show(film: ArrayLike<number>, bins: number, bin: number): ShownFilm {
    const { height, width, step } = this.#settings;
    const { features, columns } = this;
    const frames = wholeRows(film, height * width);
    const onShow = Int32Array.from({ length: bins }, (_, t) =>
      Math.floor(((t + 0.5) * bin) / step),
    );
    if (bins > 0 && onShow[bins - 1]! >= frames)
      throw new Error(
        `A trial has ${bins} bins of ${bin} s, but its film has only ${frames} frames of ${step} s: it should last as long as the trial.`,
      );
    const padding = columns - features;
    const values = new Float64Array(padding + frames * features);
    for (const [n, value] of this.#reduce(film).entries())
      values[padding + n] = (value - this.#means[n % features]!) / this.#spreads[n % features]!;
    const starts = Int32Array.from({ length: frames }, (_, frame) => frame * features);
    return { rows: { columns, values, starts }, onShow };
  }

  /** Pixels less their mean, averaged down, and their squares: [frames, features]. */
  #reduce(film: ArrayLike<number>): Float64Array {
    const { height, width, average, squares } = this.#settings;
    const across = Math.ceil(width / average);
    const blocks = Math.ceil(height / average) * across;
    const pixels = height * width;
    const sizes = new Float64Array(blocks);
    const blockAt = Int32Array.from({ length: pixels }, (_, p) => {
      const [y, x] = [Math.floor(p / width), p % width];
      return Math.floor(y / average) * across + Math.floor(x / average);
    });
    for (const block of blockAt) sizes[block]! += 1;
    const reduced = new Float64Array((film.length / pixels) * this.features);
    for (let n = 0; n < film.length; n++) {
      const [frame, pixel] = [Math.floor(n / pixels), n % pixels];
      const block = blockAt[pixel]!;
      const deviation = film[n]! - this.#pixelMeans[pixel]!;
      const feature = frame * this.features + block;
      reduced[feature]! += deviation / sizes[block]!;
      if (squares) reduced[feature + blocks]! += deviation ** 2 / sizes[block]!;
    }
    return reduced;
  }
}

/** The mean of each column over the rows of all tables, [rows, columns] each. */
function columnMeans(tables: readonly ArrayLike<number>[], columns: number): Float64Array {
  const sums = new Float64Array(columns);
  let rows = 0;
  for (const table of tables) {
    rows += wholeRows(table, columns);
    for (let n = 0; n < table.length; n++) sums[n % columns]! += table[n]!;
  }
  return sums.map((sum) => sum / rows);
}

/** @throws Error where a table does not consist of whole rows */
function wholeRows(table: ArrayLike<number>, columns: number): number {
  const rows = table.length / columns;
  if (!Number.isInteger(rows) || rows === 0)
    throw new Error(
      `A film has ${table.length} values, which are not whole frames of ${columns} pixels: it should be [frames, height, width].`,
    );
  return rows;
}
