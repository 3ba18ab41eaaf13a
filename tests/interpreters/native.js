// Runs a snippet in node, and prints its value as the guest `javascript` would:
// `node tests/interpreters/native.js FILE [INPUT]`.
"use strict";

const fs = require("node:fs");
const vm = require("node:vm");
const path = require("node:path");
const { encode, decode } = require(path.join(__dirname, "../../guest-tasks/javascript/js/values.js"));

process.env.TZ = "UTC";
const [file, input] = process.argv.slice(2);
const source = fs.readFileSync(file, "utf8");
globalThis.input = input === undefined ? null : decode(input);
// The output of a snippet is no part of its value.
for (const name of ["log", "info", "debug", "table", "dir"]) console[name] = () => {};

async function value() {
  let script;
  try {
    script = new vm.Script(source, { filename: "<snippet>" });
  } catch (error) {
    // `return` and `await` at the outermost level: there `result` is the value.
    const end = "; return typeof result === 'undefined' ? undefined : result;";
    const AsyncFunction = (async () => {}).constructor;
    return new AsyncFunction(`${source}\n${end}`)();
  }
  const last = await script.runInThisContext();
  if (last !== undefined || !source.includes("result")) return last;
  return vm.runInThisContext("typeof result === 'undefined' ? undefined : result");
}

value().then((last) => process.stdout.write(last === undefined ? "null" : encode(last)));
