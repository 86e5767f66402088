/**
 * The thread of the HDF5 library: responds to requests until it is terminated. Node and pages run
 * the same file.
 */

import { ready } from 'h5wasm';
import {
  decodeMessage,
  Exchange,
  encodeMessage,
  FILE_BYTES,
  MAX_TURN_BYTES,
  NEXT_PART,
  READ_FAILED,
  READ_FILE,
  REQUEST,
  RESPONSE,
  RESPONSE_PART,
} from './exchange.js';
import { BlockCache, type LibraryFile, type LibraryRequest, LibrarySession } from './library.js';
import { onFirstMessage } from './platform.js';

// A worker that prints would keep the process from exiting.
console.log = console.warn = console.error = () => {};

const NO_BYTES = new Uint8Array();

onFirstMessage<SharedArrayBuffer>((buffer) => {
  void serve(new Exchange(buffer));
});

/** Starts the library, reports that with an empty response, and then serves requests. */
async function serve(exchange: Exchange): Promise<never> {
  const library = await ready;
  let file: LibraryFile | undefined;
  const cache = new BlockCache((_, offset, length) => readThrough(exchange, offset, length));
  const session = new LibrarySession(library, (offset, length) =>
    cache.bytes(file!, offset, length),
  );
  send(exchange, NO_BYTES);
  for (;;) {
    waitFor(exchange, REQUEST);
    const request = decodeMessage<LibraryRequest>(exchange.data());
    file = request.file;
    const response = session.respond(request);
    if (request.operation === 'close') cache.drop(request.file.id);
    send(exchange, encodeMessage(response));
  }
}

/** Blocks until the exchange has one of these states, and returns it. */
function waitFor(exchange: Exchange, ...states: readonly number[]): number {
  for (let state = exchange.state; ; state = exchange.state) {
    if (states.includes(state)) return state;
    exchange.wait(state);
  }
}

/** Sends a response, in as many turns as it needs. */
function send(exchange: Exchange, message: Uint8Array): void {
  let sent = 0;
  for (; message.length - sent > MAX_TURN_BYTES; sent += MAX_TURN_BYTES) {
    exchange.pass(RESPONSE_PART, message.subarray(sent, sent + MAX_TURN_BYTES));
    waitFor(exchange, NEXT_PART);
  }
  exchange.pass(RESPONSE, message.subarray(sent));
}

/**
 * Reads bytes of the requested file through the other end.
 *
 * @throws Error with the reason where the other end cannot read them.
 */
function readThrough(exchange: Exchange, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const count = Math.min(MAX_TURN_BYTES, length - done);
    exchange.pass(READ_FILE, encodeMessage([offset + done, count]));
    const state = waitFor(exchange, FILE_BYTES, READ_FAILED);
    const data = exchange.data();
    if (state !== FILE_BYTES) throw new Error(new TextDecoder().decode(data));
    bytes.set(data, done);
    done += count;
  }
  return bytes;
}
