/**
 * How the thread that asks and the thread of the HDF5 library talk: over shared memory, so that the one that asks can wait
 * where it stands. Turns go back and forth through one word of state:
 *
 *   asker                                library
 *   QUESTION (a question)          ->
 *                                  <-    READ (a range of the file) ...
 *   BYTES (the range, or why not)  ->
 *                                  <-    PART (a piece of the answer) ...
 *   NEXT                           ->
 *                                  <-    ANSWER (its last piece)
 *
 * The file is read by the thread that asks, so that the library needs to know neither disks nor browsers.
 */

/** States of the exchange: whose turn it is, and what lies in the data. */
export const IDLE = 0;
export const QUESTION = 1;
export const READ = 2;
export const BYTES = 3;
export const PART = 4;
export const NEXT = 5;
export const ANSWER = 6;
/** What could not be read: the data are the reason, as text. */
export const REFUSED = 7;

/** Bytes that travel with one turn. */
export const MAX_TURN_BYTES = 2 ** 20;
/** Words of control: the state, and the bytes of data in this turn. */
const STATE = 0;
const LENGTH = 1;
const CONTROL_BYTES = 64;

/** The two ends of an exchange, over the same memory. */
export class Exchange {
  readonly buffer: SharedArrayBuffer;
  readonly #control: Int32Array;
  readonly #data: Uint8Array;

  /** @param buffer the other end's memory; default: new memory. */
  constructor(buffer = new SharedArrayBuffer(CONTROL_BYTES + MAX_TURN_BYTES)) {
    this.buffer = buffer;
    this.#control = new Int32Array(buffer, 0, CONTROL_BYTES / 4);
    this.#data = new Uint8Array(buffer, CONTROL_BYTES);
  }

  get state(): number {
    return Atomics.load(this.#control, STATE);
  }

  /** Hands the turn over, with data. */
  pass(state: number, data: Uint8Array): void {
    this.#data.set(data);
    Atomics.store(this.#control, LENGTH, data.length);
    Atomics.store(this.#control, STATE, state);
    Atomics.notify(this.#control, STATE);
  }

  /** Waits until the state is no longer `state`; false where that takes longer than `milliseconds`. */
  wait(state: number, milliseconds?: number): boolean {
    return Atomics.wait(this.#control, STATE, state, milliseconds) !== 'timed-out';
  }

  /** The data of this turn, copied. */
  data(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#data.subarray(0, Atomics.load(this.#control, LENGTH)));
  }
}

/** Stands for an array of bytes in JSON, with its length; no name in a file holds this letter. */
const BYTES_MARK = '\0';

/** A value in bytes: JSON, in which arrays of bytes stand as references, and then those bytes. */
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
  let at = 4 + text.length;
  for (const array of arrays) {
    message.set(array, at);
    at += array.length;
  }
  return message;
}

/** The value of a message, its arrays of bytes in buffers of their own. */
export function decodeMessage<T>(message: Uint8Array<ArrayBuffer>): T {
  const length = new DataView(message.buffer).getUint32(0, true);
  const text = new TextDecoder().decode(message.subarray(4, 4 + length));
  let at = 4 + length;
  return JSON.parse(text, (_, item) => {
    const bytes: unknown = item?.[BYTES_MARK];
    if (typeof bytes !== 'number') return item;
    at += bytes;
    return message.slice(at - bytes, at);
  }) as T;
}
