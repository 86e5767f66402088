/**
 * Training in a page: files are chosen, a worker trains on them and decodes, and the page shows the
 * report.
 *
 * Nothing leaves the computer. The run is kept in the browser's own file system: close the tab,
 * choose the files again, and it goes on from its last checkpoint.
 */

import type { Message, Task } from './train-in-page-worker.js';

const input = document.createElement('input');
input.type = 'file';
input.multiple = true;
const status = document.createElement('output');
const frame = document.createElement('iframe');
frame.style.cssText = 'width: 100%; height: 90vh; border: 0';
document.body.append(input, status, frame);

const worker = new Worker(new URL('./train-in-page-worker.js', import.meta.url), {
  type: 'module',
});
worker.onmessage = ({ data }: MessageEvent<Message>) => {
  if ('report' in data) frame.srcdoc = data.report;
  status.textContent = data.status;
};
input.onchange = () => {
  const task: Task = { files: [...input.files!], run: 'runs/page' };
  worker.postMessage(task);
};
