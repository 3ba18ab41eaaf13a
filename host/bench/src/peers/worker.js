// What piscina's threads run.
const { performance } = require('node:perf_hooks');

module.exports.empty = (n) => n;
module.exports.spin = (n) => {
  const end = performance.now() + 1;
  while (performance.now() < end);
  return n;
};
module.exports.sleep = (n) => new Promise((done) => setTimeout(() => done(n), 1));
