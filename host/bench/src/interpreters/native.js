// Node itself, in this process: `vm`, which isolates nothing. Fresh is a new context; all
// else runs in this process's own one, which is faster. Asked line by line in JSON; started
// as `node -e THIS`. All of it is in a block, since snippets share the global names.
'use strict';
{
  const vm = require('node:vm');
  const readline = require('node:readline');
  const now = () => Number(process.hrtime.bigint()) / 1e3;

  function run(keeping, source, text) {
    const filename = '<snippet>';
    if (keeping === 'fresh') {
      return JSON.stringify(vm.runInNewContext(source, {}, { filename })) ?? 'null';
    }
    if (text !== null) globalThis.input = JSON.parse(text);
    return JSON.stringify(vm.runInThisContext(source, { filename })) ?? 'null';
  }

  function prepared(keeping, setup, source, call, text) {
    if (setup !== null) run(keeping, setup, null);
    if (call === null) return () => run(keeping, source, text);
    const [name, args] = call;
    return () => JSON.stringify(globalThis[name](...JSON.parse(args))) ?? 'null';
  }

  function measure({ run, expected }, seconds) {
    const taken = [];
    const until = now() + seconds * 1e6;
    while (taken.length < 2 || (now() < until && taken.length < 20000)) {
      const begin = now();
      const value = run();
      taken.push(now() - begin);
      if (value !== expected) throw new Error('it answers otherwise than at first');
    }
    return { latencies: taken };
  }

  async function main() {
    const hello = { version: process.versions.node, program: process.execPath };
    console.log(JSON.stringify(hello));
    const cases = new Map();
    for await (const line of readline.createInterface({ input: process.stdin })) {
      const [what, name, ...rest] = JSON.parse(line);
      let answer;
      try {
        if (what === 'prepare') {
          const run = prepared(...rest);
          const expected = run();
          cases.set(name, { run, expected });
          answer = { text: expected };
        } else {
          answer = measure(cases.get(name), ...rest);
        }
      } catch (error) {
        answer = { error: String(error).split('\n')[0] };
      }
      console.log(JSON.stringify(answer));
    }
  }

  main();
}
