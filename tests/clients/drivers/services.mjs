// JupyterLab's own client, as VS Code's extension uses it too: node services.mjs ADDRESS TOKEN KERNEL LIBRARY
//
// Drives one kernel through a Jupyter server and prints, as one line of JSON, an object of what was seen at each step.
// A step that takes too long ends the program with an error that names it.

import { createRequire } from 'node:module';

// The package is written for bundlers: node has to load it as CommonJS, from where npm has put it.
const require = createRequire(`${process.cwd()}/`);
const { KernelManager, ServerConnection, KernelMessage } = require('@jupyterlab/services');

const [address, token, name, library] = process.argv.slice(2);
const PATIENCE = 45_000;
const seen = {};

/** Do one step and keep what it gives. */
async function step(label, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${label}: not within ${PATIENCE} ms`)), PATIENCE);
  });
  try {
    seen[label] = await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Start a cell; `text` is what it has printed so far, `printed(word)` waits for it. */
function start(kernel, code, options = {}) {
  const future = kernel.requestExecute({ code, ...options });
  const cell = { future, text: '', outputs: [], done: future.done };
  let waiting = () => {};
  cell.printed = word => new Promise(resolve => {
    waiting = () => cell.text.includes(word) && resolve(cell);
    waiting();
  });
  future.onIOPub = message => {
    const { content, header } = message;
    if (header.msg_type === 'stream') {
      cell.text += content.text;
      waiting();
    } else if (header.msg_type === 'execute_result') {
      cell.outputs.push(content.data['text/plain']);
    } else if (header.msg_type === 'error') {
      cell.outputs.push(content.ename);
    }
  };
  return cell;
}

/** Run a cell to its end: its status, what it printed, its results and errors. */
async function run(kernel, code, options) {
  const cell = start(kernel, code, options);
  const reply = await cell.done;
  return [reply.content.status, cell.text, ...cell.outputs];
}

const serverSettings = ServerConnection.makeSettings({ baseUrl: `${address}/`, token, appendToken: true });
const manager = new KernelManager({ serverSettings });
const kernel = await manager.startNew({ name });

await step('information', async () => {
  const { implementation, protocol_version, language_info, supported_features } = await kernel.info;
  return [implementation, protocol_version.split('.')[0], language_info.name, supported_features];
});

await step('execute', () => run(kernel, `import ${library}; await ${library}.sleep(0); print("slept"); 6 * 7`));
await step('error', () => run(kernel, '1 / 0'));
await step('number', async () => (await start(kernel, 'pass').done).content.execution_count);

await step('complete', async () => {
  const { content } = await kernel.requestComplete({ code: 'import string; string.asci', cursor_pos: 26 });
  return [content.cursor_start, content.cursor_end, content.matches.slice(0, 2)];
});
await step('inspect', async () => {
  const { content } = await kernel.requestInspect({ code: 'sum', cursor_pos: 3, detail_level: 0 });
  return [content.found, content.data['text/plain'].includes('Return the sum')];
});
await step('is complete', async () => (await kernel.requestIsComplete({ code: 'for i in x:' })).content);
await step('history', async () => {
  const { content } = await kernel.requestHistory({ hist_access_type: 'tail', n: 1, output: false, raw: true });
  return content.history.map(([, number, text]) => [number, text]);
});

await step('input', async () => {
  const cell = start(kernel, 'name = input("Who? ")\nprint(name)', { allow_stdin: true });
  let prompt;
  cell.future.onStdin = ({ header, content }) => {
    if (header.msg_type === 'input_request') {
      prompt = content.prompt;
      cell.future.sendInputReply({ status: 'ok', value: 'Ada' }, header);
    }
  };
  await cell.done;
  return [prompt, cell.text];
});

for (const [label, hold] of [
  ['interrupt a blocking cell', 'import time; time.sleep(600)'],
  ['interrupt an awaiting cell', `await ${library}.sleep(600)`],
]) {
  await step(label, async () => {
    const cell = start(kernel, `print("in"); ${hold}`, { stop_on_error: true });
    const next = start(kernel, 'print("never")');
    await cell.printed('in');
    await kernel.interrupt();
    const statuses = [cell, next].map(async each => (await each.done).content.status);
    return [...(await Promise.all(statuses)), ...cell.outputs];
  });
}

// A comm that the front end opens, beside a cell that keeps the loop's thread to itself.
await run(kernel, `
import comm, time

def opened(channel, message):
    channel.send({"was": message["content"]["data"]})
    channel.on_msg(heard)

def heard(message):
    global told
    told = message["content"]["data"]["told"]

comm.get_comm_manager().register_target("front", opened)
`);
await step('comm from the front end', async () => {
  const channel = kernel.createComm('front');
  const answered = new Promise(resolve => {
    channel.onMsg = ({ content }) => resolve(content.data);
  });
  channel.open({ hello: 1 });
  const answer = await answered;
  const cell = start(kernel, 'told = None; print("in")\nwhile told is None: time.sleep(0.01)\nprint(told)');
  await cell.printed('in');
  channel.send({ told: 'told while busy' });
  await cell.done;
  channel.close();
  return [answer, cell.text];
});

await step('comm from the kernel', async () => {
  const opened = new Promise(resolve => {
    kernel.registerCommTarget('back', (channel, message) => {
      channel.onMsg = ({ content, buffers }) => resolve([
        message.content.data, content.data, buffers.map(each => Buffer.from(each.buffer ?? each).toString()),
      ]);
    });
  });
  await run(kernel, 'c = comm.create_comm(target_name="back", data={"a": 1}); c.send({"b": 2}, buffers=[b"three"])');
  return opened;
});
await step('comms that are open', async () => {
  const { content } = await kernel.requestCommInfo({ target_name: 'back' });
  return Object.values(content.comms);
});

await step('subshell', async () => {
  const { content } = await kernel.requestCreateSubshell({}).done;
  const side = kernel.clone();
  side.subshellId = content.subshell_id;
  await side.info;
  const busy = start(kernel, 'release = False; print("in")\nwhile not release: time.sleep(0.01)\nprint("out")');
  await busy.printed('in');
  const aside = await run(side, 'print("beside"); release = True');
  await busy.done;
  const listed = (await kernel.requestListSubshell({}).done).content.subshell_id;
  const deleted = (await kernel.requestDeleteSubshell({ subshell_id: content.subshell_id }).done).content.status;
  side.dispose();
  return [kernel.supportsSubshells, ...aside, busy.text, listed.includes(content.subshell_id), deleted];
});

await step('debugger', async () => {
  const arguments_ = { clientID: 'test', adapterID: '', pathFormat: 'path' };
  const ask = async (command, more = {}) =>
    (await kernel.requestDebug({ seq: 0, type: 'request', command, arguments: more }).done).content;
  const initialized = await ask('initialize', arguments_);
  await ask('attach');
  const dumped = await ask('dumpCell', { code: 'x = 1\nx += 1' });
  const disconnected = await ask('disconnect', { restart: false, terminateDebuggee: false });
  return [initialized.success, dumped.body.sourcePath.endsWith('.py'), disconnected.success];
});

await step('restart', async () => {
  const states = [];
  kernel.statusChanged.connect((_, status) => states.push(status));
  await run(kernel, 'before = 1');
  await kernel.restart();
  const after = await run(kernel, 'print("before" in globals())');
  return [...after, states.includes('restarting') || states.includes('autorestarting')];
});

await step('restart a busy kernel', async () => {
  const cell = start(kernel, 'print("in")\nwhile True: pass');
  cell.done.catch(() => {}); // it is cancelled
  await cell.printed('in');
  await kernel.restart();
  return run(kernel, '1 + 1');
});

await step('death', async () => {
  const died = new Promise(resolve => kernel.statusChanged.connect((_, status) => {
    if (status === 'autorestarting') resolve(status);
  }));
  start(kernel, 'import os; os._exit(3)').done.catch(() => {});
  const state = await died;
  return [state, ...(await run(kernel, '"again"'))];
});

await step('shutdown', async () => {
  await kernel.shutdown();
  await manager.refreshRunning();
  return [kernel.isDisposed, manager.runningCount];
});

manager.dispose();
console.log(JSON.stringify(seen));
process.exit(0);
