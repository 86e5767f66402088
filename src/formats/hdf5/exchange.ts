/**
 * How the reading thread and the thread of the HDF5 library talk. They share memory, so that the
 * reading thread can block until the response is there. The turn goes back and forth through one
 * word of state:
 *
 *   reading thread                       library
 *   REQUEST (a request)            ->
 *                                  <-    READ_FILE (a range of the file) ...
 *   FILE_BYTES (the range)
 *     or READ_FAILED (a reason)    ->
 *                                  <-    RESPONSE_PART (a piece of the response) ...
 *   NEXT_PART                      ->
 *                                  <-    RESPONSE (its last piece)
 *
 * The reading thread reads the file, so that the library needs to know neither disks nor browsers.
 */

// States of the exchange: they say which end has the turn, and what its data are.

/** The library's turn: the data are a request. */
export const REQUEST = 1;
/** The reading thread's turn: the data are the offset and length of a range of the file. */
export const READ_FILE = 2;
/** The library's turn: the data are the requested range. */
export const FILE_BYTES = 3;
/** The reading thread's turn: the data are a piece of the response, which is not the last. */
export const RESPONSE_PART = 4;
/** The library's turn: the reading thread has received the piece. There are no data. */
export const NEXT_PART = 5;
/** The reading thread's turn: the data are the last piece of the response. */
export const RESPONSE = 6;
/** The library's turn: the range cannot be read. The data are the reason, as text. */
export const READ_FAILED = 7;

/** The most bytes of data in one turn. */
export const MAX_TURN_BYTES = 2 ** 20;
/** Control words: the state, and the number of data bytes in this turn. */
const STATE = 0;
const LENGTH = 1;
const CONTROL_BYTES = 64;

/** One end of the exchange; both ends share their memory. */
export class Exchange {
  /** The shared memory, to be sent to the other end. */
  readonly buffer: SharedArrayBuffer;
  readonly #control: Int32Array;
  readonly #data: Uint8Array;

  /** @param buffer the memory of the other end; default: new memory. */
  constructor(buffer = new SharedArrayBuffer(CONTROL_BYTES + MAX_TURN_BYTES)) {
    this.buffer = buffer;
    this.#control = new Int32Array(buffer, 0, CONTROL_BYTES / 4);
    this.#data = new Uint8Array(buffer, CONTROL_BYTES);
  }

  /** The current state, such as REQUEST; 0 before the first turn. */
  get state(): number {
    return Atomics.load(this.#control, STATE);
  }

  /** Passes the turn to the other end, with a new state and its data. */
  pass(state: number, data: Uint8Array): void {
    this.#data.set(data);
    Atomics.store(this.#control, LENGTH, data.length);
    Atomics.store(this.#control, STATE, state);
    Atomics.notify(this.#control, STATE);
  }

  /**
   * Blocks until the state is no longer `state`; false where that takes longer than `milliseconds`.
   */
  wait(state: number, milliseconds?: number): boolean {
    return Atomics.wait(this.#control, STATE, state, milliseconds) !== 'timed-out';
  }

  /** A copy of the data of this turn. */
  data(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#data.subarray(0, Atomics.load(this.#control, LENGTH)));
  }
}

/**
 * The key under which an array of bytes leaves its length in the JSON. HDF5 names end at a zero, so
 * none contains it.
 */
const BYTES_MARK = '\0';

/**
 * Encodes a value as a message: the length of its JSON (uint32), the JSON, and then the arrays of
 * bytes, for which the JSON has only their lengths. A bigint becomes a number.
 */
export function encodeMessage(value: unknown): Uint8Array<ArrayBuffer> {
  const arrays: Uint8Array[] = [];
  const json = JSON.stringify(value, (_, item: unknown) => {
    if (item instanceof Uint8Array) {
      arrays.push(item);
      return { [BYTES_MARK]: item.length };
    }
    return typeof item === 'bigint' ? Number(item) : item;
  });
  const text = new TextEncoder().encode(json ?? 'null');
  const total = arrays.reduce((sum, { length }) => sum + length, 4 + text.length);
  const message = new Uint8Array(total);
  new DataView(message.buffer).setUint32(0, text.length, true);
  message.set(text, 4);
  let offset = 4 + text.length;
  for (const array of arrays) {
    message.set(array, offset);
    offset += array.length;
  }
  return message;
}

/** Decodes a message; its arrays of bytes get buffers of their own. */
export function decodeMessage<T>(message: Uint8Array<ArrayBuffer>): T {
  const length = new DataView(message.buffer).getUint32(0, true);
  const text = new TextDecoder().decode(message.subarray(4, 4 + length));
  let offset = 4 + length;
  return JSON.parse(text, (_, item) => {
    const bytes: unknown = item?.[BYTES_MARK];
    if (typeof bytes !== 'number') return item;
    offset += bytes;
    return message.slice(offset - bytes, offset);
  }) as T;
}
