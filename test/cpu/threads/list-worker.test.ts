import { describe, expect, it } from 'vitest';
import * as w from '../../../src/cpu/threads/layout.js';
import { ListPublisher } from '../../../src/cpu/threads/list-ring.js';
import { ListWorker } from '../../../src/cpu/threads/list-worker.js';
import type { WorkerReply } from '../../../src/cpu/threads/messages.js';

describe('a worker that fails', () => {
  it('reports the failure first, and leaves the shared memory unchanged', () => {
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
    const words = new Int32Array(memory.buffer);
    const control = words.subarray(0, w.RING);
    const publisher = new ListPublisher(words, 2);
    const start = w.CONTROL_BYTES / 4;
    // A kernel whose module is invalid.
    const command = { [w.KIND]: w.RUN, [w.KERNEL]: 5, [w.TOTAL]: 2, [w.CHUNK]: 1 };
    for (const [word, value] of Object.entries(command)) words[start + Number(word)] = value;
    publisher.publish({ start, commands: 1, threads: 2, pages: 2 });
    const before = [...control];
    const sent: { answer: WorkerReply; control: number[] }[] = [];
    const port = { send: (answer: WorkerReply) => sent.push({ answer, control: [...control] }) };
    new ListWorker(port, { kind: 'shared', memory, thread: 1 }).serve();
    expect(sent).toHaveLength(1);
    expect(sent[0]!.answer).toMatchObject({ kind: 'failed', failure: { kernel: 5 } });
    // The words that other threads wait for or read are unchanged.
    expect(sent[0]!.control).toEqual(before);
    expect([...control]).toEqual(before);
  });
});
