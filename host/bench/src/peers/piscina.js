// Node's piscina, asked line by line in JSON. Started as
// `node -e THIS PROCESSES WORKER`, where WORKER is a file like worker.js.
const { Piscina } = require('piscina');
const [processes, filename] = process.argv.slice(-2);
const count = Number(processes);
const pool = new Piscina({ filename, minThreads: count, maxThreads: count });
const now = () => Number(process.hrtime.bigint()) / 1e3;
const counts = new Map();

async function latencies(name, seconds) {
  const taken = [];
  const until = now() + seconds * 1e6;
  while (taken.length < 2 || (now() < until && taken.length < 20000)) {
    const begin = now();
    await pool.run(7, { name });
    taken.push(now() - begin);
  }
  return { latencies: taken };
}

async function rate(name, seconds) {
  for (;;) {
    const tasks = counts.get(name) ?? count * 4;
    const begin = now();
    await Promise.all(Array.from({ length: tasks }, () => pool.run(7, { name })));
    const took = (now() - begin) / 1e6;
    if (took * 2 >= seconds || tasks >= 100000) return { value: tasks / took };
    counts.set(name, Math.min(100000, Math.ceil(tasks * Math.min(20, Math.max(2, seconds / took)))));
  }
}

async function main() {
  await rate('sleep', 0.01);
  console.log(JSON.stringify({ version: Piscina.version ?? '' }));
  const lines = require('readline').createInterface({ input: process.stdin });
  for await (const line of lines) {
    const [what, name, seconds] = JSON.parse(line);
    const answer = what === 'apply' ? await latencies(name, seconds) : await rate(name, seconds);
    console.log(JSON.stringify(answer));
  }
  process.exit(0);
}

main();
