/** The HDF5 library's own thread: answers questions until it is ended. The same file in Node and in pages. */

import { ready } from 'h5wasm';
import {
  ANSWER,
  BYTES,
  decodeMessage,
  Exchange,
  encodeMessage,
  MAX_TURN_BYTES,
  NEXT,
  PART,
  QUESTION,
  READ,
  REFUSED,
} from './exchange.js';
import { BlockCache, LibrarySession, type Question, type QuestionedFile } from './library.js';
import { onFirstMessage } from './platform.js';

// A thread that prints keeps its process from ending.
console.log = console.warn = console.error = () => {};

const NO_BYTES = new Uint8Array();

onFirstMessage<SharedArrayBuffer>((buffer) => {
  void serve(new Exchange(buffer));
});

async function serve(exchange: Exchange): Promise<never> {
  const library = await ready;
  let file: QuestionedFile | undefined;
  const cache = new BlockCache((_, offset, length) => readThrough(exchange, offset, length));
  const session = new LibrarySession(library, (offset, length) =>
    cache.bytes(file!, offset, length),
  );
  send(exchange, NO_BYTES);
  for (;;) {
    waitFor(exchange, QUESTION);
    const question = decodeMessage<Question>(exchange.data());
    file = question.file;
    const answer = session.answer(question);
    if (question.ask === 'close') cache.drop(question.file.id);
    send(exchange, encodeMessage(answer));
  }
}

/** Waits for the other end's turn. */
function waitFor(exchange: Exchange, ...states: readonly number[]): number {
  for (let state = exchange.state; ; state = exchange.state) {
    if (states.includes(state)) return state;
    exchange.wait(state);
  }
}

/** Sends an answer, in as many turns as it takes. */
function send(exchange: Exchange, message: Uint8Array): void {
  let at = 0;
  for (; message.length - at > MAX_TURN_BYTES; at += MAX_TURN_BYTES) {
    exchange.pass(PART, message.subarray(at, at + MAX_TURN_BYTES));
    waitFor(exchange, NEXT);
  }
  exchange.pass(ANSWER, message.subarray(at));
}

/** Bytes of the questioned file, which the other end reads. @throws Error with its reason where it cannot. */
function readThrough(exchange: Exchange, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const count = Math.min(MAX_TURN_BYTES, length - at);
    exchange.pass(READ, encodeMessage([offset + at, count]));
    const state = waitFor(exchange, BYTES, REFUSED);
    const data = exchange.data();
    if (state !== BYTES) throw new Error(new TextDecoder().decode(data));
    bytes.set(data, at);
    at += count;
  }
  return bytes;
}
